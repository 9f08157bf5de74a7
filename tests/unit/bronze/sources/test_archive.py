"""Files move to the archive after their batch is committed, and not before."""

import json
from types import SimpleNamespace

import pytest

from kinfold.bronze.sources.archive import archive_landed
from kinfold.bronze.sources.declaration import Source


@pytest.fixture
def folders(tmp_path):
    """Files a to d in the input; a checkpoint that has read a, b (batches 0 and 1) and c (2)."""
    files, checkpoint = tmp_path / "in", tmp_path / "checkpoint"
    for folder in ("offsets", "commits", "sources/0"):
        (checkpoint / folder).mkdir(parents=True)
    files.mkdir()
    for number, name in enumerate(["a", "b b", "c"]):
        path = f"file://{files}/{name.replace(' ', '%20')}"
        entry = json.dumps({"path": path, "timestamp": 1, "batchId": number})
        (checkpoint / "sources/0" / str(number)).write_text(f"v1\n{entry}\n")
        offset = json.dumps({"logOffset": number})
        (checkpoint / "offsets" / str(number)).write_text(f"v1\n{{}}\n{offset}")
    for name in ("a", "b b", "c", "d"):
        (files / name).write_text(name)
    return files, checkpoint


def archived(spark, folders, *, commits: int) -> tuple[list[str], list[str]]:
    """Names of the files in the input and in the archive after a call."""
    files, checkpoint = folders
    for number in range(commits):
        (checkpoint / "commits" / str(number)).write_text("v1\n{}")
    archive = files.parent / "done"
    source = Source(
        name="s", display_path="s", format="json", input=str(files), archive=str(archive)
    )
    archive_landed(SimpleNamespace(spark=spark), source, str(checkpoint))
    names = (
        [f.name for f in folder.iterdir() if not f.name.startswith(".")] if folder.exists() else []
        for folder in (files, archive)
    )
    return tuple(map(sorted, names))


def test_only_the_files_of_committed_batches_move(spark, folders):
    assert archived(spark, folders, commits=2) == (["c", "d"], ["a", "b b"])


def test_nothing_moves_before_the_first_commit(spark, folders):
    assert archived(spark, folders, commits=0) == (["a", "b b", "c", "d"], [])


def test_a_file_that_somebody_removed_is_skipped(spark, folders):
    (folders[0] / "a").unlink()
    assert archived(spark, folders, commits=1) == (["b b", "c", "d"], [])
