"""Landed events: for every record received its verdict, its reasons and what every event shares."""

import gc
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any, Literal, NamedTuple
from zipimport import zipimporter

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F, types as T

from kinfold.bronze.event_scanner import (
    END_OF_INSTANTS,
    FIRST_INSTANT,
    MAX_DEPTH,
    Scanned,
    are_utf8,
    microseconds,
    scan,
)
from kinfold.bronze.json_schema import (
    MAX_REASONS,
    TOO_DEEP,
    CompiledSchemas,
    SchemaRegistry,
    compiled_schemas,
    is_deeper,
)
from kinfold.bronze.positions import Positions
from kinfold.bronze.segment import messages, native_event
from kinfold.tables.bronze import ACCEPTED, EVENTS, REJECTED

Shape = Literal["native", "segment", "mapped"]
"""What a record's text is: the native event, a message or batch of the Segment spec, or anything
else, with the native event in a column `event`."""

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
EMPTY_BATCH = "/batch: no message in it"

_MAX_KEPT_CHARACTERS = 256
_NO_INSTANT = "expected an instant in the years 0002 to 9998 (UTC), without a leap second"
_INSTANT = pa.timestamp("us", tz="UTC")
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
            placed = batch if "source_offset" in batch.schema.names else positions.placed(batch)
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
                columns = _judged_texts(values, is_text, schemas, _latest(ingested_before))
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
    latest_at = _latest(ingested_before)
    columns = {name: batch[name] for name in batch.schema.names}
    is_text = are_utf8(batch["value"])
    columns["raw"], columns["raw_bytes"] = _raw_columns(batch["value"], is_text)
    if shape == "segment":
        columns = _judged_messages(batch, columns, _Verdicts(schemas, latest_at))
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
    verdicts, asked = _Verdicts(schemas, latest_at), pa.array(others)
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
        "occurred_at": pa.array(scanned.occurred_at).cast(_INSTANT),
        "received_at": pa.array(scanned.received_at, mask=is_absent).cast(_INSTANT),
        "identifiers": scanned.identifiers,
    }


