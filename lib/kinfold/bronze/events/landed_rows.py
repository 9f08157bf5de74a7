"""Landed events: for every record received its verdict, its reasons and what every event shares."""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any, Literal
from zipimport import zipimporter

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F, types as T

from kinfold.bronze.events.segment import segment_event, segment_messages
from kinfold.bronze.events.verdicts import (
    INSTANT_TYPE,
    NO_RECORD,
    NOT_JSON,
    PARSER_REASONS,
    Verdicts,
    latest_allowed,
)
from kinfold.bronze.fast_path.scanner import (
    Scanned,
    are_utf8,
    microseconds,
    scan,
)
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import CompiledSchemas, compiled_schemas
from kinfold.bronze.sources.positions import Positions
from kinfold.tables.bronze import ACCEPTED, CLOCK_TOLERANCE, EVENTS

Shape = Literal["native", "segment", "mapped"]
"""What a record's text is: the native event, a message or batch of the Segment spec, or anything
else, with the native event in a column `event`."""
# Where a batch stands in the stream is known to who lands it, not to the record.
_OF_THE_BATCH = ("batch_id", "ingested_at")
LANDED_EVENTS = T.StructType(
    [T.StructField(f.name, f.type) for f in EVENTS.fields if f.name not in _OF_THE_BATCH]
)
EMPTY_BATCH = "/batch: no message in it"
_HAS_ARROW_UDF = hasattr(F, "arrow_udf")  # not before Spark 4.1
_PLACED = {"source", "source_partition", "source_offset", "value", "kafka"}
_IS_TEXT = "is_text"
_JUDGED = T.StructType(
    [
        *(
            LANDED_EVENTS[name]
            for name in (
                "verdict",
                "errors",
                "schema_id",
                "event_id",
                "event_type",
                "occurred_at",
                "received_at",
                "identifiers",
            )
        ),
        T.StructField(_IS_TEXT, T.BooleanType(), nullable=False),
    ]
)


def landed_events(
    records: DataFrame,
    *,
    registry: SchemaRegistry,
    shape: Shape = "native",
    ingested_before: datetime | None = None,
) -> DataFrame:
    """Every record with its verdict, its reasons and its envelope columns.

    Args:
        records: one row per record received: source, source_partition, block_start and row_index
            (see `Positions`) or source_offset itself, value (the bytes received); for shape
            `mapped` event (the native event as JSON text); where the reader can fail unreadable
            (null, or its reason, which then rejects the record); from a broker kafka.
        registry: the schemas that decide.
        ingested_before: events without received_at that occurred more than a day later are
            rejected. None: such events are not judged by time.

    Returns:
        One row per row of `records`, or per message of a Segment batch, in their order, with the
        columns of `LANDED_EVENTS`; the same event twice stays twice.
        `errors` is empty exactly for accepted rows. Identifiers without a
        value are dropped. A rejected row keeps event_type and event_id (texts up to 256 characters)
        and the instants that no reason is about; its identifiers are null.

    Raises:
        ValueError: `ingested_before` has no time zone.
    """
    if ingested_before is not None and ingested_before.tzinfo is None:
        raise ValueError(
            "landed_events: ingested_before has no time zone, expected an instant. Add tzinfo=UTC."
        )
    if shape == "native" and _HAS_ARROW_UDF and set(records.columns) <= _PLACED:
        return _beside_the_record(records, registry=registry, ingested_before=ingested_before)
    # Only what this source has: every column costs on the way to Python and back.
    brought = {*records.columns, *(["event"] if shape == "segment" else [])}
    lacking = [name for name in ("event", "kafka") if name not in brought]
    schema = T.StructType([one for one in LANDED_EVENTS if one.name not in lacking])
    landed = landed_batches(registry=registry, shape=shape, ingested_before=ingested_before)
    # Python, because from_json cannot tell a missing member from a null one and coerces types.
    rows = records.mapInArrow(landed, schema)
    return rows.select(
        *(
            F.lit(None).cast(one.dataType).alias(one.name) if one.name in lacking else one.name
            for one in LANDED_EVENTS
        )
    )


