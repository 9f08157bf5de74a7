"""The interface of locks."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Busy(Exception):
    """Another process has the lock."""


class Locks(Protocol):
    """The locks of a lake, by name."""

    def lock(self, name: str, *, patience: float = 0) -> AbstractContextManager[None]:
        """A context during which no other process has the lock.

        Args:
            patience: seconds to wait for another process.

        Raises:
            Busy: the other process still has the lock after that.
        """


class NoLocks:
    """Locks that never block, for storage without locks."""

    def lock(self, name: str, *, patience: float = 0) -> AbstractContextManager[None]:
        return nullcontext()
