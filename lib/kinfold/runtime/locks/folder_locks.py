"""Who writes a table: one process at a time, in a folder by the operating system, in S3 by leases.

Delta has no exclusion between processes in either: two can both believe that they have committed.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from kinfold.runtime.locks.protocol import Busy


@dataclass(frozen=True)
class FolderLocks:
    """Files that the operating system locks, and lets go when a process ends in whatever way."""

    folder: Path

    @contextmanager
    def lock(self, name: str, *, patience: float = 0) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        until = monotonic() + patience
        with (self.folder / name).open("w") as handle:
            while not _is_locked(handle):
                if monotonic() >= until:
                    raise Busy
                sleep(0.02)
            yield


def _is_locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
