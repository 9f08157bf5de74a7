"""Unpacking: records of the Segment spec as native events, one row per message."""

from collections.abc import Iterator

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from kinfold.bronze.events.segment.event import segment_event
from kinfold.bronze.events.segment.messages import segment_messages
from kinfold.bronze.events.segment.spelling import dumps, have_spelling, loads
from kinfold.bronze.events.segment.values import Members
from kinfold.bronze.events.verdicts import NO_RECORD, parser_reason
from kinfold.bronze.schemas.reasons import TOO_DEEP

EMPTY_BATCH = "/batch: no message in it"


def unpacked_messages(records: pa.RecordBatch) -> pa.RecordBatch:
    """One row per message of the records.

    Args:
        records: value (the bytes received), raw, raw_bytes, and any further columns.

    Returns:
        The columns of `records` without value, and: record_index (number of the message in its
        record), event (the native event as JSON text; null if there is none), unreadable (the
        reason why there is none; else null). raw and raw_bytes are null except in the first row of
        a record.
    """
    parents: list[int] = []
    indices: list[int] = []
    events: list[bytes | None] = []
    reasons: list[str | None] = []
    values = records["value"]
    rows_of_values = zip(values.to_pylist(), have_spelling(values).tolist(), strict=True)
    for parent, (value, has_spelling) in enumerate(rows_of_values):
        for index, (event, reason) in enumerate(_native_events(value, has_spelling)):
            parents.append(parent)
            indices.append(index)
            events.append(event)
            reasons.append(reason)
    rows = pa.array(parents, pa.int64())
    columns = {name: records[name].take(rows) for name in records.schema.names if name != "value"}
    record_index = pa.array(indices, pa.int32())
    is_first = pc.equal(record_index, 0)
    for name in ("raw", "raw_bytes"):
        columns[name] = pc.if_else(is_first, columns[name], pa.scalar(None, columns[name].type))
    columns["record_index"] = record_index
    columns["event"] = pa.array(events, pa.binary()).view(pa.string())
    columns["unreadable"] = pa.array(reasons, pa.string())
    return pa.RecordBatch.from_pydict(columns)


def _native_events(
    value: bytes | None, has_spelling: bool
) -> Iterator[tuple[bytes | None, str | None]]:
    """(native event, None) of each message of one record, or (None, reason). Never raises."""
    if value is None:
        yield None, NO_RECORD
        return
    try:
        messages = segment_messages(loads(value, has_spelling=has_spelling))
    except orjson.JSONDecodeError as error:
        yield None, parser_reason(error)
        return
    except Exception as error:  # whatever the mapping does with one record, the stream goes on
        yield None, _not_mapped(error)
        return
    if not messages:
        yield None, EMPTY_BATCH
    for message in messages:
        yield _native_event(message)


def _native_event(message: Members) -> tuple[bytes | None, str | None]:
    try:
        return dumps(segment_event(message)), None
    except orjson.JSONEncodeError:
        return None, TOO_DEEP
    except Exception as error:  # one message does not decide about the others of its batch
        return None, _not_mapped(error)


def _not_mapped(error: Exception) -> str:
    return f"/: could not be mapped ({type(error).__name__})"