def _judged_messages(
    batch: pa.RecordBatch, columns: dict[str, pa.Array], verdicts: "_Verdicts"
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
        found = messages(orjson.loads(text))
        if not found:
            yield None, EMPTY_BATCH
        for message in found:
            yield native_event(message), None
    except orjson.JSONDecodeError as err:
        yield None, _PARSER_REASONS.get(err.msg, NOT_JSON)
    except Exception as err:  # as in `_Verdicts.judge`
        yield None, f"/: could not be mapped ({type(err).__name__})"


class _Judged(NamedTuple):
    """What an event that was judged by its schema gives to its row."""

    event_id: str | None
    event_type: str | None
    schema_id: str | None
    occurred_at: str | None
    received_at: str | None
    identifiers: dict[str, str | None]


@dataclass
class _Verdicts:
    """What judging decides, as it grows row by row.

    Attributes:
        errors: reasons of the rows that are rejected, by their index.
    """

    schemas: CompiledSchemas
    latest_at: datetime | None
    events: list[_Judged] = field(default_factory=list)
    errors: dict[int, Sequence[str]] = field(default_factory=dict)

    def judge_text(self, text: Any, unreadable: str | None) -> None:
        """Add one row, of the bytes received, or of what the reader made of them. Never raises.

        Args:
            unreadable: why the reader could not make anything of it; null if it could.
        """
        self.events.append(self._judged(len(self.events), text, unreadable))

    def judge_event(self, event: Any, reason: str | None) -> str | None:
        """Add one row, of an event that is no text yet; that text, null if it has none."""
        index = len(self.events)
        try:
            text = None if event is None else orjson.dumps(event)
        except orjson.JSONEncodeError:
            text, reason = None, TOO_DEEP
        if text is None:
            self.events.append(self._rejected(index, event, [reason or NO_RECORD]))
            return None
        try:
            schema_id = self.schemas.accepting(event)
            if schema_id:
                judged = _accepted(event, schema_id)
            else:
                judged = self._rejected(index, event, self.schemas.reasons(event))
        except Exception as err:  # as in `_judged`
            reason = f"/: could not be judged ({type(err).__name__})"
            judged = self._rejected(index, event, [reason])
        self.events.append(judged)
        return text.decode()

    def columns(self) -> dict[str, pa.Array]:
        """The columns of `LANDED_EVENTS` that this decides, by name; instants are judged here."""
        events = self.events
        sent = {
            "occurred_at": [event.occurred_at for event in events],
            "received_at": [event.received_at for event in events],
        }
        occurred_at, received_at = (_instants(texts) for texts in sent.values())
        late = self._time_reasons(sent, occurred_at, received_at)
        if late:
            self.errors |= {index: sorted(reasons) for index, reasons in late.items()}
            doubted = [i for i, reasons in late.items() if reasons[0].startswith("/occurred_at")]
            occurred_at = _without(occurred_at, doubted)
        rejected = np.zeros(len(events), dtype=bool)
        rejected[list(self.errors)] = True
        is_rejected = pa.array(rejected, pa.bool_())
        return {
            "verdict": pc.if_else(is_rejected, REJECTED, ACCEPTED),
            "errors": pa.array(
                [self.errors.get(i, ()) for i in range(len(events))], pa.list_(pa.string())
            ),
            "schema_id": pa.array([event.schema_id for event in events], pa.string()),
            "event_id": pa.array([event.event_id for event in events], pa.string()),
            "event_type": pa.array([event.event_type for event in events], pa.string()),
            "occurred_at": occurred_at,
            "received_at": received_at,
            "identifiers": _identifiers([event.identifiers for event in events], is_rejected),
        }

    def _judged(self, index: int, text: Any, unreadable: str | None) -> _Judged:
        event: Any = None
        schema_id: str | None = None
        reasons: list[str] = []
        try:
            if text is not None:
                event = orjson.loads(text)
                schema_id = self.schemas.accepting(event)
                reasons += [] if schema_id else self.schemas.reasons(event)
                if schema_id and _may_be_too_deep(text) and is_deeper(event, than=MAX_DEPTH):
                    reasons.append(TOO_DEEP)
        except orjson.JSONDecodeError as err:
            reasons.append(_PARSER_REASONS.get(err.msg, NOT_JSON))
        except (
            Exception
        ) as err:  # whatever a parser or validator does with one record, it never stops a stream
            reasons.append(f"/: could not be judged ({type(err).__name__})")
        if unreadable is not None or text is None:
            reasons.append(unreadable or NO_RECORD)
        if reasons or schema_id is None:
            return self._rejected(index, event, reasons)
        return _accepted(event, schema_id)

    def _rejected(self, index: int, event: Any, reasons: Sequence[str]) -> _Judged:
        errors = sorted(set(reasons))[:MAX_REASONS]
        self.errors[index] = errors
        members = event if isinstance(event, dict) else {}
        doubted = {error.partition(":")[0] for error in errors}
        return _Judged(
            event_id=_kept_text(members.get("event_id")),
            event_type=_kept_text(members.get("event_type")),
            schema_id=self.schemas.schema_id(event),
            occurred_at=_kept_instant(members, "occurred_at", doubted),
            received_at=_kept_instant(members, "received_at", doubted),
            identifiers={},
        )

    def _time_reasons(
        self,
        sent: Mapping[str, Sequence[str | None]],
        occurred_at: pa.Array,
        received_at: pa.Array,
    ) -> dict[int, list[str]]:
        """Reasons of rows whose instants no timestamp holds, or that happened after they came."""
        found: dict[int, list[str]] = {}

        def add(where: Any, reason: str) -> None:
            for index in np.flatnonzero(pc.fill_null(where, False).to_numpy(zero_copy_only=False)):
                if int(index) not in self.errors:
                    found.setdefault(int(index), []).append(reason)

        instants_of = {"occurred_at": occurred_at, "received_at": received_at}
        for name, instants in instants_of.items():
            if instants.null_count > sent[name].count(None):
                was_sent = pa.array([text is not None for text in sent[name]], pa.bool_())
                add(pc.and_(pc.is_null(instants), was_sent), f"/{name}: {_NO_INSTANT}")
        latest = pc.add(received_at, pa.scalar(CLOCK_TOLERANCE))
        add(pc.greater(occurred_at, latest), AFTER_RECEIVED)
        if self.latest_at is not None:
            is_late = pc.greater(occurred_at, pa.scalar(self.latest_at, _INSTANT))
            has_none = pa.array([text is None for text in sent["received_at"]], pa.bool_())
            add(pc.and_(is_late, has_none), AFTER_INGESTED)
        return found


def _accepted(event: Mapping[str, Any], schema_id: str) -> _Judged:
    return _Judged(
        event_id=event["event_id"],
        event_type=event["event_type"],
        schema_id=schema_id,
        occurred_at=event["occurred_at"],
        received_at=event.get("received_at"),
        identifiers=event["identifiers"],
    )


def _identifiers(
    identifiers: Sequence[dict[str, str | None]], is_rejected: pa.Array
) -> pa.MapArray:
    """The identifiers of each row that have a value; null where it is rejected."""
    values = pa.array(list(chain.from_iterable(map(dict.values, identifiers))), pa.string())
    namespaces = pa.array(list(chain.from_iterable(identifiers)), pa.string())
    ends = np.cumsum([0, *map(len, identifiers)], dtype=np.int32)
    has_value = pc.fill_null(pc.greater(pc.binary_length(values), 0), False)
    if not pc.all(has_value).as_py():
        kept = np.cumsum([False, *has_value.to_numpy(zero_copy_only=False)], dtype=np.int32)
        values, namespaces, ends = (
            values.filter(has_value),
            namespaces.filter(has_value),
            kept[ends],
        )
    return pa.MapArray.from_arrays(pa.array(ends), namespaces, values, mask=is_rejected)


def _raw_columns(values: pa.Array, is_text: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The bytes as text, and beside it as they are where they are no text."""
    if is_text.true_count == len(values):
        return values.view(pa.string()), pa.nulls(len(values), values.type)
    nothing = pa.scalar(None, values.type)
    raw = pc.if_else(is_text, values, nothing).cast(pa.string())
    return raw, pc.if_else(is_text, nothing, values)


def _instants(texts: Sequence[str | None]) -> pa.Array:
    """The instants of RFC 3339 texts, to the microsecond; null where a timestamp cannot hold one
    or the years are out of range."""
    try:
        # All at once, which knows most of RFC 3339; what it refuses is tried one by one.
        instants = pa.array(texts, pa.string()).cast(_INSTANT)
    except pa.ArrowInvalid:
        return pa.array([_instant(text) for text in texts], _INSTANT)
    in_range = pc.and_(
        pc.greater_equal(instants, pa.scalar(FIRST_INSTANT, _INSTANT)),
        pc.less(instants, pa.scalar(END_OF_INSTANTS, _INSTANT)),
    )
    return pc.if_else(in_range, instants, pa.scalar(None, _INSTANT))


def _latest(ingested_before: datetime | None) -> datetime | None:
    return ingested_before + CLOCK_TOLERANCE if ingested_before else None


def _without(values: pa.Array, indices: Sequence[int]) -> pa.Array:
    """The values with null at some places."""
    is_kept = np.ones(len(values), dtype=bool)
    is_kept[list(indices)] = False
    return pc.if_else(pa.array(is_kept), values, pa.scalar(None, values.type))


def _instant(text: str | None) -> datetime | None:
    """The instant of an RFC 3339 text, to the microsecond; None if a timestamp cannot hold it."""
    if text is None:
        return None
    try:
        # Upper case: RFC 3339 allows "t" and "z", fromisoformat does not.
        instant = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    if instant.tzinfo is None or not FIRST_INSTANT <= instant < END_OF_INSTANTS:
        return None
    return instant


def _kept_instant(members: dict[str, Any], name: str, doubted: Collection[str]) -> str | None:
    """What was sent, unless a reason is about it; `_instants` says whether it is one.

    Args:
        doubted: the pointers that reasons begin with.
    """
    text = members.get(name)
    return text if isinstance(text, str) and f"/{name}" not in doubted else None


def _kept_text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _MAX_KEPT_CHARACTERS else None


def _may_be_too_deep(text: bytes) -> bool:
    """Whether there are brackets enough; counting them is much cheaper than measuring depth."""
    return len(text) > 2 * MAX_DEPTH and text.count(b"[") + text.count(b"{") > MAX_DEPTH


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
