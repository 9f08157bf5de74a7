"""What the commits of a table between two versions did, as its Delta log describes them."""

import base64
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError

from kinfold.runtime.lake.tables import LakeTables
from kinfold.runtime.storage import Storage
from kinfold.tables.spec import Table

_READERS = 16
"""Commits of a stream that are read at the same time: an object store answers slowly."""
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_UUID_LENGTH = 20
"""Characters of a UUID in the alphabet of Z85."""


@dataclass(frozen=True)
class Commits:
    """What the commits of a table in a range of versions did.

    Attributes:
        has_changes: whether any commit added or removed rows; OPTIMIZE, VACUUM and changed
            properties do not.
        has_removals: whether any commit removed or replaced rows.
        writers: the `userMetadata` of the commits that added or removed rows; null for a commit
            without it.
        has_feed: whether the change feed of the range can be read: the commits and all files of
            rows that it needs are still there.
    """

    has_changes: bool = False
    has_removals: bool = False
    writers: frozenset[str | None] = frozenset()
    has_feed: bool = True


GONE = Commits(has_changes=True, has_removals=True, writers=frozenset({None}), has_feed=False)
"""Nothing is known about the range, because the log of the table no longer reaches back to it."""


@dataclass(frozen=True)
class _Commit:
    """One commit, reduced to what `Commits` needs.

    Attributes:
        feed: files that the change feed of this commit reads.
        removed: data files that are not a part of the table after this commit.
    """

    writer: str | None
    has_changes: bool
    has_removals: bool
    feed: frozenset[str]
    removed: frozenset[str]


def commits_between(lake: LakeTables, table: Table, *, after: int, until: int) -> Commits:
    """What the commits of the versions in (after, until] did.

    `GONE` if the log does not have all of them any more: Delta deletes the log of old versions
    after `delta.logRetentionDuration`.
    """
    if until <= after:
        return Commits()
    log = Storage(lake.spark, f"{lake.path(table)}/_delta_log")
    names = [f"{version:020}.json" for version in range(after + 1, until + 1)]
    try:
        commits = list(_read(log, names))
    except Py4JJavaError as error:
        if "FileNotFoundException" not in str(error.java_exception.getClass().getName()):
            raise
        return GONE
    changing = [commit for commit in commits if commit.has_changes]
    needed = frozenset[str]().union(*(commit.feed for commit in changing))
    removed = frozenset[str]().union(*(commit.removed for commit in commits))
    # All other files are a part of the newest version, which nothing deletes.
    at_risk = {path for path in needed if path in removed or not path.endswith(".parquet")}
    at_risk |= {path for path in needed if path.startswith("_change_data/")}
    return Commits(
        has_changes=bool(changing),
        has_removals=any(commit.has_removals for commit in changing),
        writers=frozenset(commit.writer for commit in changing),
        has_feed=_all_exist(lake, table, at_risk),
    )


def commit_time(lake: LakeTables, table: Table, version: int) -> datetime:
    """When a version was committed; for a version that the log does not have, the oldest it has."""
    log = Storage(lake.spark, f"{lake.path(table)}/_delta_log")
    name = f"{version:020}.json"
    if not log.has(name):
        name = next(one for one in log.names() if re.fullmatch(r"\d{20}\.json", one))
    actions = [json.loads(line) for line in log.read(name).splitlines() if line.strip()]
    milliseconds = next(a["commitInfo"]["timestamp"] for a in actions if "commitInfo" in a)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _read(log: Storage, names: list[str]) -> Iterable[_Commit]:
    if len(names) <= 2:
        return [_commit(log.read(name)) for name in names]
    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(lambda name: _commit(log.read(name)), names))


def _commit(text: str) -> _Commit:
    """The commit whose log file has this text."""
    actions = [json.loads(line) for line in text.splitlines() if line.strip()]
    added, removed, changed = (
        [action[kind] for action in actions if kind in action] for kind in ("add", "remove", "cdc")
    )
    adds_rows, removes_rows = (
        [file for file in files if file.get("dataChange", True)] for files in (added, removed)
    )
    info: dict[str, Any] = next((a["commitInfo"] for a in actions if "commitInfo" in a), {})
    feed = changed or [*adds_rows, *removes_rows]
    return _Commit(
        writer=info.get("userMetadata"),
        has_changes=bool(adds_rows or removes_rows),
        has_removals=bool(removes_rows),
        feed=frozenset(path for file in feed for path in _paths(file)),
        removed=frozenset(unquote(file["path"]) for file in removed),
    )


def _paths(file: Mapping[str, Any]) -> list[str]:
    """The data file of an action, and the file of its deletion vector."""
    paths = [unquote(file["path"])]
    vector = file.get("deletionVector")
    if vector and vector["storageType"] == "u":
        paths.append(_vector_path(vector["pathOrInlineDv"]))
    return paths


def _vector_path(encoded: str) -> str:
    """The file of a deletion vector, below the folder of the table.

    The log has a random prefix, which is a folder, and a UUID in Z85. Source: Delta protocol,
    "Deletion Vector Descriptor Schema".
    """
    prefix, text = encoded[:-_UUID_LENGTH], encoded[-_UUID_LENGTH:]
    decoded = base64.b85decode(text.translate(str.maketrans(_Z85, _B85)))
    name = f"deletion_vector_{uuid.UUID(bytes=decoded)}.bin"
    return f"{prefix}/{name}" if prefix else name


def _all_exist(lake: LakeTables, table: Table, paths: Iterable[str]) -> bool:
    files = Storage(lake.spark, lake.path(table))
    return all(files.has(path) for path in sorted(paths))
