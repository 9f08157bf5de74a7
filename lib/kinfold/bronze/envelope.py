"""Landed events: for every record received its verdict, its reasons and what every event shares."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, functions as F, types as T

from kinfold.bronze.json_schema import (
    MAX_REASONS,
    TOO_DEEP,
    CompiledSchemas,
    SchemaRegistry,
    compiled_schemas,
)
from kinfold.bronze.positions import Positions
from kinfold.tables.bronze import ACCEPTED, EVENTS, REJECTED

# Where a batch stands in the stream is known to who lands it, not to the record.
_OF_THE_BATCH = ("batch_id", "ingested_at")
LANDED_EVENTS = T.StructType(
    [T.StructField(f.name, f.type) for f in EVENTS.fields if f.name not in _OF_THE_BATCH]
)
CLOCK_TOLERANCE = timedelta(days=1)
AFTER_RECEIVED = "/occurred_at: more than 1 day after received_at"
AFTER_INGESTED = "/occurred_at: more than 1 day after ingestion"
NO_RECORD = "/: no record"
NOT_JSON = "/: not JSON"

_PASSED_THROUGH = ("source", "source_partition", "source_offset", "raw")
_MAX_KEPT_CHARACTERS = 256
_MAX_EXACT_INTEGER = 2**53 - 1
# A year less than Spark holds, at both ends: in the first and last days of its range an instant
# has no local time in some zones, and collecting it fails. 0001-01-01 is a common "no date".
_FIRST_INSTANT = datetime(2, 1, 1, tzinfo=UTC)
_END_OF_INSTANTS = datetime(9999, 1, 1, tzinfo=UTC)
_NO_INSTANT = "expected an instant in the years 0002 to 9998 (UTC), without a leap second"
# Without the position of the fault: reasons are counted, and the raw text is kept.
_PARSER_REASONS = {
    "Input is a zero-length, empty document": "/: empty",
    "input data is empty": "/: empty",
    "unexpected end of data": "/: truncated JSON",
    "unexpected content after document": "/: more than one JSON document",
    "str is not valid UTF-8: surrogates not allowed": "/: not UTF-8",
    "UTF-8 byte order mark (BOM) is not supported": "/: starts with a byte order mark",
    "number is infinity when parsed as double": "/: a number is too large",
    "depth limit exceeded": TOO_DEEP,
}


def landed_events(
    records: DataFrame, *, registry: SchemaRegistry, ingested_before: datetime | None = None
) -> DataFrame:
    """Every record with its verdict, its reasons and its envelope columns.

    Args:
        records: one row per record received: source, source_partition, block_start and row_index
            (see `Positions`) or source_offset itself, raw (the text as received), event (the native
            event as JSON text; null when the row was unreadable), unreadable (null, or the reader's
            reason, which then rejects the record).
        registry: the schemas that decide.
        ingested_before: events without received_at that occurred more than a day later are
            rejected. None: such events are not judged by time.

    Returns:
        One row per row of `records`, in its order, with the columns of `LANDED_EVENTS`; the same
        event twice stays twice. `errors` is empty exactly for accepted rows. Identifiers without a
        value are dropped. A rejected row keeps event_type and event_id (texts up to 256 characters)
        and the instants that no reason is about; its identifiers and properties are null.

    Raises:
        ValueError: `ingested_before` has no time zone.
    """
    if ingested_before is not None and ingested_before.tzinfo is None:
        raise ValueError(
            "landed_events: ingested_before has no time zone, expected an instant. Add tzinfo=UTC."
        )
    is_placed = "source_offset" in records.columns
    place = ("source_offset",) if is_placed else ("block_start", "row_index")
    columns = ("source", "source_partition", *place, "raw", "unreadable")
    # A native event is its raw text; sending it twice makes the way to Python a third longer.
    # longer.
    is_native = F.col("event").eqNullSafe(F.col("raw"))
    mapped_event = F.when(~is_native, F.col("event")).alias("event")

    def landed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        schemas = compiled_schemas(registry)
        positions = Positions()
        for batch in batches:
            placed = batch if is_placed else positions.placed(batch)
            yield landed_batch(placed, schemas=schemas, ingested_before=ingested_before)

    # Python, because from_json cannot tell a missing member from a null one and coerces types.
    sent = records.select(*columns, mapped_event, is_native.alias("is_native"))
    return sent.mapInArrow(landed, LANDED_EVENTS)


def landed_batch(
    batch: pa.RecordBatch, *, schemas: CompiledSchemas, ingested_before: datetime | None
) -> pa.RecordBatch:
    """`landed_events` for one Arrow batch; where `is_native`, the event is the raw text."""
    latest_at = ingested_before + CLOCK_TOLERANCE if ingested_before else None
    # As bytes: text that is not UTF-8 must reject one record, not fail the batch.
    events = pc.if_else(batch["is_native"], batch["raw"], batch["event"]).cast(pa.binary())
    unreadable = batch["unreadable"].cast(pa.binary())
    judgements = [
        _judgement(text, reason, schemas=schemas, latest_at=latest_at)
        for text, reason in zip(events.to_pylist(), unreadable.to_pylist(), strict=True)
    ]
    columns = {name: batch[name] for name in _PASSED_THROUGH} | _judgement_columns(judgements)
    names = LANDED_EVENTS.fieldNames()
    return pa.RecordBatch.from_arrays([columns[name] for name in names], names)


class _Judgement(NamedTuple):
    errors: Sequence[str] = ()
    schema_id: str | None = None
    event_id: str | None = None
    event_type: str | None = None
    occurred_at: datetime | None = None
    received_at: datetime | None = None
    identifiers: dict[str, str] | None = None
    properties: str | None = None


def _judgement(
    text: bytes | None,
    unreadable: bytes | None,
    *,
    schemas: CompiledSchemas,
    latest_at: datetime | None,
) -> _Judgement:
    reasons: list[str] = []
    event: Any = None
    if unreadable is not None:
        reasons.append(unreadable.decode("utf-8", errors="replace") or NO_RECORD)
    elif text is None:
        reasons.append(NO_RECORD)
    try:
        if text is not None:
            event = orjson.loads(text)
            reasons += schemas.reasons(event)
        if not reasons:
            return _timed_judgement(event, schemas=schemas, latest_at=latest_at)
    except orjson.JSONDecodeError as err:
        reasons.append(_PARSER_REASONS.get(err.msg, NOT_JSON))
    except (
        Exception
    ) as err:  # whatever a parser or validator does with one record, it never stops a stream
        reasons.append(f"/: could not be judged ({type(err).__name__})")
    return _rejection(event, reasons, schemas=schemas)


def _timed_judgement(
    event: dict[str, Any], *, schemas: CompiledSchemas, latest_at: datetime | None
) -> _Judgement:
    """The judgement of an event that follows its schema; clock and depth can still reject it."""
    reasons = []
    occurred_at = _instant(event["occurred_at"])
    received_text = event.get("received_at")
    received_at = None if received_text is None else _instant(received_text)
    if occurred_at is None:
        reasons.append(f"/occurred_at: {_NO_INSTANT}")
    if received_text is not None and received_at is None:
        reasons.append(f"/received_at: {_NO_INSTANT}")
    if occurred_at is not None:
        if received_at is not None and occurred_at - received_at > CLOCK_TOLERANCE:
            reasons.append(AFTER_RECEIVED)
        if received_text is None and latest_at is not None and occurred_at > latest_at:
            reasons.append(AFTER_INGESTED)
    try:
        properties = _properties_text(event["properties"])
    except orjson.JSONEncodeError:
        reasons.append(TOO_DEEP)
    if reasons:
        return _rejection(event, reasons, schemas=schemas)
    event_type = event["event_type"]
    return _Judgement(
        schema_id=schemas.schema_id(event),
        event_id=event["event_id"],
        event_type=event_type,
        occurred_at=occurred_at,
        received_at=received_at,
        identifiers={
            namespace: value for namespace, value in event["identifiers"].items() if value
        },
        properties=properties,
    )


def _rejection(event: Any, reasons: Sequence[str], *, schemas: CompiledSchemas) -> _Judgement:
    errors = sorted(set(reasons))[:MAX_REASONS]
    if not isinstance(event, dict):
        return _Judgement(errors=errors)
    event_type = _kept_text(event.get("event_type"))
    return _Judgement(
        errors=errors,
        schema_id=schemas.schema_id(event),
        event_id=_kept_text(event.get("event_id")),
        event_type=event_type,
        occurred_at=_kept_instant(event, "occurred_at", errors),
        received_at=_kept_instant(event, "received_at", errors),
    )


def _kept_instant(event: dict[str, Any], name: str, errors: Sequence[str]) -> datetime | None:
    is_doubted = any(error.startswith(f"/{name}:") for error in errors)
    return None if is_doubted else _instant(event.get(name))


def _kept_text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _MAX_KEPT_CHARACTERS else None


def _instant(text: object) -> datetime | None:
    """The instant of an RFC 3339 text, to the microsecond; None if a timestamp cannot hold it."""
    if not isinstance(text, str):
        return None
    try:
        # Upper case: RFC 3339 allows "t" and "z", fromisoformat does not.
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    if instant.tzinfo is None or not _FIRST_INSTANT <= instant < _END_OF_INSTANTS:
        return None
    return instant


def _properties_text(properties: dict[str, Any]) -> str:
    if float in map(type, properties.values()):
        # JSON Schema takes 5.0 for an integer; a reader that casts the text to bigint does not.
        properties = {name: _whole_as_integer(value) for name, value in properties.items()}
    # Decoded at once: the encoder's buffers are far larger than the text, and keeping them is slow.
    return orjson.dumps(properties).decode()


def _whole_as_integer(value: object) -> object:
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_EXACT_INTEGER
    return int(value) if is_whole else value  # type: ignore[call-overload]


def _judgement_columns(judgements: Sequence[_Judgement]) -> dict[str, pa.Array]:
    """The columns of `LANDED_EVENTS` that a judgement decides, by name."""
    verdicts = [REJECTED if one.errors else ACCEPTED for one in judgements]
    types = {
        "errors": pa.list_(pa.string()),
        "schema_id": pa.string(),
        "event_id": pa.string(),
        "event_type": pa.string(),
        "occurred_at": pa.timestamp("us", tz="UTC"),
        "received_at": pa.timestamp("us", tz="UTC"),
        "properties": pa.string(),
    }
    columns = {
        name: pa.array([getattr(one, name) for one in judgements], arrow_type)
        for name, arrow_type in types.items()
    }
    identifiers = _identifier_column([one.identifiers for one in judgements])
    return {"verdict": pa.array(verdicts, pa.string()), "identifiers": identifiers, **columns}


def _identifier_column(maps: Sequence[dict[str, str] | None]) -> pa.MapArray:
    offsets = [0, *accumulate(len(one) if one else 0 for one in maps)]
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.array([namespace for one in maps if one for namespace in one], pa.string()),
        pa.array([value for one in maps if one for value in one.values()], pa.string()),
        mask=pa.array([one is None for one in maps], pa.bool_()),
    )
