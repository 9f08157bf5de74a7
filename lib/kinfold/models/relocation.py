"""Repairs the paths in an MLflow database that was moved or copied with its files.

MLflow stores absolute paths in SQLite. Without a repair, a moved lake cannot find its models, and
the runs of a copied lake write into the original.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

LAKE_FOLDER = "_mlflow"
"""The folder of the database inside a lake."""
ARTIFACTS = "artifacts"
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)


def relocate(database: Path) -> None:
    """Let the paths of files that belong to an SQLite database point beside it.

    An experiment's files belong to it if they are in `artifacts/<experiment>` beside a database in
    a lake, or beside this database. Other locations, such as a bucket or a shared folder, stay.

    Raises:
        sqlite3.Error: the database is damaged, or cannot be written and must be.
    """
    if not database.is_file():
        return
    folder = database.resolve().parent
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        moved = _former_folders(connection, folder)
        if not moved:
            return
        with connection:  # one transaction
            for former in moved:
                _replace(connection, f"{former}/{ARTIFACTS}/", f"{folder}/{ARTIFACTS}/")


def _former_folders(connection: sqlite3.Connection, folder: Path) -> list[str]:
    """The folders of the database in which experiments were created, except the current one."""
    if "artifact_location" not in _columns(connection, "experiments"):
        return []
    found = set()
    for name, location in connection.execute("SELECT name, artifact_location FROM experiments"):
        former, _, rest = str(location).rpartition(f"/{ARTIFACTS}/")
        is_beside = rest == name and former != str(folder)
        is_of_lake = Path(former).name == folder.name == LAKE_FOLDER
        if is_beside and (is_of_lake or (folder / ARTIFACTS / name).is_dir()):
            found.add(former)
    return sorted(found)


def _replace(connection: sqlite3.Connection, old: str, new: str) -> None:
    """Replace the beginning of all paths that start with `old`."""
    for table, column in _PATHS:
        if column in _columns(connection, table):
            # The names are constants of this module; the values are parameters.
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE substr({column}, 1, ?) = ?",
                (new, len(old) + 1, len(old), old),
            )


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table; none if it does not exist."""
    rows = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return {str(name) for (name,) in rows}
