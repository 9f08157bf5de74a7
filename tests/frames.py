"""Compares frames in tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chispa import assert_df_equality
from pyspark.sql import DataFrame, functions as F, types as T


def assert_rows(actual: DataFrame, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """The frame's `columns` hold exactly these rows, in any order."""
    shown = actual.select(*columns)
    expected = actual.sparkSession.createDataFrame(list(rows), shown.schema)
    assert_df_equality(
        _sortable(shown), _sortable(expected), ignore_row_order=True, ignore_nullable=True
    )


def _sortable(rows: DataFrame) -> DataFrame:
    """The rows with maps as sorted entries, because Spark cannot sort rows by a map."""
    return rows.select(
        *(
            F.array_sort(F.map_entries(field.name)).alias(field.name)
            if isinstance(field.dataType, T.MapType)
            else field.name
            for field in rows.schema
        )
    )


def at(text: str) -> datetime:
    """A UTC instant: `09:00` means 1 March 2026; else an ISO date with an optional time."""
    full = text if len(text) > 5 else f"2026-03-01T{text}"
    return datetime.fromisoformat(full).replace(tzinfo=UTC)
