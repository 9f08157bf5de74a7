"""Writing the files of a world."""

from datetime import date
from pathlib import Path

import pytest

from kinfold.core.errors import ConfError
from kinfold.synthetic.world.files import (
    DAY_HEADING,
    SUMMARY,
    check_replaceable,
    move_single_part,
    replace_world,
    split_by_day,
    staging_folder,
)

pytestmark = pytest.mark.xdist_group("synthetic")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_part_is_split_at_the_headings_of_days(tmp_path: Path) -> None:
    part = write(
        tmp_path / "part", f"{DAY_HEADING}0\na\n\nb\n{DAY_HEADING}12\n{DAY_HEADING}31\nc\n"
    )
    split_by_day(part, tmp_path / "events", start_on=date(2026, 1, 1))
    written = {path.name: path.read_text() for path in (tmp_path / "events").iterdir()}
    assert written == {
        "2026-01-01.jsonl": "a\n\nb\n",
        "2026-01-13.jsonl": "",
        "2026-02-01.jsonl": "c\n",
    }


def test_an_empty_part_has_no_days(tmp_path: Path) -> None:
    split_by_day(write(tmp_path / "part", ""), tmp_path / "events", start_on=date(2026, 1, 1))
    assert not (tmp_path / "events").exists()


def half_written(directory: Path) -> None:
    with staging_folder(directory) as staging:
        write(staging / "half", "written")
        raise RuntimeError("broken")


def test_the_staging_folder_is_deleted_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        half_written(tmp_path / "world")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    write(tmp_path / "file", "")
    with pytest.raises(ConfError, match="cannot be written to"):
        half_written(tmp_path / "file" / "world")


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "absent")
    check_replaceable(tmp_path)
    write(tmp_path / "notes.txt", "mine")
    with pytest.raises(ConfError, match="it is not a generated world"):
        check_replaceable(tmp_path)
    with pytest.raises(ConfError, match="is a file"):
        check_replaceable(tmp_path / "notes.txt")
    write(tmp_path / SUMMARY, "{}")
    check_replaceable(tmp_path)


def test_equal_files_are_left_untouched_and_others_replaced_or_removed(tmp_path: Path) -> None:
    world, target = tmp_path / "staging", tmp_path / "world"
    for day, text in (("01", "same"), ("02", "old"), ("03", "gone")):
        write(target / f"events/{day}.jsonl", text)
    untouched = (target / "events/01.jsonl").stat()
    write(world / "events/01.jsonl", "same")
    write(world / "events/02.jsonl", "new")
    write(world / SUMMARY, "{}")
    replace_world(world, target)
    written = {path.name: path.read_text() for path in (target / "events").iterdir()}
    assert written == {"01.jsonl": "same", "02.jsonl": "new"}
    kept = (target / "events/01.jsonl").stat()
    assert (kept.st_ino, kept.st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)


def test_a_frame_in_several_parts_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "part-0", "")
    write(tmp_path / "part-1", "")
    with pytest.raises(RuntimeError, match="2 files, expected one"):
        move_single_part(tmp_path, tmp_path / "target")
