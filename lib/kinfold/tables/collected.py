"""Rows on the driver, with instants that have their time zone."""

from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, Row, types as T


def collected(rows: DataFrame) -> list[Row]:
    """The rows on the driver; every timestamp has the time zone UTC. Runs a Spark job.

    Spark itself returns timestamps in the local time of the process, without a zone: they cannot be
    compared with instants, and look like UTC where they are not.
    """
    found = rows.collect()
    return [_with_zone(row) for row in found] if _has_timestamp(rows.schema) else found


def first_row(rows: DataFrame) -> Row | None:
    """The first row, see `collected`; null if there is none."""
    found = collected(rows.limit(1))
    return found[0] if found else None


def _has_timestamp(kind: T.DataType) -> bool:
    if isinstance(kind, T.StructType):
        return any(_has_timestamp(column.dataType) for column in kind)
    if isinstance(kind, T.ArrayType):
        return _has_timestamp(kind.elementType)
    if isinstance(kind, T.MapType):
        return _has_timestamp(kind.keyType) or _has_timestamp(kind.valueType)
    return isinstance(kind, T.TimestampType)


def _with_zone(value: Any) -> Any:
    if isinstance(value, Row):
        return Row(*value.__fields__)(*map(_with_zone, value))
    if isinstance(value, list):
        return [_with_zone(one) for one in value]
    if isinstance(value, dict):
        return {_with_zone(key): _with_zone(one) for key, one in value.items()}
    # Spark marks the second of two equal local times (`fold`), so no instant is ambiguous.
    return value.astimezone(UTC) if isinstance(value, datetime) else value
