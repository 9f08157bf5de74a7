"""Lists all files of a source's input, also those that Spark's readers do not see."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, SparkSession, functions as F

from kinfold.core.errors import ConfError, ContractError

LOCAL_FILES = {
    "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "fs.file.impl.disable.cache": "true",
}
"""Options of a reader. Hadoop's default for local files cannot open a name with a colon, and
compares a file with the checksum file of an older version."""

_STATUS = re.compile(
    r"FileStatus\{path=(?P<path>.*?); isDirectory=(?P<is_folder>true|false);"
    r"(?: length=(?P<size>\d+);)?.*?modification_time=(?P<modified>\d+);",
    re.DOTALL,
)
_MARKERS = ("_SUCCESS", "_committed_", "_started_", "_metadata", "_common_metadata", ".DS_Store")
_MAX_SHOWN = 5
_UNREAD_FILE = re.compile(
    r"\[FAILED_READ_FILE[^\]]*\] Encountered error while reading file (\S+?)\.(?:\s|$)"
)


@dataclass(frozen=True)
class InputFile:
    """A file of an input.

    Attributes:
        path: absolute, as `path_key` writes it.
        size: in bytes.
        modified_ms: time of the last change, in milliseconds since 1970.
        is_hidden: its name, or that of a folder between the input and it, starts with `_` or `.`,
            or ends with `._COPYING_`. Spark's readers do not see such files.
    """

    path: str
    size: int
    modified_ms: int
    is_hidden: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_marker(self) -> bool:
        """Whether it is a hidden file that never has records, such as `_SUCCESS`."""
        is_known = self.name.startswith(_MARKERS) or self.name.endswith(".crc")
        return self.is_hidden and (is_known or not self.size)


@dataclass(frozen=True)
class FileVersions:
    """Which files a new reader skips, and which it reads again.

    Attributes:
        skipped: files whose records have landed, as `uri_key` writes them.
        numbers: how often the content under a name has changed, by `uri_key`; at least 1.
        new_files: those that no stream of the source has read yet.
    """

    skipped: frozenset[str] = frozenset()
    numbers: Mapping[str, int] = field(default_factory=dict)
    new_files: Sequence[InputFile] = ()

    def is_read(self, path: Column) -> Column:
        """Whether the records of a file are read.

        Args:
            path: `_metadata.file_path`.
        """
        return ~_uri_key(path).isin(*self.skipped) if self.skipped else F.lit(True)

    def partition(self, path: Column) -> Column:
        """The name of a file in `source_partition`: `#2` follows the path of its third content.

        So records of two contents have different positions.
        """
        if not self.numbers:
            return path
        pairs = [F.lit(part) for pair in sorted(self.numbers.items()) for part in pair]
        number = F.create_map(*pairs)[_uri_key(path)]
        return F.concat(path, F.coalesce(F.concat(F.lit("#"), number.cast("string")), F.lit("")))


EVERY_FILE = FileVersions()
"""All files are read, and none has changed."""
FILE_PATH = "_metadata.file_path"


def uri_key(uri: str) -> str:
    """A file's URI in the one spelling in which URIs are compared; still percent-encoded."""
    return re.sub(r"^(\w+):///", r"\1:/", uri)


def _uri_key(uri: Column) -> Column:
    return F.regexp_replace(uri, r"^(\w+):///", "$1:/")


def path_key(uri: str) -> str:
    """A file's path, from its URI, in the one spelling in which paths are compared."""
    return one_spelling(unquote(uri))


def input_files(spark: SparkSession, path: str) -> list[InputFile]:
    """All files of an input, which is one file or a folder with its subfolders, sorted by path.

    Empty if it does not exist. A path that does not exist may be a pattern like `in/*.csv`.

    Raises:
        ConfError: it cannot be listed.
    """
    fs, location = local_file_system(spark, path)
    try:
        exists = bool(fs.exists(location))
        paths = [location] if exists else [s.getPath() for s in fs.globStatus(location) or ()]
        files = [file for path in paths for file in _listed(spark._jvm, fs, path, is_hidden=False)]
        return sorted(files, key=lambda file: file.path)
    except Py4JJavaError as error:
        reason = str(error.java_exception).splitlines()[0]
        raise ConfError(f"input {path}: cannot be listed: {reason}. Check permissions.") from error


