"""File locks of the operating system, for a lake in a folder."""

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
    """Lock files. The operating system releases a lock when its process ends, even if it is
    killed."""

    folder: Path

    @contextmanager
    def lock(self, name: str, *, patience: float = 0) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = monotonic() + patience
        with (self.folder / name).open("w") as handle:
            while not _try_lock(handle):
                if monotonic() >= deadline:
                    raise Busy
                sleep(0.02)
            yield


def _try_lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
