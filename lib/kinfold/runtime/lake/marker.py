"""The marker of a lake, `<root>/_kinfold.json`: which version of kinfold its tables belong to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from kinfold.core.errors import LakeError
from kinfold.runtime.storage import Storage
from kinfold.tables.registry import ALL

MARKER = "_kinfold.json"
LAKE_FORMAT = 2
"""Raised when an older kinfold can no longer work on a lake. Lakes of format 1 have no marker."""


@dataclass(frozen=True)
class Marker:
    """What a lake says about itself.

    Attributes:
        format: see `LAKE_FORMAT`.
        declarations: hash of the declarations that all its tables fit.
        keys: key of each table; the table itself does not store it.
    """

    format: int
    declarations: str
    keys: Mapping[str, tuple[str, ...]]


def current_marker() -> Marker:
    """The marker of a lake whose tables are as declared now."""
    versions = json.dumps([[table.name, table.schema_version] for table in ALL])
    return Marker(
        format=LAKE_FORMAT,
        declarations=hashlib.sha256(versions.encode()).hexdigest()[:16],
        keys={table.name: table.key for table in ALL},
    )


def read_marker(root: Storage) -> Marker | None:
    """The marker of the lake at a root; None if it has none.

    Raises:
        LakeError: it is damaged, or a newer version of kinfold wrote it.
    """
    if not root.has(MARKER):
        return None
    try:
        content = json.loads(root.read(MARKER))
        seen = int(content["format"])
        marker = Marker(
            seen,
            str(content.get("declarations")),
            {name: tuple(key) for name, key in content.get("keys", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LakeError(
            f"{root.folder}/{MARKER}: is damaged, expected JSON with the lake's format. If only "
            "this version of kinfold has written the lake, delete the file; the next run writes it "
            "again."
        ) from error
    if seen > LAKE_FORMAT:
        raise LakeError(
            f"lake.root {root.folder}: was written by a newer version of kinfold (format {seen}, "
            f"this version writes {LAKE_FORMAT}). Use that version, or another lake with "
            "--set lake.root=DIR."
        )
    return marker


def write_marker(root: Storage) -> None:
    """Declare that all tables of the lake are as declared now."""
    root.write(MARKER, json.dumps(asdict(current_marker()), indent=1))


def mark_if_new(root: Storage) -> None:
    """Write the marker of a lake that has no table yet."""
    if not has_tables(root) and not root.has(MARKER):
        write_marker(root)


def has_tables(root: Storage) -> bool:
    """Whether the lake at a root has a folder of tables."""
    return not {table.layer for table in ALL}.isdisjoint(root.names())
