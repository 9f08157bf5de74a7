"""SQL predicates and column conditions that writes to a table use.

Delta keeps predicates in its log, so none of them may contain a value that identifies a person.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pyspark.sql import Column, functions as F, types as T

from kinfold.tables.spec import Table


def new_values(table: Table) -> dict[str, Column]:
    """The declared columns, taken from the `new` row; a table may hold further columns."""
    return {column: F.col(f"new.{column}") for column in table.columns}


def keys_match(table: Table) -> Column:
    """Whether an `old` and a `new` row have the same key."""
    same = [F.col(f"old.{column}") == F.col(f"new.{column}") for column in table.key]
    matches = same[0]
    for condition in same[1:]:
        matches = matches & condition
    return matches


def rows_differ(table: Table, *, ignoring: Sequence[str] = ()) -> Column:
    """Whether an `old` and a `new` row differ in a declared column; nulls are equal.

    Args:
        ignoring: columns that are not compared.
    """
    differ = F.lit(False)
    for column in (c for c in table.fields if c.name not in ignoring):
        old, new = F.col(f"old.{column.name}"), F.col(f"new.{column.name}")
        if isinstance(column.type, T.MapType):  # maps cannot be compared; sorted entries can
            old, new = (F.array_sort(F.map_entries(side)) for side in (old, new))
        differ = differ | ~old.eqNullSafe(new)
    return differ


def equals_all(values: Mapping[str, str | int | datetime]) -> str:
    """SQL text `a = 'x' and b = timestamp '...'` for Delta's `replaceWhere`; quotes are escaped."""
    return " and ".join(f"{name} = {sql_literal(value)}" for name, value in values.items())


def equals_any(rows: Sequence[Mapping[str, Any]]) -> str:
    """SQL text that is true for a row with the values of one of `rows`.

    Args:
        rows: at least one; all have the same columns.
    """
    names = list(rows[0])
    if len(names) > 1:
        return " or ".join(f"({equals_all(row)})" for row in rows)
    return f"{names[0]} in ({', '.join(sql_literal(row[names[0]]) for row in rows)})"


def sql_literal(value: str | int | datetime) -> str:
    """A value as SQL text."""
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)
