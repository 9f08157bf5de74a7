"""Who writes a table: one process at a time, in a folder by the operating system, in S3 by leases.

Delta has no exclusion between processes in either: two can both believe that they have committed.
"""

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
"""A lease that is not renewed for so long is that of a process that is gone."""
_RENEWALS = 3
_REFUSED = ("PreconditionFailed", "ConditionalRequestConflict")
_LOST = (*_REFUSED, "NoSuchKey")


@dataclass(frozen=True)
class BucketLocks:
    """Objects that are there while their process renews them.

    Made and taken over by conditional writes, which have one winner. Who waits judges by its own
    clock whether a lease is renewed: an object that stays the same for a whole lease is that of a
    process that is gone (as the lock client of DynamoDB does it).

    Attributes:
        client: an S3 client with the credentials of the moment.
        folder: of the locks, in the bucket.
        holder: who holds those that are taken here, for people.
    """

    client: Callable[[], Any]
    bucket: str
    folder: str
    holder: str
    lease_seconds: float = LEASE_SECONDS

    @contextmanager
    def lock(self, name: str, *, patience: float = 0) -> Iterator[None]:
        try:
            tag = self._taken(name, patience)
        except (ClientError, BotoCoreError) as error:
            raise LakeError(
                f"s3a://{self.bucket}/{self._key(name)}: cannot be written "
                f"({_code(error) or type(error).__name__}). A lock keeps two runs from writing one "
                "table at once; give the run the right to write, read and delete there, in a store "
                "that knows conditional writes (If-None-Match)."
            ) from error
        renewal = _Renewal(self, name, tag)
        renewal.start()
        try:
            yield
        finally:
            renewal.end()
        if renewal.is_lost:
            raise LakeError(
                f"{name}: this run stood still for longer than {self.lease_seconds:.0f} s, and "
                f"another has taken its lock in s3a://{self.bucket}/{self.folder}. Both may have "
                "written; start this job again, it repeats what is missing."
            )

    def _taken(self, name: str, patience: float) -> str:
        """The tag of the lock's object, which is this process's from now on."""
        begun = since = monotonic()
        seen, is_told = None, False
        while True:
            try:
                return self.put(name, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) not in _REFUSED:
                    raise
            there = self._tag(name)
            if there != seen:
                if seen is not None and there is not None and monotonic() >= begun + patience:
                    raise Busy  # it was renewed, or is another's now
                seen, since = there, monotonic()
            elif there is not None and monotonic() - since > self.lease_seconds:
                try:
                    return self.put(name, IfMatch=there)
                except ClientError as error:
                    if _code(error) not in _LOST:
                        raise
            if not is_told and monotonic() - begun > self.lease_seconds / 10:
                is_told = True
                say(
                    f"    {name} is locked: waiting to see whether its run goes on "
                    f"(at most {self.lease_seconds:.0f} s after one that was killed)"
                )
            sleep(self.lease_seconds / 150)

    def put(self, name: str, **condition: str) -> str:
        told = {"run": self.holder, "host": socket.gethostname(), "process": os.getpid()}
        # A tag is of the content: each renewal needs another one.
        body = json.dumps({**told, "at": monotonic()}).encode()
        done = self.client().put_object(
            Bucket=self.bucket, Key=self._key(name), Body=body, **condition
        )
        return str(done["ETag"])

    def release(self, name: str) -> None:
        self.client().delete_object(Bucket=self.bucket, Key=self._key(name))

    def _tag(self, name: str) -> str | None:
        try:
            found = self.client().head_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if _code(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return str(found["ETag"])

    def _key(self, name: str) -> str:
        return f"{self.folder}/{name}"


class _Renewal(Thread):
    """Renews a lease until it is let go."""

    def __init__(self, locks: BucketLocks, name: str, tag: str) -> None:
        super().__init__(daemon=True)
        self._locks, self._lock, self._tag = locks, name, tag
        self._renewed_at = monotonic()
        self._is_over = Event()
        self.is_lost = False

    def run(self) -> None:
        while not self.is_lost and not self._is_over.wait(self._locks.lease_seconds / _RENEWALS):
            self._renew()

    def end(self) -> None:
        """Let the lock go, if it is this process's still."""
        self._is_over.set()
        self.join()
        if monotonic() - self._renewed_at > self._locks.lease_seconds / 2:
            self._renew()  # or another may have it
        if not self.is_lost:
            with suppress(ClientError, BotoCoreError):  # it ends by itself
                self._locks.release(self._lock)

    def _renew(self) -> None:
        try:
            self._tag = self._locks.put(self._lock, IfMatch=self._tag)
            self._renewed_at = monotonic()
        except (ClientError, BotoCoreError) as error:  # others may pass until the next time
            self.is_lost = _code(error) in _LOST


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