def is_folder(spark: SparkSession, path: str) -> bool:
    """Whether the path is an existing folder."""
    fs, location = local_file_system(spark, path)
    return bool(fs.exists(location)) and bool(fs.getFileStatus(location).isDirectory())


def local_file_system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Hadoop's file system of a path, with `LOCAL_FILES`, and its location."""
    jvm = spark._jvm
    assert jvm is not None  # a classic session has one
    configuration = jvm.org.apache.hadoop.conf.Configuration(spark._jsc.hadoopConfiguration())
    for name, value in LOCAL_FILES.items():
        configuration.set(name, value)
    location = jvm.org.apache.hadoop.fs.Path(path)
    return location.getFileSystem(configuration), location


@contextmanager
def named_unread_file(source: str) -> Iterator[None]:
    """Turn Spark's error about a file that it cannot read into one that names the file.

    Raises:
        ContractError: a file is truncated, gone, or may not be read.
    """
    try:
        yield
    except Exception as error:
        problem = unread_file(f"{error} {error.__cause__ or ''}", source)
        if problem is None:
            raise
        raise problem from error


def unread_file(text: str, source: str) -> ContractError | None:
    """The error about the file that cannot be read, from the text of Spark's error; null if that
    is about something else."""
    found = _UNREAD_FILE.search(text)
    if found is None:
        return None
    return ContractError(
        f"source {source}: {unquote(found[1])} cannot be read. Is it whole, is it still there, and "
        "may it be read? Nothing of its batch has landed. Replace or remove it, then start again."
    )


def readable(files: Sequence[InputFile], options: Mapping[str, object]) -> list[InputFile]:
    """The files that a reader sees and that are not empty.

    Args:
        options: of the source; `pathGlobFilter` is a pattern of the names to read.
    """
    pattern = str(options.get("pathGlobFilter") or "*")
    return [
        file
        for file in files
        if file.size and not file.is_hidden and name_matches(file.name, pattern)
    ]


def name_matches(name: str, pattern: str) -> bool:
    """Whether a name matches a pattern of Hadoop, such as `orders_*.{csv,txt}`."""
    inner = re.search(r"\{([^{}]*)\}", pattern)
    if inner is None:
        return fnmatchcase(name, pattern.replace("[^", "[!"))
    start, end = pattern[: inner.start()], pattern[inner.end() :]
    return any(name_matches(name, start + one + end) for one in inner[1].split(","))


def listed_names(files: Sequence[InputFile], folder: str) -> str:
    """The names of some files below a folder, for a message: the first ones and a count."""
    prefix = f"{one_spelling(folder).rstrip('/')}/"
    names = [file.path.partition(prefix)[2] or file.name for file in files]
    more = f" and {len(names) - _MAX_SHOWN:,} more" if len(names) > _MAX_SHOWN else ""
    return ", ".join(names[:_MAX_SHOWN]) + more


def hidden_problem(files: Sequence[InputFile], folder: str) -> str:
    """What to do about files that the readers do not see."""
    return (
        f"not read: {listed_names(files, folder)}. Names that start with '_' or '.' are hidden "
        "files. Rename them if they have records."
    )


def _listed(jvm: Any, fs: Any, location: Any, *, is_hidden: bool) -> Iterator[InputFile]:
    statuses = fs.listStatus(location)
    # One call for the whole folder: several for each file would take seconds per thousand files.
    text = str(jvm.org.apache.commons.lang3.ArrayUtils.toString(statuses))
    entries = list(_STATUS.finditer(text))
    if len(entries) != len(statuses):
        raise ConfError(f"{location}: the names of its files cannot be read. Rename odd ones.")
    for entry in entries:
        path = one_spelling(entry["path"])
        hidden = is_hidden or _is_hidden(path.rpartition("/")[2])
        if entry["is_folder"] == "true":
            folder = jvm.org.apache.hadoop.fs.Path(entry["path"])
            yield from _listed(jvm, fs, folder, is_hidden=hidden)
        else:
            yield InputFile(path, int(entry["size"] or 0), int(entry["modified"]), hidden)


def _is_hidden(name: str) -> bool:
    """Spark's rule for names of files and folders."""
    is_underscored = name.startswith("_") and "=" not in name
    return is_underscored or name.startswith(".") or name.endswith("._COPYING_")


def one_spelling(path: str) -> str:
    """A path, not a URI, in the one spelling in which paths are compared: `/a` as `file:/a`."""
    if path.startswith("/"):
        return f"file:{path}"
    return uri_key(path)
