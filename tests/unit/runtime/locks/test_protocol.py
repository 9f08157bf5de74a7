"""Locks of every kind: one process at a time."""

import threading
import time
from contextlib import ExitStack

import pytest

from frames import at
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.locks.folder_locks import FolderLocks
from kinfold.runtime.locks.protocol import Busy, NoLocks
from kinfold.tables import ops

LEASE = 1.5  # of the fixture `in_bucket`


@pytest.fixture(params=["folder", "bucket"])
def locks(request, tmp_path):
    if request.param == "folder":
        return FolderLocks(tmp_path / "_locks")
    return request.getfixturevalue("in_bucket")


def test_only_one_process_has_a_lock_until_it_is_released(locks):
    with locks.lock("a"):
        with pytest.raises(Busy), locks.lock("a"):
            raise AssertionError("locked twice")
        with locks.lock("b"):
            pass
    with locks.lock("a"):
        pass


def test_an_error_releases_the_lock(locks):
    with pytest.raises(ZeroDivisionError), locks.lock("a"):
        raise ZeroDivisionError
    with locks.lock("a"):
        pass


def test_a_patient_process_gets_the_lock_after_its_holder(locks):
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


def test_of_many_threads_only_one_has_the_lock_at_a_time(locks):
    inside, counts, done = [], [], []

    def one():
        for _ in range(3):
            with locks.lock("a", patience=60):
                inside.append(1)
                counts.append(len(inside))
                time.sleep(0.01)
                inside.pop()
        done.append(1)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(done), max(counts)) == (6, 1)


def test_storage_without_locks_never_blocks():
    with NoLocks().lock("a"), NoLocks().lock("a"):
        pass


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_commit_waits_for_the_commit_of_another_process(kind, spark, lake_root, request):
    """Tables that all jobs write are locked for each commit."""
    root = lake_root if kind == "folder" else f"{request.getfixturevalue('bucket').uri}/lake"
    lake, other = (Lake(spark, root, f"run-{n}", at("09:00")) for n in (1, 2))
    row = dict(
        run_id="r", job="j", finished_at=at("09:00"), input_versions={}, settings_hash="h",
        seconds=1.0, counts={},
    )  # fmt: skip  # one case per line
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
