"""The lake: tables by declaration, read at pinned versions and written through the gate."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pyspark.sql import Column, functions as F

from kinfold.tables.spec import Table


def keys_match(table: Table) -> Column:
    """Whether an `old` and a `new` row have the same key."""
    return F.expr(" and ".join(f"old.{c} = new.{c}" for c in table.key))


def predicate(values: Mapping[str, str | int | datetime]) -> str:
    """`a = 'x' and b = timestamp '...'`, as Delta's replaceWhere takes it; quotes are escaped."""
    return " and ".join(f"{name} = {literal(value)}" for name, value in values.items())


def any_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Whether a row has the values of one of some rows, which share their columns."""
    names = list(rows[0])
    if len(names) > 1:
        return " or ".join(f"({predicate(row)})" for row in rows)
    return f"{names[0]} in ({', '.join(literal(row[names[0]]) for row in rows)})"


def literal(value: str | int | datetime) -> str:
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value)
