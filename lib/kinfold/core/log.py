"""Progress messages for the person who waits: which job runs, its progress, its duration.

All messages go to standard error, so that standard output holds only results.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from kinfold.core.masking import masked
from kinfold.core.wording import duration_text

HEARTBEAT_SECONDS = 5.0
_YES_OR_NO = ("promoted", "champion_is_fresh")
_STEP: ContextVar[str] = ContextVar("step", default="")


def say(text: str) -> None:
    """Print one line of progress, without the passwords in it."""
    print(masked(text), file=sys.stderr, flush=True)


@contextmanager
def numbered_step(number: int, total: int) -> Iterator[None]:
    """While the body runs, lines about a job begin with its number: `[4/13] `."""
    width = len(str(total))
    token = _STEP.set(f"[{number:>{width}}/{total}] ")
    try:
        yield
    finally:
        _STEP.reset(token)


def say_result(job: str, result: str, *, seconds: float | None = None) -> None:
    """Print the line that ends a job: its number in a suite, its name, seconds and result."""
    took = "" if seconds is None else f" {seconds:6.1f} s "
    say(f"  {_STEP.get()}{job:<28}{took} {result}".rstrip())


def counts_text(counts: Mapping[str, float]) -> str:
    """Named numbers as readable text: `new 1,234, duplicates 56, promoted yes`."""
    parts = []
    for name, value in counts.items():
        if name in _YES_OR_NO:
            parts.append(f"{name.replace('_', ' ')} {'yes' if value else 'no'}")
            continue
        number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
        parts.append(f"{name.replace('_', ' ')} {number}")
    return ", ".join(parts)


@contextmanager
def heartbeat(name: str, progress: Callable[[], str]) -> Iterator[None]:
    """While the body runs, print every few seconds how long it has run and its progress.

    Args:
        name: of the work, printed in each line.
        progress: returns the current progress as text; may be empty.
    """
    started, step = monotonic(), _STEP.get()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            text = progress()
            took = duration_text(round(monotonic() - started))
            say(f"    {step}{name}: {took}{', ' + text if text else ''}")

    thread = threading.Thread(target=beat, name="kinfold-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
