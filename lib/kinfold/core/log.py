"""Progress for the person who waits: what runs, how far it is, how long it took.

Everything goes to standard error, so that standard output holds results alone.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic

HEARTBEAT_SECONDS = 5.0


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


def counts_text(counts: Mapping[str, float]) -> str:
    """Numbers as people read them: `new 1,234, duplicates 56`."""
    parts = []
    for name, value in counts.items():
        number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"
        parts.append(f"{name.replace('_', ' ')} {number}")
    return ", ".join(parts)


@contextmanager
def heartbeat(name: str, position: Callable[[], str]) -> Iterator[None]:
    """While the body runs, say every few seconds that `name` is alive and where it stands."""
    begun = monotonic()
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            place = position()
            say(f"    {name}: {monotonic() - begun:.0f} s{', ' + place if place else ''}")

    thread = threading.Thread(target=beat, name="kinfold-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
