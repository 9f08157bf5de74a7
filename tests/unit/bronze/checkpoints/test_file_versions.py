"""Files that changed since they were read are read again, and nothing else is."""

import json

import pytest

from checkpoints import LocalStorage
from kinfold.bronze.checkpoints import file_versions as module
from kinfold.bronze.checkpoints.file_log import logged_files
from kinfold.bronze.checkpoints.file_versions import STATE, changed_files, file_versions
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.listing import InputFile

SHOP = Source(name="shop", display_path="shop.yaml", format="json", input="/in")


def file(name: str, modified_ms: int) -> InputFile:
    return InputFile(f"file:/in/{name}", 1, modified_ms)


class Lake:
    spark = None


@pytest.fixture
def world(tmp_path, monkeypatch):
    """`world(files, landed, log, committed)`: the result, with stubs for the lake and the input.

    files: time of change by name; landed: (number, time of reading) by name; log: time of change
    and batch by name.
    """
    storage = LocalStorage(tmp_path)

    def run(files, *, landed=None, log=None, committed=-1, first_batch_id=0, is_new=False):
        lines = [
            json.dumps({"path": f"file:///in/{name}", "timestamp": at, "batchId": batch})
            for name, (at, batch) in (log or {}).items()
        ]
        if log:
            storage.write("sources/0/0", "\n".join(["v1", *lines]))
            storage.write(f"offsets/{committed}", f'v1\n{{}}\n{{"logOffset":{committed}}}')
            storage.write(f"commits/{committed}", "v1")
        listed = [file(name, at) for name, at in files.items()]
        known = {
            f"file:/in/{name}": module._Landed(f"file:/in/{name}", number, at)
            for name, (number, at) in (landed or {}).items()
        }
        monkeypatch.setattr(module, "input_files", lambda *_: listed)
        monkeypatch.setattr(module, "_landed", lambda *_, **__: known)
        found = file_versions(Lake(), SHOP, storage, first_batch_id=first_batch_id, is_new=is_new)
        return found, storage

    return run


def test_a_file_that_changed_is_forgotten_and_its_new_content_numbered(world, capsys):
    found, storage = world(
        {"a": 9, "b": 5, "new": 7},
        landed={"a": (0, 6), "b": (0, 6)},
        log={"a": (5, 0), "b": (5, 0)},
        committed=0,
    )
    assert found.numbers == {"file:/in/a": 1}
    assert list(logged_files(storage)) == ["file:/in/b"]
    assert [f.name for f in found.new_files] == ["new", "a"]
    assert "shop: changed since it was read, so it is read again: a. Records" in (
        capsys.readouterr().err
    )


def test_a_file_that_had_no_record_keeps_its_name(world):
    found, _ = world({"a": 9}, log={"a": (5, 0)}, committed=0)
    assert found.numbers == {}


def test_after_a_kill_the_decision_is_the_same(world):
    first, storage = world({"a": 9}, landed={"a": (1, 6)}, log={"a": (5, 0)}, committed=0)
    assert first.numbers == {"file:/in/a": 2}
    found, _ = world({"a": 9}, landed={"a": (1, 6)})
    assert found.numbers == {"file:/in/a": 2}
    assert json.loads(storage.read(STATE)) == {"skipped": [], "numbers": {"file:/in/a": 2}}


def test_files_of_an_uncommitted_batch_are_still_to_be_read():
    log = {"file:/in/a": module.LoggedFile("file:/in/a", 5, 3)}
    assert changed_files([file("a", 9)], log, committed=2) == []
    assert changed_files([file("a", 9)], log, committed=3) == [file("a", 9)]


def test_a_new_checkpoint_skips_what_has_landed_and_reads_what_changed_since(world):
    found, _ = world(
        {"a": 5, "changed": 9, "new": 5},
        landed={"a": (0, 6), "changed": (0, 6), "gone": (0, 6)},
        first_batch_id=4,
        is_new=True,
    )
    assert found.skipped == {"file:/in/a"}
    assert found.numbers == {"file:/in/changed": 1}
    assert [f.name for f in found.new_files] == ["changed", "new"]


def test_the_next_start_skips_the_same_files_until_they_change(world):
    world({"a": 5}, landed={"a": (0, 6)}, first_batch_id=4, is_new=True)
    again, _ = world(
        {"a": 5}, landed={"a": (0, 6)}, log={"a": (5, 0)}, committed=0, first_batch_id=4
    )
    assert (again.skipped, again.numbers) == ({"file:/in/a"}, {})
    changed, _ = world(
        {"a": 8}, landed={"a": (0, 6)}, log={"a": (5, 0)}, committed=0, first_batch_id=4
    )
    assert (changed.skipped, changed.numbers) == (frozenset(), {"file:/in/a": 1})


def test_a_name_that_comes_again_after_a_reset_has_new_positions(world):
    world({"b": 5}, landed={"b": (0, 6), "archived": (0, 6)}, first_batch_id=4, is_new=True)
    found, _ = world(
        {"b": 5, "archived": 3},
        landed={"b": (0, 6), "archived": (0, 6)},
        log={"b": (5, 0)},
        committed=0,
        first_batch_id=4,
    )
    assert found.numbers == {"file:/in/archived": 1}


def test_a_checkpoint_of_an_older_version_skips_all_that_had_landed_before_it(world):
    found, _ = world(
        {"a": 5}, landed={"a": (0, 6)}, log={"a": (5, 0)}, committed=0, first_batch_id=4
    )
    assert found.skipped == {"file:/in/a"}
