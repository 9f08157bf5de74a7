"""File locks of the operating system, for a lake in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from kinfold.core.errors import LakeError
from kinfold.runtime.locks.protocol import Busy, Lease


@dataclass(frozen=True)
class FolderLocks:
    """Lock files. The operating system releases a lock when its process ends, even if it is
    killed."""

    folder: Path

    @contextmanager
    def lock(self, name: str, *, patience: float = 0) -> Iterator[Lease]:
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = monotonic() + patience
        with (self.folder / name).open("w") as handle:
            while not _try_lock(handle):
                if monotonic() >= deadline:
                    raise Busy
                sleep(0.02)
            yield FolderLease(self.folder / name, handle)


@dataclass(frozen=True)
class FolderLease:
    """A lock file that this process has locked."""

    path: Path
    handle: IO[str]

    def require_owned(self) -> None:
        if os.fstat(self.handle.fileno()).st_nlink == 0:  # another process can lock a new file
            raise LakeError(
                f"{self.path}: this lock file was deleted while a run uses it, so another run may "
                "write the same table. This run stops. Start it again, and do not delete files of "
                "a lake while a job runs on it."
            )


def _try_lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
