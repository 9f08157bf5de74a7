"""Files move to the archive after their batch is committed, and not before."""

import json
import os
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
        (files / name).write_text(name)
        modified_ms = (files / name).stat().st_mtime_ns // 1_000_000
        entry = json.dumps({"path": path, "timestamp": modified_ms, "batchId": number})
        (checkpoint / "sources/0" / str(number)).write_text(f"v1\n{entry}\n")
        offset = json.dumps({"logOffset": number})
        (checkpoint / "offsets" / str(number)).write_text(f"v1\n{{}}\n{offset}")
    (files / "d").write_text("d")
    return files, checkpoint


def archived(spark, folders, *, commits: int, only: str = "") -> tuple[list[str], list[str]]:
    """Names of the files in the input and in the archive after a call.

    Args:
        only: the name of the only file of the input; empty: the input is the folder.
    """
    files, checkpoint = folders
    for number in range(commits):
        (checkpoint / "commits" / str(number)).write_text("v1\n{}")
    archive = files.parent / "done"
    source = Source(
        name="s", display_path="s", format="json", input=str(files / only), archive=str(archive)
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


def test_an_input_of_one_file_moves_too(spark, folders):
    assert archived(spark, folders, commits=2, only="b b") == (["a", "c", "d"], ["b b"])
    assert archived(spark, folders, commits=2, only="b b") == (["a", "c", "d"], ["b b"])


def test_a_file_that_changed_after_it_was_read_stays(spark, folders):
    os.utime(folders[0] / "a", (0, 0))
    assert archived(spark, folders, commits=2) == (["a", "c", "d"], ["b b"])


def test_a_file_whose_name_the_archive_has_already_gets_another(spark, folders):
    (folders[0].parent / "done").mkdir()
    (folders[0].parent / "done" / "a").write_text("an older one")
    modified_ms = (folders[0] / "a").stat().st_mtime_ns // 1_000_000
    assert archived(spark, folders, commits=1)[1] == ["a", f"a.{modified_ms}"]
