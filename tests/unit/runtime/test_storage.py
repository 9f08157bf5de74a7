"""Files of a lake outside of its tables."""

import pytest

from kinfold.core.errors import LakeError
from kinfold.runtime.storage import Storage


@pytest.fixture
def storage(spark, tmp_path) -> Storage:
    return Storage(spark, str(tmp_path / "folder"))


def test_a_missing_folder_has_no_files(storage):
    assert (storage.names(), storage.names("below"), storage.files()) == ((), (), ())


def test_a_written_file_is_read_and_listed_and_replaced(storage):
    storage.write("b", "£ 1")
    storage.write("a", "old")
    storage.write("a", "new")
    assert (storage.read("a"), storage.read("b")) == ("new", "£ 1")
    assert storage.names() == ("a", "b")


def test_files_are_listed_at_any_depth_and_names_at_one(storage, tmp_path):
    (tmp_path / "folder" / "x" / "y").mkdir(parents=True)
    (tmp_path / "folder" / "x" / "y" / "1").write_text("")
    (tmp_path / "folder" / "x" / "2").write_text("")
    assert storage.files() == ("x/2", "x/y/1")
    assert storage.names() == ("x",)
    assert storage.names("x") == ("2", "y")


def test_a_file_is_moved_into_a_new_folder(storage, tmp_path):
    storage.write("a", "text")
    storage.move("a", str(tmp_path / "archive" / "day" / "a"))
    assert (tmp_path / "archive" / "day" / "a").read_text() == "text"
    assert "a" not in storage.names()


def test_a_file_never_replaces_another_one(storage, tmp_path):
    storage.write("a", "new")
    (tmp_path / "a").write_text("old")
    with pytest.raises(LakeError, match=r"folder/a: cannot be moved to .* A file of that name exi"):
        storage.move("a", str(tmp_path / "a"))
    assert ((tmp_path / "a").read_text(), storage.read("a")) == ("old", "new")


def test_a_folder_is_moved_with_its_files(spark, storage, tmp_path):
    storage.write("a", "text")
    storage.move_to(str(tmp_path / "other"))
    assert storage.files() == ()
    assert Storage(spark, str(tmp_path / "other")).read("a") == "text"
