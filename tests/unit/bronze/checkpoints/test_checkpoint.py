"""Reading the checkpoint of a stream, and recognising a broken one."""

from pathlib import Path

import pytest

from checkpoints import LocalStorage, write_checkpoint
from kinfold.bronze.checkpoints.checkpoint import Owner, read_checkpoint, retire, take_ownership
from kinfold.core.errors import CheckpointError

OWNER = Owner("clicks", "clicks", "topic-id", first_batch_id=7)
FIRST, SECOND = {"0": 10, "1": 5}, {"0": 20, "1": 5}


@pytest.mark.parametrize(
    ("commits", "started_at"),
    [(2, {0: 20, 1: 5}), (1, {0: 10, 1: 5})],
    ids=["committed", "not committed"],
)
def test_reading_continues_after_the_newest_batch_if_it_is_committed(tmp_path, commits, started_at):
    storage = write_checkpoint(tmp_path, OWNER, FIRST, SECOND, commits=commits)
    checkpoint = read_checkpoint(storage, repair="fix")
    assert checkpoint.owner == OWNER
    assert checkpoint.offsets == {0: 20, 1: 5}
    assert checkpoint.started_at == started_at


def test_a_first_batch_without_its_commit_starts_where_spark_noted_it(tmp_path):
    storage = write_checkpoint(tmp_path, OWNER, FIRST, commits=0, first={"0": 3, "1": 0})
    assert read_checkpoint(storage, repair="fix").started_at == {0: 3, 1: 0}


def test_a_checkpoint_of_files_has_no_offsets(tmp_path):
    storage = write_checkpoint(tmp_path, Owner("shop", "in"), {}, commits=1)
    storage.write("offsets/0", 'v1\n{}\n{"logOffset": 0}')
    checkpoint = read_checkpoint(storage, repair="fix")
    assert (checkpoint.offsets, checkpoint.started_at) == ({}, {})


def test_a_folder_in_which_no_stream_has_started_has_no_checkpoint(tmp_path):
    storage = LocalStorage(tmp_path / "new")
    assert read_checkpoint(storage, repair="fix") is None
    take_ownership(storage, OWNER)
    assert read_checkpoint(storage, repair="fix") is None


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("metadata", None, "the file metadata is missing"),
        ("metadata", "{", "the file metadata is damaged"),
        ("owner.json", None, "the file owner.json is missing or damaged"),
        ("owner.json", '{"unknown": 1}', "the file owner.json is missing or damaged"),
        ("offsets/1", None, "commits/1 exists, but offsets/1 is missing"),
        ("offsets/0", None, None),
        ("offsets/1", "", "offsets/1 is truncated or empty"),
        ("offsets/1", "v1\n{}\n{", "offsets/1 is truncated or empty"),
        ("offsets/3", "v1\n{}\n{}", "offsets/2 is missing between 0 and 3"),
    ],
)
def test_a_broken_checkpoint_is_reported_with_its_repair(tmp_path, name, text, problem):
    storage = write_checkpoint(tmp_path, OWNER, FIRST, SECOND, commits=2)
    storage.write(name, text or "")
    if text is None:
        (tmp_path / name).unlink()
    if problem is None:  # Spark deletes old files
        assert read_checkpoint(storage, repair="fix") is not None
        return
    with pytest.raises(CheckpointError, match=f"{problem}.* Nothing was read.* run: fix"):
        read_checkpoint(storage, repair="fix")


def test_commits_without_offsets_are_a_broken_checkpoint(tmp_path):
    storage = write_checkpoint(tmp_path, OWNER, commits=1)
    with pytest.raises(CheckpointError, match=r"commits/0 has no file in offsets/"):
        read_checkpoint(storage, repair="fix")


def test_a_retired_checkpoint_is_renamed_with_the_run(tmp_path):
    storage = write_checkpoint(tmp_path / "c", OWNER, FIRST, commits=1)
    retired = retire(storage, run_id="r1")
    assert retired == f"{tmp_path}/c.retired-r1"
    assert Path(retired, "metadata").exists()
    assert read_checkpoint(storage, repair="fix") is None
