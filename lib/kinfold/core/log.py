"""Progress messages for the person who waits: which job runs, its progress, its duration.

All messages go to standard error, so that standard output holds only results.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

from kinfold.core.masking import masked

HEARTBEAT_SECONDS = 5.0


def say(text: str) -> None:
    """Print one line of progress, without the passwords in it."""
    print(masked(text), file=sys.stderr, flush=True)


def counts_text(counts: Mapping[str, float]) -> str:
    """Named numbers as readable text: `new 1,234, duplicates 56`."""
    parts = []
    for name, value in counts.items():
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
    started = monotonic()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            text = progress()
            say(f"    {name}: {monotonic() - started:.0f} s{', ' + text if text else ''}")

    thread = threading.Thread(target=beat, name="kinfold-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
