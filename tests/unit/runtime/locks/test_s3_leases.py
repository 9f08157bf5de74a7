"""Leases in a bucket: on a server with the S3 protocol, and on a store whose answers get lost."""

import io
import time
from dataclasses import dataclass, field, replace

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from kinfold.core.errors import LakeError
from kinfold.runtime.locks import s3_leases
from kinfold.runtime.locks.protocol import Busy
from kinfold.runtime.locks.s3_leases import BucketLease, BucketLocks

LEASE = 1.5  # of the fixture `in_bucket`


@dataclass
class Store:
    """Objects with the conditional writes of S3.

    Attributes:
        answers: what happens to the next writes, in order: `lost` = it succeeds and the client
            repeats it, as boto3 does; `conflict` = status 409; `timeout` = nothing arrives.
    """

    objects: dict = field(default_factory=dict)
    answers: list = field(default_factory=list)
    writes: int = 0

    def put_object(self, *, Key, Body, IfNoneMatch=None, IfMatch=None, **_):
        answer = self.answers.pop(0) if self.answers else None
        if answer == "timeout":
            raise ReadTimeoutError(endpoint_url="http://store")
        if answer == "conflict":
            raise refusal("ConditionalRequestConflict")
        tag = self.objects.get(Key, (None, None))[0]
        if IfMatch is not None and tag is None:
            raise refusal("NoSuchKey")
        if (IfNoneMatch and tag) or (IfMatch is not None and IfMatch != tag):
            raise refusal("PreconditionFailed")
        self.writes += 1
        self.objects[Key] = (f"tag-{self.writes}", Body)
        if answer == "lost":
            return self.put_object(Key=Key, Body=Body, IfNoneMatch=IfNoneMatch, IfMatch=IfMatch)
        return {"ETag": f"tag-{self.writes}"}

    def get_object(self, *, Key, **_):
        if Key not in self.objects:
            raise refusal("NoSuchKey")
        tag, body = self.objects[Key]
        return {"ETag": tag, "Body": io.BytesIO(body)}

    def delete_object(self, *, Key, **_):
        self.objects.pop(Key, None)


def refusal(code):
    return ClientError({"Error": {"Code": code}}, "PutObject")


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def locks(store):
    """Locks whose leases are renewed only when a test does it."""
    return BucketLocks(lambda: store, "bucket", "lake/_locks", "run-1", lease_seconds=60)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets forward."""
    seconds = [1000.0]
    monkeypatch.setattr(s3_leases, "now", lambda: seconds[0])
    return seconds


def taken_over(store):
    """Another process writes the lock's object."""
    store.objects["lake/_locks/a"] = ("tag-of-another", b'{"lease": "another"}')


def test_a_lock_whose_first_write_was_answered_late_is_taken_at_once(store, locks):
    store.answers = ["lost"]
    with locks.lock("a"):
        assert list(store.objects) == ["lake/_locks/a"]
    assert not store.objects


@pytest.mark.parametrize("answers", [["lost"], ["conflict"], ["conflict"] * 3 + ["lost"]])
def test_a_renewal_that_is_refused_after_a_lost_answer_or_a_conflict_keeps_the_lease(
    store, locks, clock, answers
):
    with locks.lock("a") as lease:
        for _ in range(3):
            store.answers = list(answers)
            clock[0] += 40  # more than half of a lease: the check renews it
            lease.require_owned()
        assert not lease.is_lost
    assert not store.objects


def write_after(locks, event, clock, *, error=None):
    """A job that is paused for longer than a lease, while `event` happens, and then commits."""
    with locks.lock("a") as lease:
        event()
        clock[0] += 61
        if error is not None:
            raise error
        lease.require_owned()
        raise AssertionError("committed")


def test_a_lease_that_another_process_took_over_allows_no_commit_and_stops_spark(
    store, locks, clock
):
    stopped = []
    locks = replace(locks, on_lost=lambda: stopped.append(1))
    message = r"a: this run was paused .* took over its lock s3a://bucket/lake/_locks/a"
    with pytest.raises(LakeError, match=message):
        write_after(locks, lambda: taken_over(store), clock)
    assert stopped == [1]
    assert list(store.objects) == ["lake/_locks/a"]  # the lock of the other process stays


def test_the_lost_lease_is_the_reason_of_an_error_of_the_cancelled_spark_jobs(store, locks, clock):
    with pytest.raises(LakeError, match="took over its lock"):
        write_after(
            locks, lambda: taken_over(store), clock, error=RuntimeError("Job 7 was cancelled")
        )


def test_a_deleted_lock_is_lost(store, locks, clock):
    with pytest.raises(LakeError, match="took over its lock"):
        write_after(locks, store.objects.clear, clock)


def test_while_the_bucket_does_not_answer_a_lease_allows_commits_only_until_it_expires(
    store, locks, clock
):
    with locks.lock("a") as lease:
        store.answers = ["timeout"]
        clock[0] += 40
        lease.require_owned()
        store.answers = ["timeout"]
        clock[0] += 21
        with pytest.raises(LakeError, match="could not be renewed for 61 s"):
            lease.require_owned()
        lease.require_owned()  # the bucket answers again, and nobody took the lock


def test_a_conflict_that_lasts_is_a_lock_of_another_process(store, locks):
    store.answers = ["conflict"] * s3_leases._CONFLICT_ATTEMPTS
    assert not BucketLease(locks, "a")._take(IfNoneMatch="*")


def test_an_object_that_something_else_wrote_is_a_lock_too(store, locks):
    store.objects["lake/_locks/a"] = ("tag", b"[1]")
    locks = replace(locks, lease_seconds=0.3)
    with locks.lock("a") as lease:  # after its length, because nothing renews it
        lease.require_owned()


def test_a_renewed_lock_is_busy(store, locks):
    locks = replace(locks, lease_seconds=0.3)
    with locks.lock("a"), pytest.raises(Busy), locks.lock("a"):
        raise AssertionError


def test_a_lease_without_renewals_is_taken_over_after_its_length(in_bucket, bucket, capsys):
    in_bucket.put("a", IfNoneMatch="*")  # its process was killed
    started = time.monotonic()
    with in_bucket.lock("a"):
        assert LEASE <= time.monotonic() - started < 10 * LEASE
        assert bucket.names() == ["lake/_locks/a"]
    assert bucket.names() == []
    assert "a is locked: waiting to see whether its run still works" in capsys.readouterr().err


def test_a_paused_process_that_lost_its_lock_fails(in_bucket):
    locked = in_bucket.lock("a")
    locked.__enter__()
    in_bucket.put("a")  # taken over by another process
    time.sleep(LEASE)
    with pytest.raises(LakeError, match="was paused for longer than"):
        locked.__exit__(None, None, None)
    in_bucket.release("a")


def test_the_message_about_a_refused_write_names_the_lock(in_bucket):
    class Refusing:
        def put_object(self, **_):
            raise refusal("AccessDenied")

    locks = replace(in_bucket, client=Refusing)
    with (
        pytest.raises(LakeError, match=r"lake/_locks/a: cannot be written \(AccessDenied\)"),
        locks.lock("a"),
    ):
        raise AssertionError
