"""Spark's log of a stream of files."""

import json

import pytest

from checkpoints import LocalStorage
from kinfold.bronze.checkpoints.file_log import (
    LoggedFile,
    forget,
    last_committed,
    logged_files,
)


def entry(name: str, batch: int, modified_ms: int = 5) -> str:
    uri = f"file:///in/{name}"
    return json.dumps({"path": uri, "timestamp": modified_ms, "batchId": batch})


@pytest.fixture
def storage(tmp_path):
    """A checkpoint with the batches 0 and 1 in one compacted file, and batch 2 uncommitted."""
    storage = LocalStorage(tmp_path)
    storage.write("sources/0/1.compact", f"v1\n{entry('a%20b', 0)}\n{entry('c', 1)}")
    storage.write("sources/0/2", f"v1\n{entry('d', 2)}")
    for batch in range(3):
        storage.write(f"offsets/{batch}", f'v1\n{{}}\n{{"logOffset":{batch}}}')
    storage.write("commits/0", "v1")
    storage.write("commits/1", "v1")
    return storage


def test_the_log_has_the_path_time_and_batch_of_each_file(storage):
    assert logged_files(storage) == {
        "file:/in/a b": LoggedFile("file:/in/a%20b", 5, 0),
        "file:/in/c": LoggedFile("file:/in/c", 5, 1),
        "file:/in/d": LoggedFile("file:/in/d", 5, 2),
    }


def test_of_a_file_that_was_read_twice_the_last_time_counts(storage):
    storage.write("sources/0/3", f"v1\n{entry('c', 3, 9)}")
    assert logged_files(storage)["file:/in/c"] == LoggedFile("file:/in/c", 9, 3)


def test_the_last_committed_batch_is_known(storage, tmp_path):
    assert last_committed(storage) == 1
    assert last_committed(LocalStorage(tmp_path / "new")) == -1


def test_forgotten_files_are_read_again_and_all_others_are_not(storage):
    forget(storage, {"file:/in/a b", "file:/in/d"})
    assert list(logged_files(storage)) == ["file:/in/c"]
    assert storage.read("sources/0/2") == "v1", "the file of the log stays"
    forget(storage, {"file:/in/a b"})
    assert list(logged_files(storage)) == ["file:/in/c"]
