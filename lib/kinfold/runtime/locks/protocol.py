"""The interface of locks."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Busy(Exception):
    """Another process has the lock."""


class Lease(Protocol):
    """A lock that this process has taken."""

    def require_owned(self) -> None:
        """Check, before a commit, that no other process has taken over the lock.

        Raises:
            LakeError: it has, or that cannot be known.
        """


class Locks(Protocol):
    """The locks of a lake, by name."""

    def lock(self, name: str, *, patience: float = 0) -> AbstractContextManager[Lease]:
        """A context during which no other process has the lock.

        Args:
            patience: seconds to wait for another process.

        Raises:
            Busy: the other process still has the lock after that.
        """


class NoLocks:
    """Locks that never block, for storage without locks."""

    def lock(self, name: str, *, patience: float = 0) -> AbstractContextManager[Lease]:
        return nullcontext(self)

    def require_owned(self) -> None:
        """Nothing to check."""