def landed_batches(
    *, registry: SchemaRegistry, shape: Shape = "native", ingested_before: datetime | None = None
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """`landed_events` for the Arrow batches of one task, in the worker; columns that the source
    does not have are left out."""

    def landed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        _without_archives()
        schemas = compiled_schemas(registry)
        positions = Positions()
        for batch in batches:
            placed = batch if "source_offset" in batch.schema.names else positions.numbered(batch)
            with _without_collector():
                rows = landed_batch(
                    placed, schemas=schemas, shape=shape, ingested_before=ingested_before
                )
            yield rows

    return landed


def _beside_the_record(
    records: DataFrame, *, registry: SchemaRegistry, ingested_before: datetime | None
) -> DataFrame:
    """`landed_events` of records that are one native event each and know their offset.

    Only the value travels to Python, and only what judging finds out comes back.
    """

    def judged(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        _without_archives()
        schemas = compiled_schemas(registry)
        for values in batches:
            with _without_collector():
                is_text = are_utf8(values)
                columns = _judged_texts(values, is_text, schemas, latest_allowed(ingested_before))
                columns[_IS_TEXT] = is_text
            names = _JUDGED.fieldNames()
            yield pa.StructArray.from_arrays([columns[name] for name in names], names)

    found = records.withColumn("_judged", F.arrow_udf(judged, _JUDGED)("value"))  # type: ignore[attr-defined,unused-ignore]
    is_text = F.col(f"_judged.{_IS_TEXT}")
    made = {
        "record_index": F.lit(0),
        "raw": F.when(is_text, F.col("value").cast("string")),
        "raw_bytes": F.when(~is_text, F.col("value")),
        **{name: F.col(f"_judged.{name}") for name in _JUDGED.fieldNames()},
    }
    kept = {name: F.col(name) for name in records.columns if name not in made}
    columns = kept | made
    return found.select(
        *(
            columns.get(one.name, F.lit(None)).cast(one.dataType).alias(one.name)
            for one in LANDED_EVENTS
        )
    )


def landed_batch(
    batch: pa.RecordBatch,
    *,
    schemas: CompiledSchemas,
    shape: Shape = "native",
    ingested_before: datetime | None = None,
) -> pa.RecordBatch:
    """`landed_events` for one Arrow batch."""
    latest_at = latest_allowed(ingested_before)
    columns = {name: batch[name] for name in batch.schema.names}
    is_text = are_utf8(batch["value"])
    columns["raw"], columns["raw_bytes"] = _raw_columns(batch["value"], is_text)
    if shape == "segment":
        columns = _judged_messages(batch, columns, Verdicts(schemas, latest_at))
    else:
        sent = batch["value"]
        if shape == "mapped":
            sent = batch["event"].cast(pa.binary())
            is_text = are_utf8(sent)
        columns |= _judged_texts(sent, is_text, schemas, latest_at, columns.get("unreadable"))
        columns["record_index"] = pa.array(np.zeros(batch.num_rows, dtype=np.int32))
    order = [name for name in LANDED_EVENTS.fieldNames() if name in columns]
    return pa.RecordBatch.from_arrays([columns[name] for name in order], order)


def _judged_texts(
    values: pa.Array,
    is_text: pa.Array,
    schemas: CompiledSchemas,
    latest_at: datetime | None,
    unreadable: pa.Array | None = None,
) -> dict[str, pa.Array]:
    """The columns of `LANDED_EVENTS` that judging a column of texts decides, by name.

    Args:
        values: what was received, as bytes.
        is_text: which of them are UTF-8.
        unreadable: why the reader could not make anything of it; null if it could.
    """
    scanned = scan(values, is_text, schemas.forms)
    is_sure = _is_in_time(scanned, latest_at)
    if unreadable is not None:
        is_sure &= unreadable.is_null().to_numpy(zero_copy_only=False)[scanned.rows]
    if not is_sure.all():
        scanned = scanned.only(is_sure)
    accepted = _accepted_columns(scanned, schemas)
    is_other = np.ones(len(values), np.bool_)
    is_other[scanned.rows] = False
    others = np.flatnonzero(is_other)
    if not len(others):
        return accepted
    verdicts, asked = Verdicts(schemas, latest_at), pa.array(others)
    reasons = unreadable.take(asked).to_pylist() if unreadable is not None else repeat(None)
    for text, reason in zip(values.take(asked).to_pylist(), reasons, strict=False):
        verdicts.judge_text(text, reason)
    judged = verdicts.columns()
    places = np.empty(len(values), np.int64)
    places[scanned.rows] = np.arange(len(scanned.rows))
    places[others] = np.arange(len(scanned.rows), len(values))
    order = pa.array(places)
    return {
        name: pa.concat_arrays([column, judged[name]]).take(order)
        for name, column in accepted.items()
    }


def _is_in_time(scanned: Scanned, latest_at: datetime | None) -> NDArray[np.bool_]:
    """Whether events did not happen after they came; see `_Verdicts.columns` for those that did."""
    otherwise = np.iinfo(np.int64).max if latest_at is None else microseconds(latest_at)
    tolerance = CLOCK_TOLERANCE // timedelta(microseconds=1)
    latest = np.where(scanned.has_received_at, scanned.received_at + tolerance, otherwise)
    in_time: NDArray[np.bool_] = scanned.occurred_at <= latest
    return in_time


def _accepted_columns(scanned: Scanned, schemas: CompiledSchemas) -> dict[str, pa.Array]:
    count, form = len(scanned.rows), pa.array(scanned.form)
    is_absent = ~scanned.has_received_at
    return {
        "verdict": pa.repeat(ACCEPTED, count),
        "errors": pa.ListArray.from_arrays(
            pa.array(np.zeros(count + 1, dtype=np.int32)), pa.array([], pa.string())
        ),
        "schema_id": pa.array(schemas.forms.schema_ids, pa.string()).take(form),
        "event_id": scanned.event_id,
        "event_type": pa.array(schemas.forms.event_types, pa.string()).take(form),
        "occurred_at": pa.array(scanned.occurred_at).cast(INSTANT_TYPE),
        "received_at": pa.array(scanned.received_at, mask=is_absent).cast(INSTANT_TYPE),
        "identifiers": scanned.identifiers,
    }


def _judged_messages(
    batch: pa.RecordBatch, columns: dict[str, pa.Array], verdicts: "Verdicts"
) -> dict[str, pa.Array]:
    """Judge every message of every record; all columns, with one row for each."""
    parents: list[int] = []
    indices: list[int] = []
    events: list[str | None] = []
    for parent, text in enumerate(batch["value"].to_pylist()):
        found = list(_messages(text))
        for index, (event, reason) in enumerate(found):
            parents.append(parent)
            indices.append(index)
            events.append(verdicts.judge_event(event, reason))
    rows = pa.array(parents, pa.int64())
    repeated = {name: column.take(rows) for name, column in columns.items()}
    record_index = pa.array(indices, pa.int32())
    is_first = pc.equal(record_index, 0)
    for name in ("raw", "raw_bytes"):  # once for each record
        repeated[name] = pc.if_else(is_first, repeated[name], pa.scalar(None, repeated[name].type))
    judged = verdicts.columns()
    return (
        repeated | judged | {"record_index": record_index, "event": pa.array(events, pa.string())}
    )


def _messages(text: Any) -> Iterator[tuple[Any, str | None]]:
    """The native events of one record of the Segment spec, or the reason why there is none."""
    if text is None:
        yield None, NO_RECORD
        return
    try:
        found = segment_messages(orjson.loads(text))
        if not found:
            yield None, EMPTY_BATCH
        for message in found:
            yield segment_event(message), None
    except orjson.JSONDecodeError as err:
        yield None, PARSER_REASONS.get(err.msg, NOT_JSON)
    except Exception as err:  # as in `_Verdicts.judge`
        yield None, f"/: could not be mapped ({type(err).__name__})"


def _raw_columns(values: pa.Array, is_text: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The bytes as text, and beside it as they are where they are no text."""
    if is_text.true_count == len(values):
        return values.view(pa.string()), pa.nulls(len(values), values.type)
    nothing = pa.scalar(None, values.type)
    raw = pc.if_else(is_text, values, nothing).cast(pa.string())
    return raw, pc.if_else(is_text, nothing, values)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Do not look for garbage in between: ten thousand events make Python look through all that it
    has imported again and again, a fifth of the time, and an event has no cycles to be found."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _without_archives() -> None:
    """Forget the archives among Python's paths, which are read anew whenever they are looked at.

    Spark tells Python before each task that modules may have changed, and re-reading the directory
    of pyspark.zip then takes a third of a second of each. What is imported stays, and what is not
    yet is still found.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[path]
