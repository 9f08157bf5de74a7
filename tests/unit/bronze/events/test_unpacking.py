"""Records of the Segment spec have one row per message; one bad message does not end its batch."""

from typing import Any

import orjson
import pyarrow as pa
import pytest

from arrow_landing import binary, landed
from kinfold.bronze.events import unpacking
from kinfold.bronze.events.segment.event import segment_event
from kinfold.bronze.events.unpacking import EMPTY_BATCH, unpacked_messages
from segment_samples import message

BOTH_WAYS = pytest.mark.parametrize("fast_path", [True, False])


def batch_of(*messages: Any) -> bytes:
    return orjson.dumps({"batch": messages})


def deep_message(depth: int) -> bytes:
    """A message with so many arrays in each other."""
    text = orjson.dumps(message(messageId="m2", context="@"))
    return text.replace(b'"@"', b"[" * depth + b"]" * depth)


def unpacked(values: list[bytes | None], **columns: Any) -> list[dict[str, Any]]:
    """The unpacked rows of some records."""
    raw = [value.decode() if value is not None else None for value in values]
    records = {
        "value": binary(values),
        "raw": pa.array(raw, pa.string()),
        "raw_bytes": pa.nulls(len(values), pa.binary()),
        **columns,
    }
    return unpacked_messages(pa.RecordBatch.from_pydict(records)).to_pylist()


def test_every_message_has_a_row_with_its_number_and_its_native_event():
    one, two = message(messageId="m1"), message(messageId="m2", userId="u2")
    batch = batch_of(one, two)
    rows = unpacked([batch, orjson.dumps(one)], source_offset=pa.array([7, 8]))
    assert [row["source_offset"] for row in rows] == [7, 7, 8]
    assert [row["record_index"] for row in rows] == [0, 1, 0]
    assert [orjson.loads(row["event"]) for row in rows] == [
        segment_event(one),
        segment_event(two),
        segment_event(one),
    ]
    assert [row["unreadable"] for row in rows] == [None] * 3


def test_the_text_of_a_record_is_in_its_first_row_only():
    batch = batch_of(message(messageId="m1"), message(messageId="m2"))
    assert [row["raw"] for row in unpacked([batch, b"{"])] == [batch.decode(), None, "{"]


def test_a_record_that_is_not_utf8_has_its_bytes_and_a_reason():
    value = b'{"type":"\xc3\x28"}'
    records = {
        "value": binary([value]),
        "raw": pa.nulls(1, pa.string()),
        "raw_bytes": binary([value]),
    }
    [row] = unpacked_messages(pa.RecordBatch.from_pydict(records)).to_pylist()
    assert (row["raw_bytes"], row["event"], row["unreadable"]) == (value, None, "/: not UTF-8")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "/: no record"),
        (b"", "/: empty"),
        (b'{"batch":[', "/: truncated JSON"),
        (b"message", "/: not JSON"),
        (b"[" * 2_000, "/: nested too deeply"),
        (b"[]", EMPTY_BATCH),
        (b'{"batch":[]}', EMPTY_BATCH),
    ],
)
def test_a_record_without_messages_has_one_row_with_the_reason(value, reason):
    [row] = unpacked([value])
    assert (row["record_index"], row["event"], row["unreadable"]) == (0, None, reason)


def test_no_records_have_no_rows():
    assert unpacked([]) == []


def test_the_columns_are_those_of_the_records_and_of_their_messages():
    [row] = unpacked([orjson.dumps(message())], source_offset=pa.array([7]))
    assert list(row) == ["raw", "raw_bytes", "source_offset", "record_index", "event", "unreadable"]


def test_a_document_that_cannot_be_split_is_rejected_by_the_name_of_the_error(monkeypatch):
    def fails(_document: object) -> None:
        raise RuntimeError("ada@example.com")

    monkeypatch.setattr(unpacking, "segment_messages", fails)
    [row] = unpacked([orjson.dumps(message())])
    assert (row["event"], row["unreadable"]) == (None, "/: could not be mapped (RuntimeError)")


@BOTH_WAYS
def test_a_message_that_cannot_be_mapped_does_not_reject_the_others_of_its_batch(
    monkeypatch, fast_path
):
    def fails_for_the_second(one: dict[str, Any]) -> dict[str, Any]:
        if one["messageId"] == "m2":
            raise RuntimeError("ada@example.com")
        return segment_event(one)

    monkeypatch.setattr(unpacking, "segment_event", fails_for_the_second)
    batch = batch_of(*(message(messageId=name) for name in ("m1", "m2", "m3")))
    rows = landed([batch], shape="segment", fast_path=fast_path)
    assert [row["errors"] for row in rows] == [
        [],
        ["/: could not be mapped (RuntimeError)"],
        [],
    ]
    assert [row["verdict"] for row in rows] == ["accepted", "rejected", "accepted"]
    assert [row["event_id"] for row in rows] == ["m1", None, "m3"]
    assert [row["record_index"] for row in rows] == [0, 1, 2]
    assert [row["raw"] for row in rows] == [batch.decode(), None, None]


@BOTH_WAYS
@pytest.mark.parametrize("depth", [300, 600])
def test_a_message_that_is_too_deep_does_not_reject_the_others_of_its_batch(depth, fast_path):
    """At 300 levels the native event cannot be written, at 600 it would be too deep in any way."""
    one, three = (orjson.dumps(message(messageId=name)) for name in ("m1", "m3"))
    batch = b'{"batch":[' + b",".join([one, deep_message(depth), three]) + b"]}"
    rows = landed([batch], shape="segment", fast_path=fast_path)
    assert [row["errors"] for row in rows] == [[], ["/: nested too deeply"], []]
    assert [row["verdict"] for row in rows] == ["accepted", "rejected", "accepted"]
    assert [row["event_id"] for row in rows] == ["m1", None, "m3"]


@BOTH_WAYS
def test_a_message_that_its_schema_rejects_does_not_reject_the_others_of_its_batch(fast_path):
    batch = batch_of(message(messageId="m1"), "not an object", message(messageId="m3"))
    first, second, third = landed([batch], shape="segment", fast_path=fast_path)
    assert (first["errors"], third["errors"]) == ([], [])
    assert second["verdict"] == "rejected"
    assert "/: 'event_type' is missing" in second["errors"]
