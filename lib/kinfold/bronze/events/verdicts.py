"""Verdicts: whether each event is accepted, why it is not, and the columns every event has.

Most events are well-formed. The fast path, where it is on, extracts these from their bytes; all
others are parsed and validated by the schema of their type, which also gives the reasons. Both ways
give the same columns.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kinfold.bronze.events.instants import INSTANT_TYPE, NOT_AN_INSTANT, instants, microseconds
from kinfold.bronze.fast_path.fast_path import FastPath, WellFormedEvents
from kinfold.bronze.schemas.kinds import SEEN
from kinfold.bronze.schemas.nesting import MAX_DEPTH, is_deeper
from kinfold.bronze.schemas.reasons import MAX_REASONS, TOO_DEEP
from kinfold.bronze.schemas.validation import CompiledSchemas
from kinfold.core.arrays import Flags
from kinfold.tables.bronze import ACCEPTED, CLOCK_TOLERANCE, REJECTED

AFTER_RECEIVED = "/occurred_at: more than 1 day after received_at"
AFTER_INGESTED = "more than 1 day after ingestion"
NO_RECORD = "/: no record"
NOT_JSON = "/: not JSON"
_MAX_KEPT_CHARACTERS = 256
_DAY_CHARACTERS = len("2026-01-05")
# Without the position of the error: reasons are counted, and the raw text is kept.
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


def verdict_columns(
    texts: pa.Array,
    *,
    is_text: pa.Array,
    schemas: CompiledSchemas,
    fast_path: FastPath | None = None,
    ingested_before: datetime | None = None,
    unreadable: pa.Array | None = None,
) -> dict[str, pa.Array]:
    """The columns of `LANDED_EVENTS` that follow from the events, by name, in their order.

    Args:
        texts: events as JSON, binary.
        is_text: which of them are UTF-8.
        fast_path: for the same schemas; None = every event is parsed and validated.
        ingested_before: an event that occurred, or was received, more than `CLOCK_TOLERANCE` later
            is rejected; None = events are not compared with our clock.
        unreadable: why there is no event, from the reader; null where there is one.
    """
    latest_at = ingested_before + CLOCK_TOLERANCE if ingested_before else None
    if fast_path is None:
        return _validated_columns(texts, schemas, latest_at, unreadable)
    events = fast_path.well_formed_events(texts, is_text)
    is_certain = _is_in_time(events, latest_at)
    if unreadable is not None:
        is_certain &= unreadable.is_null().to_numpy(zero_copy_only=False)[events.rows]
    if not is_certain.all():
        events = events.only(is_certain)
    accepted = _accepted_columns(events)
    is_other = np.ones(len(texts), np.bool_)
    is_other[events.rows] = False
    others = np.flatnonzero(is_other)
    if not len(others):
        return accepted
    rows = pa.array(others)
    reasons = unreadable.take(rows) if unreadable is not None else None
    validated = _validated_columns(texts.take(rows), schemas, latest_at, reasons)
    source = np.empty(len(texts), np.int64)
    source[events.rows] = np.arange(len(events.rows))
    source[others] = np.arange(len(events.rows), len(texts))
    order = pa.array(source)
    return {
        name: pa.concat_arrays([column, validated[name]]).take(order)
        for name, column in accepted.items()
    }


def _validated_columns(
    texts: pa.Array,
    schemas: CompiledSchemas,
    latest_at: datetime | None,
    unreadable: pa.Array | None,
) -> dict[str, pa.Array]:
    """`verdict_columns` by parsing each event and validating it by its schema."""
    verdicts = _Verdicts(schemas, latest_at)
    reasons = unreadable.to_pylist() if unreadable is not None else repeat(None)
    for text, reason in zip(texts.to_pylist(), reasons, strict=False):
        verdicts.add(text, reason)
    return verdicts.columns()


def _is_in_time(events: WellFormedEvents, latest_at: datetime | None) -> Flags:
    """Whether events occurred before they were received, and both before they were ingested.

    Each within the tolerance. An absent received_at is a very early one, so it is always in time.
    """
    tolerance = CLOCK_TOLERANCE // timedelta(microseconds=1)
    in_time: Flags = ~events.has_received_at
    in_time |= events.occurred_at <= events.received_at + tolerance
    if latest_at is not None:
        latest = microseconds(latest_at)
        in_time &= (events.occurred_at <= latest) & (events.received_at <= latest)
    return in_time


def _accepted_columns(events: WellFormedEvents) -> dict[str, pa.Array]:
    count = len(events.rows)
    is_absent = ~events.has_received_at
    return {
        "verdict": pa.repeat(ACCEPTED, count),
        "errors": pa.ListArray.from_arrays(
            pa.array(np.zeros(count + 1, dtype=np.int32)), pa.array([], pa.string())
        ),
        "schema_id": events.schema_id,
        "event_id": events.event_id,
        "event_type": events.event_type,
        "occurred_at": pa.array(events.occurred_at).cast(INSTANT_TYPE),
        "received_at": pa.array(events.received_at, mask=is_absent).cast(INSTANT_TYPE),
        "identifiers": events.identifiers,
    }


_EventMembers = tuple[
    str | None, str | None, str | None, str | None, str | None, dict[str, str | None]
]
"""schema_id, event_id, event_type, occurred_at, received_at and identifiers of one event. A plain
tuple: to create a named one takes as long as half of the validation."""


@dataclass
class _Verdicts:
    """Verdicts of events that are added one by one.

    Attributes:
        events: one entry per event.
        errors: reasons of the rejected events, by their index.
    """

    schemas: CompiledSchemas
    latest_at: datetime | None
    events: list[_EventMembers] = field(default_factory=list)
    errors: dict[int, Sequence[str]] = field(default_factory=dict)

    def add(self, text: bytes | None, unreadable: str | None) -> None:
        """Add an event. Never raises.

        Args:
            unreadable: why the reader could not read the record; None if it could.
        """
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
        except orjson.JSONDecodeError as error:
            reasons.append(parser_reason(error))
        except Exception as error:  # whatever a parser or validator does, the stream goes on
            reasons.append(f"/: could not be judged ({type(error).__name__})")
        if unreadable is not None or text is None:
            reasons.append(unreadable or NO_RECORD)
        if reasons or schema_id is None:
            self.events.append(self._rejected(event, reasons))
        else:
            self.events.append(_accepted(event, schema_id))

    def columns(self) -> dict[str, pa.Array]:
        """The columns of all added events, see `verdict_columns`; instants are parsed here."""
        members: list[Sequence[Any]] = [list(one) for one in zip(*self.events, strict=True)]
        schema_id, event_id, event_type, *times, identifiers = members or [[] for _ in range(6)]
        sent = dict(zip(("occurred_at", "received_at"), times, strict=True))
        occurred_at, received_at = (instants(texts) for texts in sent.values())
        by_time = self._time_reasons(sent, occurred_at, received_at)
        if by_time:
            self.errors |= {index: sorted(reasons) for index, reasons in by_time.items()}
            occurred_at = _with_nulls(occurred_at, _indices_about("/occurred_at", by_time))
            received_at = _with_nulls(received_at, _indices_about("/received_at", by_time))
        rejected = np.zeros(len(self.events), dtype=bool)
        rejected[list(self.errors)] = True
        is_rejected = pa.array(rejected, pa.bool_())
        return {
            "verdict": pc.if_else(is_rejected, REJECTED, ACCEPTED),
            "errors": pa.array(
                [self.errors.get(i, ()) for i in range(len(self.events))], pa.list_(pa.string())
            ),
            "schema_id": pa.array(schema_id, pa.string()),
            "event_id": pa.array(event_id, pa.string()),
            "event_type": pa.array(event_type, pa.string()),
            "occurred_at": occurred_at,
            "received_at": received_at,
            "identifiers": _identifier_maps(identifiers, is_rejected),
        }

    def _rejected(self, event: Any, reasons: Sequence[str]) -> _EventMembers:
        errors = sorted(set(reasons))[:MAX_REASONS]
        self.errors[len(self.events)] = errors
        members = event if isinstance(event, dict) else {}
        invalid = {error.partition(":")[0] for error in errors}
        return (
            self.schemas.schema_id(event),
            _short_text(members.get("event_id")),
            _short_text(members.get("event_type")),
            _valid_text(members, "occurred_at", invalid),
            _valid_text(members, "received_at", invalid),
            {},
        )

    def _time_reasons(
        self,
        sent: Mapping[str, Sequence[str | None]],
        occurred_at: pa.Array,
        received_at: pa.Array,
    ) -> dict[int, list[str]]:
        """Reasons of events whose instants are out of range, or later than those of their arrival.

        By index; events that are rejected already are omitted.
        """
        reasons: dict[int, list[str]] = {}

        def add(where: Any, reason: str) -> None:
            for index in np.flatnonzero(pc.fill_null(where, False).to_numpy(zero_copy_only=False)):
                if int(index) not in self.errors:
                    day = str(sent[reason[1:].partition(":")[0]][int(index)])[:_DAY_CHARACTERS]
                    reasons.setdefault(int(index), []).append(f"{reason}{SEEN}{day}")

        for name, parsed in {"occurred_at": occurred_at, "received_at": received_at}.items():
            if parsed.null_count > sent[name].count(None):
                was_sent = pa.array([text is not None for text in sent[name]], pa.bool_())
                add(pc.and_(pc.is_null(parsed), was_sent), f"/{name}: {NOT_AN_INSTANT}")
        latest = pc.add(received_at, pa.scalar(CLOCK_TOLERANCE))
        add(pc.greater(occurred_at, latest), AFTER_RECEIVED)
        if self.latest_at is not None:
            ours = pa.scalar(self.latest_at, INSTANT_TYPE)
            for name, parsed in {"occurred_at": occurred_at, "received_at": received_at}.items():
                add(pc.greater(parsed, ours), f"/{name}: {AFTER_INGESTED}")
        return reasons


def parser_reason(error: orjson.JSONDecodeError) -> str:
    """The reason for an event that is not JSON."""
    return _PARSER_REASONS.get(error.msg, NOT_JSON)


def _accepted(event: Mapping[str, Any], schema_id: str) -> _EventMembers:
    return (
        schema_id,
        event["event_id"],
        event["event_type"],
        event["occurred_at"],
        event.get("received_at"),
        event["identifiers"],
    )


def _identifier_maps(
    identifiers: Sequence[dict[str, str | None]], is_rejected: pa.Array
) -> pa.MapArray:
    """The identifiers of each event that have a value; null where it is rejected."""
    values = pa.array(list(chain.from_iterable(map(dict.values, identifiers))), pa.string())
    namespaces = pa.array(list(chain.from_iterable(identifiers)), pa.string())
    ends = np.cumsum([0, *map(len, identifiers)], dtype=np.int32)
    has_value = pc.fill_null(pc.greater(pc.binary_length(values), 0), False)
    if not pc.all(has_value).as_py():
        kept = np.cumsum([False, *has_value.to_numpy(zero_copy_only=False)], dtype=np.int32)
        values, namespaces = values.filter(has_value), namespaces.filter(has_value)
        ends = kept[ends]
    return pa.MapArray.from_arrays(pa.array(ends), namespaces, values, mask=is_rejected)


def _indices_about(member: str, reasons: Mapping[int, Sequence[str]]) -> list[int]:
    """The indices of the events with a reason about a member."""
    return [i for i, one in reasons.items() if any(reason.startswith(member) for reason in one)]


def _with_nulls(values: pa.Array, indices: Sequence[int]) -> pa.Array:
    """The values, with null at the given indices."""
    is_kept = np.ones(len(values), dtype=bool)
    is_kept[list(indices)] = False
    return pc.if_else(pa.array(is_kept), values, pa.scalar(None, values.type))


def _valid_text(members: dict[str, Any], name: str, invalid: Collection[str]) -> str | None:
    """The text of a member of a rejected event, unless a reason is about that member.

    Args:
        invalid: the JSON pointers of the reasons.
    """
    text = members.get(name)
    return text if isinstance(text, str) and f"/{name}" not in invalid else None


def _short_text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _MAX_KEPT_CHARACTERS else None


def _may_be_too_deep(text: bytes) -> bool:
    """Whether there are enough brackets; to count them is much cheaper than to measure depth."""
    return len(text) > 2 * MAX_DEPTH and text.count(b"[") + text.count(b"{") > MAX_DEPTH
