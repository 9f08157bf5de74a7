"""Files: how a generated world gets onto the disk, whole or not at all."""

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
"""The file that says a folder is a generated world; written last."""
DAY_HEADING = "\x01day "
"""Opens each day in what Spark writes; no line of a world holds this character."""


def check_replaceable(directory: Path) -> None:
    """Raise unless the folder is absent, empty or an earlier world.

    Raises:
        ConfError: it is something else.
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
def staging_beside(directory: Path) -> Iterator[Path]:
    """A folder on the same disk as the target, gone afterwards whatever happens.

    Raises:
        ConfError: the place cannot be written to.
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


def uri(path: Path) -> str:
    """The path for Spark: a local file, whatever its default file system is."""
    return f"file://{path}"


def take_part(folder: Path, target: Path) -> None:
    """Move the one file that Spark wrote into the folder to where it belongs.

    Raises:
        RuntimeError: there is not exactly one.
    """
    parts = sorted(folder.glob("part-*"))
    if len(parts) != 1:
        raise RuntimeError(f"{folder}: Spark wrote {len(parts)} files, expected one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    parts[0].replace(target)


def cut_into_days(part: Path, folder: Path, *, start_on: date) -> None:
    """Write each day of the part into its own file; a heading with the day's number opens it."""
    if part.stat().st_size == 0:
        return
    folder.mkdir(parents=True, exist_ok=True)
    mark = DAY_HEADING.encode()
    with (
        part.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        begin = content.find(mark)
        while begin >= 0:
            first_line = content.find(b"\n", begin) + 1
            day = int(content[begin + len(mark) : first_line])
            begin = content.find(mark, first_line)
            last_line = begin if begin >= 0 else len(content)
            target = folder / f"{start_on + timedelta(days=day)}.jsonl"
            target.write_bytes(content[first_line:last_line])


def move_into_place(world: Path, directory: Path) -> None:
    """Make the folder hold exactly this world; files with the same bytes are left untouched.

    A new folder appears at once. In an earlier world the files are replaced one by one.
    """
    if not directory.exists() or not any(directory.iterdir()):
        world.replace(directory)
        return
    new = {path.relative_to(world) for path in world.rglob("*") if path.is_file()}
    for path in sorted(directory.glob("events/*.jsonl")):
        if path.relative_to(directory) not in new:
            path.unlink()
    # The summary comes last: it vouches for the rest.
    for path in [*sorted(new - {SUMMARY}), SUMMARY]:
        target = directory / path
        target.parent.mkdir(exist_ok=True)
        if not (target.is_file() and filecmp.cmp(world / path, target, shallow=False)):
            (world / path).replace(target)
