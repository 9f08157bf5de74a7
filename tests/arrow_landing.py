"""Lands texts as rows of bronze.events without Spark, with the fast path and without it."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from kinfold.bronze.events.landed_rows import Shape, landed_batch
from kinfold.bronze.events.raw_values import are_utf8
from kinfold.bronze.fast_path.fast_path import FastPath
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import compiled_schemas
from project import SCHEMAS

REGISTRY = SchemaRegistry.load(SCHEMAS)
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""When the texts are ingested."""


def binary(texts: list[bytes | None]) -> pa.Array:
    """The texts as a column of a source."""
    return pa.array(texts, pa.binary())


def arrow_batch(texts: list[bytes | None], **columns: Any) -> pa.RecordBatch:
    """What reaches a worker from a source: one record per text."""
    count = len(texts)
    return pa.RecordBatch.from_pydict(
        {
            "source": pa.array(["web"] * count, pa.string()),
            "source_partition": pa.array(["1.jsonl"] * count, pa.string()),
            "source_offset": pa.array(range(count), pa.int64()),
            "value": binary(texts),
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
        }
    )


def landed(
    texts: list[bytes | None],
    *,
    fast_path: bool,
    shape: Shape = "native",
    registry: SchemaRegistry = REGISTRY,
    ingested_before: datetime | None = NOON,
    **columns: Any,
) -> list[dict[str, Any]]:
    """The landed rows of some records.

    Args:
        columns: further columns of the records, as lists of texts.
    """
    rows = landed_batch(
        arrow_batch(texts, **columns),
        schemas=compiled_schemas(registry),
        fast_path=FastPath.of(registry) if fast_path else None,
        shape=shape,
        ingested_before=ingested_before,
    )
    rows.validate(full=True)
    return rows.to_pylist()


def landed_both_ways(texts: list[bytes | None], **options: Any) -> list[dict[str, Any]]:
    """The landed rows of some records; fails if they differ without the fast path."""
    rows = landed(texts, fast_path=True, **options)
    assert rows == landed(texts, fast_path=False, **options)
    return rows


def taken(texts: list[bytes | None], fast_path: FastPath) -> list[bool]:
    """Whether the fast path takes each text."""
    values = binary(texts)
    rows = set(fast_path.well_formed_events(values, are_utf8(values)).rows.tolist())
    return [row in rows for row in range(len(texts))]
