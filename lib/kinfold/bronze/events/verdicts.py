"""Landed events: for every record received its verdict, its reasons and what every event shares."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kinfold.bronze.fast_path.scanner import END_OF_INSTANTS, FIRST_INSTANT, MAX_DEPTH
from kinfold.bronze.schemas.reasons import MAX_REASONS, TOO_DEEP
from kinfold.bronze.schemas.registry import is_deeper
from kinfold.bronze.schemas.validation import CompiledSchemas
from kinfold.tables.bronze import ACCEPTED, CLOCK_TOLERANCE, REJECTED

AFTER_RECEIVED = "/occurred_at: more than 1 day after received_at"
AFTER_INGESTED = "/occurred_at: more than 1 day after ingestion"
NO_RECORD = "/: no record"
NOT_JSON = "/: not JSON"
_MAX_KEPT_CHARACTERS = 256
_NO_INSTANT = "expected an instant in the years 0002 to 9998 (UTC), without a leap second"
INSTANT_TYPE = pa.timestamp("us", tz="UTC")
# Without the position of the fault: reasons are counted, and the raw text is kept.
PARSER_REASONS = {
    "Input is a zero-length, empty document": "/: empty",
    "input data is empty": "/: empty",
    "unexpected end of data": "/: truncated JSON",
    "unexpected content after document": "/: more than one JSON document",
    "str is not valid UTF-8: surrogates not allowed": "/: not UTF-8",
    "UTF-8 byte order mark (BOM) is not supported": "/: starts with a byte order mark",
    "number is infinity when parsed as double": "/: a number is too large",
    "depth limit exceeded": TOO_DEEP,
}


class _ValidatedEvent(NamedTuple):
    """What an event that was judged by its schema gives to its row."""

    event_id: str | None
    event_type: str | None
    schema_id: str | None
    occurred_at: str | None
    received_at: str | None
    identifiers: dict[str, str | None]


@dataclass
class Verdicts:
    """What judging decides, as it grows row by row.

    Attributes:
        errors: reasons of the rows that are rejected, by their index.
    """

    schemas: CompiledSchemas
    latest_at: datetime | None
    events: list[_ValidatedEvent] = field(default_factory=list)
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

    def _judged(self, index: int, text: Any, unreadable: str | None) -> _ValidatedEvent:
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
            reasons.append(PARSER_REASONS.get(err.msg, NOT_JSON))
        except (
            Exception
        ) as err:  # whatever a parser or validator does with one record, it never stops a stream
            reasons.append(f"/: could not be judged ({type(err).__name__})")
        if unreadable is not None or text is None:
            reasons.append(unreadable or NO_RECORD)
        if reasons or schema_id is None:
            return self._rejected(index, event, reasons)
        return _accepted(event, schema_id)

    def _rejected(self, index: int, event: Any, reasons: Sequence[str]) -> _ValidatedEvent:
        errors = sorted(set(reasons))[:MAX_REASONS]
        self.errors[index] = errors
        members = event if isinstance(event, dict) else {}
        doubted = {error.partition(":")[0] for error in errors}
        return _ValidatedEvent(
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
            is_late = pc.greater(occurred_at, pa.scalar(self.latest_at, INSTANT_TYPE))
            has_none = pa.array([text is None for text in sent["received_at"]], pa.bool_())
            add(pc.and_(is_late, has_none), AFTER_INGESTED)
        return found


def _accepted(event: Mapping[str, Any], schema_id: str) -> _ValidatedEvent:
    return _ValidatedEvent(
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


def _instants(texts: Sequence[str | None]) -> pa.Array:
    """The instants of RFC 3339 texts, to the microsecond; null where a timestamp cannot hold one
    or the years are out of range."""
    try:
        # All at once, which knows most of RFC 3339; what it refuses is tried one by one.
        instants = pa.array(texts, pa.string()).cast(INSTANT_TYPE)
    except pa.ArrowInvalid:
        return pa.array([_instant(text) for text in texts], INSTANT_TYPE)
    in_range = pc.and_(
        pc.greater_equal(instants, pa.scalar(FIRST_INSTANT, INSTANT_TYPE)),
        pc.less(instants, pa.scalar(END_OF_INSTANTS, INSTANT_TYPE)),
    )
    return pc.if_else(in_range, instants, pa.scalar(None, INSTANT_TYPE))


def latest_allowed(ingested_before: datetime | None) -> datetime | None:
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
