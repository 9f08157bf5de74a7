"""Leases in a bucket."""

import time
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from kinfold.core.errors import LakeError

LEASE = 1.5  # of the fixture `in_bucket`


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
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    locks = replace(in_bucket, client=Refusing)
    with (
        pytest.raises(LakeError, match=r"lake/_locks/a: cannot be written \(AccessDenied\)"),
        locks.lock("a"),
    ):
        raise AssertionError
