"""Writes the files of a generated world: all of them or none."""

import filecmp
import mmap
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from kinfold.core.errors import ConfError

SUMMARY = Path("truth/world.json")
"""The file that marks a folder as a generated world. It is written last."""
DAY_HEADING = "\x01day "
"""Start of the line before each day in Spark's output. No line of a world has this character."""


def check_replaceable(directory: Path) -> None:
    """Check that the folder does not exist, is empty or holds an earlier world.

    Raises:
        ConfError: it holds something else, or is a file.
    """
    if directory.exists() and not directory.is_dir():
        raise ConfError(
            f"{directory}: is a file, expected a folder for the world. Choose another path."
        )
    is_used = directory.is_dir() and any(directory.iterdir())
    if is_used and not (directory / SUMMARY).is_file():
        raise ConfError(
            f"{directory}: holds files but no {SUMMARY}, so it is not a generated world. "
            "Nothing was written. Choose an empty or a new folder."
        )


@contextmanager
def staging_folder(directory: Path) -> Iterator[Path]:
    """A temporary folder beside the target, on the same disk; deleted on any exit.

    Raises:
        ConfError: the parent folder cannot be written to.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        name = tempfile.mkdtemp(
            prefix=f".{directory.name}-", suffix=".partial", dir=directory.parent
        )
    except OSError as err:
        raise ConfError(
            f"{directory.parent}: cannot be written to ({err.strerror}). Choose another folder."
        ) from err
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


def file_uri(path: Path) -> str:
    """The URI of a local file for Spark, which does not depend on its default file system."""
    return f"file://{path}"


def move_single_part(folder: Path, target: Path) -> None:
    """Move the only file that Spark wrote into the folder to the target path.

    Raises:
        RuntimeError: the folder does not contain exactly one part.
    """
    parts = sorted(folder.glob("part-*"))
    if len(parts) != 1:
        raise RuntimeError(f"{folder}: Spark wrote {len(parts)} files, expected one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    parts[0].replace(target)


def split_by_day(part: Path, folder: Path, *, start_on: date) -> None:
    """Write each day of the part into its own file. A heading with its number precedes each day."""
    if part.stat().st_size == 0:
        return
    folder.mkdir(parents=True, exist_ok=True)
    mark = DAY_HEADING.encode()
    with (
        part.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        heading = content.find(mark)
        while heading >= 0:
            start = content.find(b"\n", heading) + 1
            day = int(content[heading + len(mark) : start])
            heading = content.find(mark, start)
            end = heading if heading >= 0 else len(content)
            target = folder / f"{start_on + timedelta(days=day)}.jsonl"
            target.write_bytes(content[start:end])


def replace_world(world: Path, directory: Path) -> None:
    """Make the folder hold exactly this world. Files with the same bytes are not touched.

    A new or empty folder is replaced in one step, the files of an earlier world one by one.
    """
    if not directory.exists() or not any(directory.iterdir()):
        world.replace(directory)
        return
    new = {path.relative_to(world) for path in world.rglob("*") if path.is_file()}
    for path in sorted(directory.glob("events/*.jsonl")):
        if path.relative_to(directory) not in new:
            path.unlink()
    # The summary comes last: it marks the world as complete.
    for path in [*sorted(new - {SUMMARY}), SUMMARY]:
        target = directory / path
        target.parent.mkdir(exist_ok=True)
        if not (target.is_file() and filecmp.cmp(world / path, target, shallow=False)):
            (world / path).replace(target)
