"""S3 lease locks: objects created with If-None-Match and renewed with If-Match."""

import json
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, RLock, Thread
from time import sleep
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinfold.core.errors import LakeError
from kinfold.core.log import say
from kinfold.runtime.locks.protocol import Busy, Lease

LEASE_SECONDS = 30.0
"""A lease that is not renewed for this long belongs to a process that no longer runs."""
_RENEWALS_PER_LEASE = 3
_REFUSED, _CONFLICT = "PreconditionFailed", "ConditionalRequestConflict"
_MISSING = ("404", "NoSuchKey", "NotFound")
_CONFLICT_ATTEMPTS = 5
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class LockObject:
    """The object of a lock as it is in the bucket: its tag, and the lease that wrote it."""

    tag: str
    lease_id: str | None


@dataclass(frozen=True)
class BucketLocks:
    """Locks in an S3 bucket; each lock is an object that its process renews.

    Conditional writes create and take over a lock, and only one of several such writes succeeds.
    A waiting process measures with its own clock whether the object is renewed. If it stays the
    same for a whole lease, its process no longer runs. (The lock client of DynamoDB works the same
    way.)

    Attributes:
        client: returns an S3 client with current credentials.
        folder: of the locks, in the bucket.
        holder: the run that takes the locks, stored in them for people who read them.
        on_lost: called when another process has taken over a lock, to stop writes under way.
    """

    client: Callable[[], Any]
    bucket: str
    folder: str
    holder: str
    lease_seconds: float = LEASE_SECONDS
    on_lost: Callable[[], object] = lambda: None

    @contextmanager
    def lock(self, name: str, *, patience: float = 0) -> Iterator[Lease]:
        lease = BucketLease(self, name)
        try:
            lease.acquire(patience)
        except (ClientError, BotoCoreError) as error:
            raise LakeError(
                f"{self.uri_of(name)}: cannot be written "
                f"({_code(error) or type(error).__name__}). A lock prevents two runs from "
                "writing one table at once: allow the run to read, write and delete there, in a "
                "store that supports conditional writes (If-None-Match)."
            ) from error
        try:
            yield lease
        except Exception:
            lease.end()
            lease.require_not_lost()  # the reason for the error: Spark's jobs were cancelled
            raise
        except BaseException:  # Ctrl-C
            lease.end()
            raise
        lease.end()
        lease.require_not_lost()

    def put(self, name: str, lease_id: str = "", **condition: str) -> str | None:
        """Write the lock's object under an S3 condition.

        Returns:
            Its tag; None if the condition is not met.
        """
        holder = {"run": self.holder, "host": socket.gethostname(), "process": os.getpid()}
        # The tag is a hash of the content, so each renewal needs a different content.
        body = json.dumps({**holder, "lease": lease_id, "at": now()}).encode()
        for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
            try:
                response = self.client().put_object(
                    Bucket=self.bucket, Key=self._key(name), Body=body, **condition
                )
                return str(response["ETag"])
            except ClientError as error:
                if _code(error) == _CONFLICT and attempt < _CONFLICT_ATTEMPTS:
                    sleep(self.lease_seconds / 300)  # another request was under way
                elif _code(error) in (_REFUSED, *_MISSING):
                    # The client repeats a request whose answer was lost. The repeated one is
                    # refused if the first one has succeeded.
                    current = self.current(name)
                    is_ours = current is not None and current.lease_id == lease_id != ""
                    return current.tag if current is not None and is_ours else None
                else:
                    raise
        return None

    def current(self, name: str) -> LockObject | None:
        """The lock's object; None if it does not exist."""
        try:
            response = self.client().get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise
        try:
            content = json.loads(response["Body"].read())
            lease_id = content.get("lease")
        except (ValueError, AttributeError):  # something else wrote it
            lease_id = None
        return LockObject(str(response["ETag"]), lease_id)

    def release(self, name: str) -> None:
        """Delete the lock's object."""
        self.client().delete_object(Bucket=self.bucket, Key=self._key(name))

    def uri_of(self, name: str) -> str:
        """The URI of the lock's object, for messages."""
        return f"s3a://{self.bucket}/{self._key(name)}"

    def _key(self, name: str) -> str:
        return f"{self.folder}/{name}"


