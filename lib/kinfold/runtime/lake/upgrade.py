"""Adapts a lake that another version of kinfold wrote to the declarations of this one.

A table gets new columns when a job next writes it (`LakeTables.ensure`). Here is the rest: tables
that no longer fit their declaration. If other tables hold everything that such a table is computed
from, it is deleted, and its job builds it again. Otherwise the lake is refused in one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import types as T

from kinfold.core.errors import LakeError
from kinfold.core.log import say
from kinfold.runtime.lake.marker import (
    LAKE_FORMAT,
    Marker,
    current_marker,
    has_tables,
    read_marker,
    write_marker,
)
from kinfold.runtime.lake.tables import STATISTICS, LakeTables, table_properties
from kinfold.tables import bronze
from kinfold.tables.registry import ALL
from kinfold.tables.spec import Table

_FIRST_KEYS: Mapping[str, tuple[str, ...]] = {}
"""Keys of tables in lakes of format 1, where they differ from those declared now."""


@dataclass(frozen=True)
class Misfit:
    """A table whose stored rows cannot be rows of the declared table, and why, in words."""

    table: Table
    why: str


def require_fitting(lake: LakeTables) -> None:
    """Check that this version of kinfold can read a lake, without changing it.

    Raises:
        LakeError: a table does not fit its declaration, or a newer version wrote the lake.
    """
    if _is_current(lake) or not has_tables(lake.storage):
        return
    found = _misfits(lake, read_marker(lake.storage))
    if found:
        names = ", ".join(misfit.table.name for misfit in found)
        raise LakeError(
            f"lake.root {lake.root}: another version of kinfold wrote {names}. Run "
            "jobs/pipeline.py, which adapts the lake, or name another lake with "
            "--set lake.root=DIR."
        )


def upgrade(lake: LakeTables) -> None:
    """Make all tables of a lake fit their declarations, once for each version of kinfold.

    Raises:
        LakeError: a table can neither be adapted nor computed again, another process writes one
            that must be deleted, or a newer version of kinfold wrote the lake.
    """
    if _is_current(lake) or not has_tables(lake.storage):
        return
    with lake.upgrade_lock():
        if not _is_current(lake):
            _upgrade_tables(lake, read_marker(lake.storage))
            write_marker(lake.storage)


def _is_current(lake: LakeTables) -> bool:
    try:
        marker = read_marker(lake.storage)
    except Py4JJavaError as error:  # this is the first access of a run to its lake
        cause = error.java_exception
        said = str(cause.getMessage() or "").splitlines()[:1]
        reason = ": ".join([str(cause.getClass().getSimpleName()), *said])
        raise LakeError(
            f"lake.root {lake.root}: cannot be read ({reason}). Check that the bucket or file "
            "system exists, that this run may read, write and delete there, and Hadoop's settings "
            "(spark.hadoop.fs...)."
        ) from error
    current = current_marker()
    return marker is not None and (marker.format, marker.declarations) == (
        LAKE_FORMAT,
        current.declarations,
    )


def _upgrade_tables(lake: LakeTables, marker: Marker | None) -> None:
    found = _misfits(lake, marker)
    has_bronze = any(lake.exists(table) for table in (bronze.EVENTS, bronze.RECORDS))
    kept = [misfit for misfit in found if not (misfit.table.is_derived and has_bronze)]
    if kept:
        raise LakeError(" ".join(_refusal(lake, misfit) for misfit in kept))
    with lake.writing(*(misfit.table for misfit in found)):
        for misfit in found:
            say(
                f"  {misfit.table.name}: another version of kinfold wrote it ({misfit.why}). It is "
                f"deleted; jobs/{misfit.table.written_by} builds it again."
            )
            lake.storage.delete(misfit.table.name.replace(".", "/"))
    for table in filter(lake.exists, ALL):
        _adapt(lake, table)


def _misfits(lake: LakeTables, marker: Marker | None) -> list[Misfit]:
    keys = _FIRST_KEYS if marker is None else marker.keys
    found = []
    for table in filter(lake.exists, ALL):
        key = keys.get(table.name, table.key)
        why = differences(table, lake.stored_schema(table), key=key)
        if why:
            found.append(Misfit(table, "; ".join(why)))
    return found


def differences(table: Table, existing: T.StructType, *, key: tuple[str, ...]) -> list[str]:
    """Why the stored rows cannot be rows of the declared table, in words; empty if they can.

    Args:
        existing: the columns in the lake.
        key: the key that its rows were written by.
    """
    types = {column.name: column.dataType.simpleString() for column in existing}
    found = [
        f"column {column.name} is {types[column.name]}, expected {column.type.simpleString()}"
        for column in table.fields
        if types.get(column.name, column.type.simpleString()) != column.type.simpleString()
    ]
    if table.is_derived:
        # Elsewhere the column is added, and is null in existing rows.
        found += [
            f"column {column.name} is missing"
            for column in table.fields
            if column.name not in types and not column.nullable
        ]
    # Rows with a unique key are also unique by more columns.
    if key != table.key if table.is_derived else not set(key) <= set(table.key):
        found.append(f"its key is {', '.join(key)}, expected {', '.join(table.key)}")
    return found


def _refusal(lake: LakeTables, misfit: Misfit) -> str:
    table = misfit.table
    text = (
        f"{table.name} in the lake at {lake.root}: another version of kinfold wrote it, and this "
        f"one cannot use it: {misfit.why}."
    )
    if table.layer == "gold":
        return (
            f"{text} Move the folder {lake.path(table)} out of the lake; jobs/{table.written_by} "
            "builds it again, without its history."
        )
    return (
        f"{text} Use the version that wrote the lake, or build a new lake from the same input with "
        "--set lake.root=DIR."
    )


def _adapt(lake: LakeTables, table: Table) -> None:
    """Let columns of a table be null that once were required, and are optional or gone now. Columns
    that identify a person by now get no more statistics."""
    required = {column.name for column in table.fields if not column.nullable}
    existing = lake.stored_schema(table)
    optional = [c.name for c in existing if not c.nullable and c.name not in required]
    spark, gateway = lake.spark, lake.spark.sparkContext._gateway
    jvm: Any = spark._jvm
    classes = jvm.org.apache.spark.sql.connector.catalog

    def array(kind: Any, *values: Any) -> Any:
        made = gateway.new_array(kind, len(values))  # type: ignore[union-attr]  # classic session
        for index, value in enumerate(values):
            made[index] = value
        return made

    text = jvm.java.lang.String
    changes = [
        classes.TableChange.updateColumnNullability(array(text, name), True) for name in optional
    ]
    catalog = spark._jsparkSession.sessionState().catalogManager().catalog("spark_catalog")
    identifier = classes.Identifier.of(array(text, "delta"), lake.path(table))
    columns = table_properties(table)[STATISTICS]
    if catalog.loadTable(identifier).properties().get(STATISTICS) != columns:
        changes.append(classes.TableChange.setProperty(STATISTICS, columns))
    if changes:
        with lake.commit_lock(table):
            catalog.alterTable(identifier, array(classes.TableChange, *changes))
