"""One process at a time: in a folder, and in a bucket by leases."""

import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from frames import at
from kinfold.core.errors import LakeError
from kinfold.runtime.lake.tables import Lake
from kinfold.runtime.locks.folder_locks import FolderLocks
from kinfold.runtime.locks.opening import locks_of
from kinfold.runtime.locks.protocol import Busy, NoLocks
from kinfold.runtime.locks.s3_leases import BucketLocks
from kinfold.runtime.s3_access import BucketAccess
from kinfold.tables import ops

LEASE = 1.5


@pytest.fixture
def in_bucket(bucket, spark):
    locks = locks_of(spark, f"{bucket.uri}/lake", holder="run-1")
    assert isinstance(locks, BucketLocks)
    return replace(locks, lease_seconds=LEASE)


@pytest.fixture(params=["folder", "bucket"])
def locks(request, tmp_path):
    if request.param == "folder":
        return FolderLocks(tmp_path / "_locks")
    return request.getfixturevalue("in_bucket")


def test_a_lock_has_one_holder_and_is_free_again_after_it(locks):
    with locks.lock("a"):
        with pytest.raises(Busy), locks.lock("a"):
            raise AssertionError("held twice")
        with locks.lock("b"):
            pass
    with locks.lock("a"):
        pass


def test_an_error_frees_the_lock(locks):
    with pytest.raises(ZeroDivisionError), locks.lock("a"):
        raise ZeroDivisionError
    with locks.lock("a"):
        pass


def test_who_is_patient_comes_after_the_holder(locks):
    order = []

    def second():
        with locks.lock("a", patience=30):
            order.append("second")

    with locks.lock("a"):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(2 * LEASE)  # longer than a lease: the holder renews it
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]


def test_of_many_at_once_one_at_a_time_is_in(locks):
    inside, most, done = [], [], []

    def one():
        for _ in range(3):
            with locks.lock("a", patience=60):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.01)
                inside.pop()
        done.append(1)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(done), max(most)) == (6, 1)


def test_a_killed_process_leaves_a_folders_lock_free_at_once(tmp_path):
    code = (
        "import sys; from pathlib import Path; from kinfold.runtime.locks.folder_locks import FolderLocks\n"
        "with FolderLocks(Path(sys.argv[1])).lock('a'): print('in', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"in\n"
    with pytest.raises(Busy), FolderLocks(tmp_path).lock("a"):
        raise AssertionError
    process.kill()
    process.wait(10)
    process.stdin.close()
    process.stdout.close()
    with FolderLocks(tmp_path).lock("a"):
        pass


def test_a_lease_that_nobody_renews_is_taken_over_after_its_length(in_bucket, bucket, capsys):
    in_bucket.put("a", IfNoneMatch="*")  # and its process is gone
    begun = time.monotonic()
    with in_bucket.lock("a"):
        assert LEASE <= time.monotonic() - begun < 10 * LEASE
        assert bucket.names() == ["lake/_locks/a"]
    assert bucket.names() == []
    assert "a is locked: waiting to see whether its run goes on" in capsys.readouterr().err


def test_who_stood_still_and_lost_the_lock_is_told(in_bucket):
    held = in_bucket.lock("a")
    held.__enter__()
    in_bucket.put("a")  # another's now
    time.sleep(LEASE)
    with pytest.raises(LakeError, match="stood still for longer than"):
        held.__exit__(None, None, None)
    in_bucket.release("a")


def test_a_bucket_that_refuses_is_one_line(in_bucket):
    class Refusing:
        def put_object(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    locks = replace(in_bucket, client=Refusing)
    with (
        pytest.raises(LakeError, match=r"lake/_locks/a: cannot be written \(AccessDenied\)"),
        locks.lock("a"),
    ):
        raise AssertionError


def test_other_storage_has_no_locks(spark):
    spark._jsc.hadoopConfiguration().set("fs.other.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
    assert isinstance(locks_of(spark, "other:///lake", holder="run-1"), NoLocks)


def test_a_bucket_that_only_spark_can_write_has_no_locks(bucket, spark):
    bucket.set("encryption.algorithm", "SSE-KMS")
    assert isinstance(locks_of(spark, f"{bucket.uri}/lake", holder="run-1"), NoLocks)


def test_while_hadoop_gets_no_credentials_those_of_before_are_used(in_bucket, monkeypatch):
    before = in_bucket.client()
    monkeypatch.setattr(BucketAccess, "of", lambda _: None)
    assert in_bucket.client() is before


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_commit_waits_for_that_of_another_process(kind, spark, lake_root, request):
    """Tables that all jobs write are locked for each commit."""
    root = lake_root if kind == "folder" else f"{request.getfixturevalue('bucket').uri}/lake"
    lake, other = (Lake(spark, root, f"run-{n}", at("09:00")) for n in (1, 2))
    row = dict(
        run_id="r", job="j", finished_at=at("09:00"), input_versions={}, settings_hash="h",
        seconds=1.0, counts={},
    )  # fmt: skip
    lake.append_record(ops.JOB_RUNS, [row])
    appended = []

    def append():
        lake.append_record(ops.JOB_RUNS, [row | {"run_id": "s"}])
        appended.append(1)

    with ExitStack() as stack:
        stack.enter_context(other.writing(ops.JOB_RUNS))
        waiting = threading.Thread(target=append)
        waiting.start()
        time.sleep(2)
        assert not appended
    waiting.join(60)
    assert appended
    assert lake.read(ops.JOB_RUNS).count() == 2