class BucketLease(Thread):
    """One lock of this process. The thread renews it until it is released."""

    def __init__(self, locks: BucketLocks, name: str) -> None:
        super().__init__(name=f"kinfold-lease-{name}", daemon=True)
        self._locks, self._lock = locks, name
        self._id, self._tag = uuid.uuid4().hex, ""
        self._renewed_at = now()
        self._one_renewal = RLock()
        self._is_released = Event()
        self.is_lost = False

    def acquire(self, patience: float) -> None:
        """Wait for the lock, take it, and start to renew it.

        Raises:
            Busy: another process still renews it after `patience` seconds.
        """
        locks, name = self._locks, self._lock
        started = seen_since = now()
        seen, is_reported = None, False
        while True:
            if self._take(IfNoneMatch="*"):
                return
            current = locks.current(name)
            tag = None if current is None else current.tag
            if tag != seen:
                if seen is not None and tag is not None and now() >= started + patience:
                    raise Busy  # renewed by its process, or taken by another one
                seen, seen_since = tag, now()
            elif (
                tag is not None
                and now() - seen_since > locks.lease_seconds
                and self._take(IfMatch=tag)
            ):
                return
            if not is_reported and now() - started > locks.lease_seconds / 10:
                is_reported = True
                say(
                    f"    {name} is locked: waiting to see whether its run still works "
                    f"(at most {locks.lease_seconds:.0f} s if it was killed)"
                )
            sleep(locks.lease_seconds / 150)

    def run(self) -> None:
        interval = self._locks.lease_seconds / _RENEWALS_PER_LEASE
        while not self.is_lost and not self._is_released.wait(interval):
            self._renew()

    def require_owned(self) -> None:
        if now() - self._renewed_at > self._locks.lease_seconds / 2:
            self._renew()  # another process may have taken it over
        self.require_not_lost()
        if now() - self._renewed_at > self._locks.lease_seconds:
            raise LakeError(
                f"{self._locks.uri_of(self._lock)}: this lock could not be renewed for "
                f"{now() - self._renewed_at:.0f} s, so another run may have taken it over. This "
                "run has stopped before its next commit. Check that the bucket can be reached, "
                "and start this job again; it repeats what is missing."
            )

    def require_not_lost(self) -> None:
        """Check that no other process was seen to have taken over the lock.

        Raises:
            LakeError: one was.
        """
        if self.is_lost:
            raise LakeError(
                f"{self._lock}: this run was paused for longer than "
                f"{self._locks.lease_seconds:.0f} s, and another run took over its lock "
                f"{self._locks.uri_of(self._lock)}. This run has stopped; if it was about to "
                "commit, both may have written. Start this job again; it repeats what is missing."
            )

    def end(self) -> None:
        """Release the lock, unless another process has taken it over."""
        self._is_released.set()
        self.join()
        if now() - self._renewed_at > self._locks.lease_seconds / 2:
            self._renew()  # another process may have taken it over
        if not self.is_lost:
            with suppress(ClientError, BotoCoreError):  # the lease expires by itself
                self._locks.release(self._lock)

    def _take(self, **condition: str) -> bool:
        """Whether the lock could be created or taken over; then it is renewed from now on."""
        asked_at = now()
        try:
            tag = self._locks.put(self._lock, self._id, **condition)
        except ClientError as error:
            if _code(error) != _CONFLICT:
                raise
            return False
        if tag is None:
            return False
        self._tag, self._renewed_at = tag, asked_at
        self.start()
        return True

    def _renew(self) -> None:
        with self._one_renewal:
            asked_at = now()
            try:
                tag = self._locks.put(self._lock, self._id, IfMatch=self._tag)
            except (ClientError, BotoCoreError):
                return  # the next renewal may work
            if tag is not None:
                self._tag, self._renewed_at = tag, asked_at
            elif not self.is_lost:
                self.is_lost = True
                if not self._is_released.is_set():
                    with suppress(Exception):  # a session that is closed writes nothing
                        self._locks.on_lost()


def now() -> float:
    """Seconds of a clock that also runs while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
