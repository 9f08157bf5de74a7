"""S3 lease locks: objects created with If-None-Match and renewed with If-Match."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kinfold.core.errors import LakeError
from kinfold.core.log import say
from kinfold.runtime.locks.protocol import Busy

LEASE_SECONDS = 30.0
"""A lease that is not renewed for this long belongs to a process that no longer runs."""
_RENEWALS_PER_LEASE = 3
_REFUSED = ("PreconditionFailed", "ConditionalRequestConflict")
_LOST = (*_REFUSED, "NoSuchKey")


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
    """

    client: Callable[[], Any]
    bucket: str
    folder: str
    holder: str
    lease_seconds: float = LEASE_SECONDS

    @contextmanager
    def lock(self, name: str, *, patience: float = 0) -> Iterator[None]:
        try:
            tag = self._acquired(name, patience)
        except (ClientError, BotoCoreError) as error:
            raise LakeError(
                f"s3a://{self.bucket}/{self._key(name)}: cannot be written "
                f"({_code(error) or type(error).__name__}). A lock prevents two runs from "
                "writing one table at once: allow the run to read, write and delete there, in a "
                "store that supports conditional writes (If-None-Match)."
            ) from error
        renewal = _Renewal(self, name, tag)
        renewal.start()
        try:
            yield
        finally:
            renewal.end()
        if renewal.is_lost:
            raise LakeError(
                f"{name}: this run was paused for longer than {self.lease_seconds:.0f} s, and "
                f"another run took over its lock in s3a://{self.bucket}/{self.folder}. Both may "
                "have written. Start this job again; it repeats what is missing."
            )

    def _acquired(self, name: str, patience: float) -> str:
        """Wait for the lock, take it, and return the tag of its object."""
        started = seen_since = monotonic()
        seen, is_reported = None, False
        while True:
            try:
                return self.put(name, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) not in _REFUSED:
                    raise
            tag = self._tag(name)
            if tag != seen:
                if seen is not None and tag is not None and monotonic() >= started + patience:
                    raise Busy  # renewed by its process, or taken by another one
                seen, seen_since = tag, monotonic()
            elif tag is not None and monotonic() - seen_since > self.lease_seconds:
                try:
                    return self.put(name, IfMatch=tag)
                except ClientError as error:
                    if _code(error) not in _LOST:
                        raise
            if not is_reported and monotonic() - started > self.lease_seconds / 10:
                is_reported = True
                say(
                    f"    {name} is locked: waiting to see whether its run still works "
                    f"(at most {self.lease_seconds:.0f} s if it was killed)"
                )
            sleep(self.lease_seconds / 150)

    def put(self, name: str, **condition: str) -> str:
        """Write the lock's object under an S3 condition and return its tag."""
        holder = {"run": self.holder, "host": socket.gethostname(), "process": os.getpid()}
        # The tag is a hash of the content, so each renewal needs a different content.
        body = json.dumps({**holder, "at": monotonic()}).encode()
        response = self.client().put_object(
            Bucket=self.bucket, Key=self._key(name), Body=body, **condition
        )
        return str(response["ETag"])

    def release(self, name: str) -> None:
        """Delete the lock's object."""
        self.client().delete_object(Bucket=self.bucket, Key=self._key(name))

    def _tag(self, name: str) -> str | None:
        try:
            response = self.client().head_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if _code(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return str(response["ETag"])

    def _key(self, name: str) -> str:
        return f"{self.folder}/{name}"


class _Renewal(Thread):
    """Renews a lease until it is released."""

    def __init__(self, locks: BucketLocks, name: str, tag: str) -> None:
        super().__init__(daemon=True)
        self._locks, self._lock, self._tag = locks, name, tag
        self._renewed_at = monotonic()
        self._is_released = Event()
        self.is_lost = False

    def run(self) -> None:
        interval = self._locks.lease_seconds / _RENEWALS_PER_LEASE
        while not self.is_lost and not self._is_released.wait(interval):
            self._renew()

    def end(self) -> None:
        """Release the lock, unless another process has taken it over."""
        self._is_released.set()
        self.join()
        if monotonic() - self._renewed_at > self._locks.lease_seconds / 2:
            self._renew()  # another process may have taken it over
        if not self.is_lost:
            with suppress(ClientError, BotoCoreError):  # the lease expires by itself
                self._locks.release(self._lock)

    def _renew(self) -> None:
        try:
            self._tag = self._locks.put(self._lock, IfMatch=self._tag)
            self._renewed_at = monotonic()
        except (ClientError, BotoCoreError) as error:  # the next renewal may work
            self.is_lost = _code(error) in _LOST


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
