"""Who writes a table: one process at a time, in a folder by the operating system, in S3 by leases.

Delta has no exclusion between processes in either: two can both believe that they have committed.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Busy(Exception):
    """Another process holds the lock."""


class Locks(Protocol):
    """The locks of a lake, by name."""

    def lock(self, name: str, *, patience: float = 0) -> AbstractContextManager[None]:
        """A context in which no other process holds the lock.

        Args:
            patience: seconds to wait for another process that is at work.

        Raises:
            Busy: it still holds the lock then.
        """


class NoLocks:
    """Of storage that has none."""

    def lock(self, name: str, *, patience: float = 0) -> AbstractContextManager[None]:
        return nullcontext()
