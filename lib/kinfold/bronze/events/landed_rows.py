"""Landed rows: for every record received its verdict, its reasons, its raw text and its position.

Records arrive in one of three shapes. Segment messages are unpacked to native events first; from
there on all shapes take the same way.
"""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal
from zipimport import zipimporter

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, functions as F, types as T

from kinfold.bronze.events.mapped_events import Inputs, mapped_verdicts
from kinfold.bronze.events.raw_values import are_utf8, raw_columns
from kinfold.bronze.events.unpacking import unpacked_messages
from kinfold.bronze.events.verdicts import verdict_columns
from kinfold.bronze.fast_path.fast_path import FastPath
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import CompiledSchemas, compiled_schemas
from kinfold.bronze.sources.positions import Positions
from kinfold.tables.bronze import EVENTS

Shape = Literal["native", "segment", "mapped"]
"""What a record is: the native event, a message or batch of the Segment spec, or anything else,
with the native event in a column `event`."""

# The batch is known to the landing, not to the record.
_OF_THE_BATCH = ("batch_id", "ingested_at")
LANDED_EVENTS = T.StructType(
    [T.StructField(f.name, f.type) for f in EVENTS.fields if f.name not in _OF_THE_BATCH]
)


def landed_events(
    records: DataFrame,
    *,
    registry: SchemaRegistry,
    shape: Shape = "native",
    ingested_before: datetime | None = None,
    fast_path: bool = True,
    inputs: Inputs | None = None,
) -> DataFrame:
    """Every record with its verdict, its reasons and the columns every event has.

    Args:
        records: one row per record received: source, source_partition, block_start and row_index
            (see `Positions`) or source_offset, value (the bytes received); for shape `mapped` event
            (the native event as JSON text); unreadable (why the reader could not read the record,
            which then is rejected; else null) where the reader can fail; kafka from a broker.
        registry: the schemas by which events are validated.
        ingested_before: events that occurred, or were received, more than a day later are
            rejected. None: events are not compared with our clock.
        fast_path: whether well-formed events take the fast path.
        inputs: the columns behind each part of a mapped event: its values are cast to what the
            schema asks for, and reasons name these columns. None: events are judged as they are.

    Returns:
        One row per record, or per message of a Segment batch, in their order, with the columns of
        `LANDED_EVENTS`; an event that arrives twice has two rows. `errors` is empty exactly for
        accepted rows. Identifiers without a value are omitted. A rejected row has event_type and
        event_id (texts up to 256 characters), and the instants that no reason is about; its
        identifiers are null.

    Raises:
        ValueError: `ingested_before` has no time zone.
    """
    if ingested_before is not None and ingested_before.tzinfo is None:
        raise ValueError(
            "landed_events: ingested_before has no time zone, expected an instant. Add tzinfo=UTC."
        )
    # Only the columns of this source: every column costs on the way to Python and back.
    present = {*records.columns, *(["event"] if shape == "segment" else [])}
    absent = [name for name in ("event", "kafka") if name not in present]
    schema = T.StructType([column for column in LANDED_EVENTS if column.name not in absent])
    landed = landed_batches(
        registry=registry,
        shape=shape,
        ingested_before=ingested_before,
        fast_path=fast_path,
        inputs=inputs,
    )
    # Python, because from_json cannot tell an absent member from a null one and coerces types.
    rows = records.mapInArrow(landed, schema)
    return rows.select(
        *(
            F.lit(None).cast(one.dataType).alias(one.name) if one.name in absent else one.name
            for one in LANDED_EVENTS
        )
    )


def landed_batches(
    *,
    registry: SchemaRegistry,
    shape: Shape = "native",
    ingested_before: datetime | None = None,
    fast_path: bool = True,
    inputs: Inputs | None = None,
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """`landed_events` for the Arrow batches of one task, in the worker.

    Columns that the source does not have are omitted.
    """

    def landed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        _forget_zip_archives()
        schemas = compiled_schemas(registry)
        scanner = FastPath.of(registry) if fast_path else None
        positions = Positions()
        for batch in batches:
            numbered = batch if "source_offset" in batch.schema.names else positions.numbered(batch)
            with _without_garbage_collection():
                rows = landed_batch(
                    numbered,
                    schemas=schemas,
                    fast_path=scanner,
                    shape=shape,
                    ingested_before=ingested_before,
                    inputs=inputs,
                )
            yield rows

    return landed


def landed_batch(
    batch: pa.RecordBatch,
    *,
    schemas: CompiledSchemas,
    fast_path: FastPath | None = None,
    shape: Shape = "native",
    ingested_before: datetime | None = None,
    inputs: Inputs | None = None,
) -> pa.RecordBatch:
    """`landed_events` for one Arrow batch whose rows have a source_offset."""
    is_text = are_utf8(batch["value"])
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns |= raw_columns(batch["value"], is_text)
    if shape == "segment":
        messages = unpacked_messages(pa.RecordBatch.from_pydict(columns))
        columns = dict(zip(messages.schema.names, messages.columns, strict=True))
    else:
        columns["record_index"] = pa.array(np.zeros(batch.num_rows, dtype=np.int32))
    judge: dict[str, Any] = {
        "schemas": schemas,
        "fast_path": fast_path,
        "ingested_before": ingested_before,
    }
    if inputs is not None:
        columns |= mapped_verdicts(columns, inputs=inputs, **judge)
    else:
        events = columns["value"] if shape == "native" else columns["event"].cast(pa.binary())
        columns |= verdict_columns(
            events,
            is_text=is_text if shape == "native" else are_utf8(events),
            unreadable=columns.get("unreadable"),
            **judge,
        )
    order = [name for name in LANDED_EVENTS.fieldNames() if name in columns]
    return pa.RecordBatch.from_arrays([columns[name] for name in order], order)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Switch off Python's cyclic garbage collector.

    Ten thousand events make it search all imported modules again and again, a fifth of the time,
    and an event has no reference cycles.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _forget_zip_archives() -> None:
    """Remove the ZIP archives from Python's cache of import paths.

    Spark invalidates import caches before each task, and to read the directory of pyspark.zip again
    takes a third of a second. Imported modules stay, and others are still found.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[path]
