"""Each event has a verdict, reasons and columns; both ways to them give the same."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import pytest

from arrow_landing import NOON, REGISTRY, binary
from kinfold.bronze.events.landed_rows import LANDED_EVENTS
from kinfold.bronze.events.raw_values import are_utf8
from kinfold.bronze.events.verdicts import parser_reason, verdict_columns
from kinfold.bronze.fast_path.fast_path import FastPath
from kinfold.bronze.schemas.validation import compiled_schemas
from poison import GOOD, ORDER, rules, text

BOTH_WAYS = pytest.mark.parametrize("fast_path", [True, False])
ODD_BUT_VALID = text(properties={**ORDER, "note": "a\0"})
"""Accepted, but not by the fast path."""


def columns_of(
    texts: list[bytes | None],
    *,
    fast_path: bool,
    ingested_before: datetime | None = NOON,
    unreadable: list[str | None] | None = None,
) -> dict[str, pa.Array]:
    values = binary(texts)
    return verdict_columns(
        values,
        is_text=are_utf8(values),
        schemas=compiled_schemas(REGISTRY),
        fast_path=FastPath.of(REGISTRY) if fast_path else None,
        ingested_before=ingested_before,
        unreadable=pa.array(unreadable, pa.string()) if unreadable is not None else None,
    )


def rows_of(texts: list[bytes | None], **options: Any) -> list[dict[str, Any]]:
    return pa.RecordBatch.from_pydict(columns_of(texts, **options)).to_pylist()


TEXTS_OF_EVERY_WAY = {
    "nothing": [],
    "only events of the fast path": [GOOD, GOOD],
    "only events of the parser": [ODD_BUT_VALID, b"{", None],
    "both by turns": [b"{", GOOD, ODD_BUT_VALID, GOOD, None],
}


@BOTH_WAYS
@pytest.mark.parametrize("name", TEXTS_OF_EVERY_WAY)
def test_the_columns_have_the_order_and_types_of_the_landed_rows(name, fast_path):
    columns = columns_of(TEXTS_OF_EVERY_WAY[name], fast_path=fast_path)
    assert list(columns) == [one for one in LANDED_EVENTS.fieldNames() if one in columns]
    assert {name: column.type for name, column in columns.items()} == {
        "verdict": pa.string(),
        "errors": pa.list_(pa.string()),
        "schema_id": pa.string(),
        "event_id": pa.string(),
        "event_type": pa.string(),
        "occurred_at": pa.timestamp("us", tz="UTC"),
        "received_at": pa.timestamp("us", tz="UTC"),
        "identifiers": pa.map_(pa.string(), pa.string()),
    }


@pytest.mark.parametrize("name", TEXTS_OF_EVERY_WAY)
def test_both_ways_give_the_same_rows_in_the_order_of_the_events(name):
    texts = TEXTS_OF_EVERY_WAY[name]
    assert rows_of(texts, fast_path=True) == rows_of(texts, fast_path=False)


@BOTH_WAYS
def test_rows_are_in_the_order_of_the_events(fast_path):
    texts = [text(event_id=f"e{n}", note="\0" if n % 2 else "") for n in range(5)]
    rows = rows_of([*texts, b"{"], fast_path=fast_path)
    assert [row["event_id"] for row in rows] == ["e0", "e1", "e2", "e3", "e4", None]
    assert [row["verdict"] for row in rows] == ["accepted"] * 5 + ["rejected"]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("members", "errors"),
    [
        (dict(received_at="2026-01-04T12:00:00Z"), []),
        (
            dict(received_at="2026-01-04T11:59:59.999999Z"),
            ["/occurred_at: more than 1 day after received_at"],
        ),
        (dict(occurred_at="2026-01-06T12:00:00Z"), []),
        (
            dict(occurred_at="2026-01-06T12:00:00.000001Z"),
            ["/occurred_at: more than 1 day after ingestion"],
        ),
    ],
)
def test_an_event_may_occur_up_to_a_day_after_it_was_received(members, errors, fast_path):
    [row] = rows_of([text(**members)], fast_path=fast_path)
    assert rules(row["errors"]) == errors
    assert (row["occurred_at"] is None) == bool(errors)
    assert (row["received_at"] is None) == ("received_at" not in members)


@BOTH_WAYS
@pytest.mark.parametrize(
    ("received_at", "errors"),
    [
        ("2026-01-06T12:00:00Z", []),
        ("2026-01-06T12:00:00.000001Z", ["/received_at: more than 1 day after ingestion"]),
        ("2099-01-01T00:00:00Z", ["/received_at: more than 1 day after ingestion"]),
        ("9998-12-31T23:59:59Z", ["/received_at: more than 1 day after ingestion"]),
    ],
)
def test_the_clock_of_a_collector_may_be_a_day_ahead_of_ours(received_at, errors, fast_path):
    [row] = rows_of([text(received_at=received_at)], fast_path=fast_path)
    assert rules(row["errors"]) == errors
    assert (row["received_at"] is None) == bool(errors)
    assert row["occurred_at"] is not None


@BOTH_WAYS
def test_a_received_at_of_the_future_does_not_excuse_an_occurred_at_of_the_future(fast_path):
    sent = text(occurred_at="2099-01-01T00:00:00Z", received_at="2099-01-01T00:00:01Z")
    [row] = rows_of([sent], fast_path=fast_path)
    assert row["errors"] == [
        "/occurred_at: more than 1 day after ingestion, seen 2099-01-01",
        "/received_at: more than 1 day after ingestion, seen 2099-01-01",
    ]
    assert (row["occurred_at"], row["received_at"]) == (None, None)


@BOTH_WAYS
def test_an_event_of_the_future_is_accepted_if_the_time_of_ingestion_is_unknown(fast_path):
    texts = [text(occurred_at="2030-01-01T00:00:00Z", received_at="2030-01-01T00:00:00Z")]
    [row] = rows_of(texts, fast_path=fast_path, ingested_before=None)
    assert row["verdict"] == "accepted"


@BOTH_WAYS
def test_instants_out_of_range_have_one_reason_each(fast_path):
    [row] = rows_of(
        [text(occurred_at="0001-01-01T00:00:00Z", received_at="9999-01-01T00:00:00Z")],
        fast_path=fast_path,
    )
    expected = "expected an instant in the years 0002 to 9998 (UTC), without a leap second"
    assert row["errors"] == [
        f"/occurred_at: {expected}, seen 0001-01-01",
        f"/received_at: {expected}, seen 9999-01-01",
    ]
    assert (row["occurred_at"], row["received_at"]) == (None, None)


@BOTH_WAYS
def test_an_event_that_the_reader_could_not_read_is_rejected_and_the_others_are_not(fast_path):
    rows = rows_of(
        [GOOD, GOOD, None, None],
        fast_path=fast_path,
        unreadable=[None, "/: cut off", "/: cut off", None],
    )
    assert [row["errors"] for row in rows] == [[], ["/: cut off"], ["/: cut off"], ["/: no record"]]
    assert [row["event_id"] for row in rows] == ["e1", "e1", None, None]
    assert [row["identifiers"] for row in rows] == [[("user_id", "u1")], None, None, None]


@BOTH_WAYS
def test_reasons_are_sorted_and_unique(fast_path):
    identifiers = {f"n{number}": number for number in range(3)}
    [row] = rows_of([text(identifiers=identifiers, event_id=7)], fast_path=fast_path)
    assert row["errors"] == [
        "/event_id: expected string, seen an integer",
        "/identifiers/*: expected string or null, seen an integer",
    ]


@BOTH_WAYS
def test_identifiers_without_a_value_are_omitted(fast_path):
    identifiers = {"email": None, "user_id": "u1", "phone": "", "crm_id": "7"}
    rows = rows_of([text(identifiers=identifiers), text(identifiers={})], fast_path=fast_path)
    assert [row["identifiers"] for row in rows] == [[("user_id", "u1"), ("crm_id", "7")], []]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("event_type", "kept"), [("x" * 256, "x" * 256), ("x" * 257, None), (7, None)]
)
def test_a_rejected_event_keeps_short_texts_only(event_type, kept, fast_path):
    [row] = rows_of([text(event_type=event_type)], fast_path=fast_path)
    assert (row["event_type"], row["event_id"], row["schema_id"]) == (kept, "e1", None)
    assert row["occurred_at"] == datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "/: empty"),
        (b'{"a":', "/: truncated JSON"),
        (b"{} {}", "/: more than one JSON document"),
        (b"\xff", "/: not UTF-8"),
        (b"\xef\xbb\xbf{}", "/: starts with a byte order mark"),
        (b"[1e400]", "/: a number is too large"),
        (b"[" * 2_000, "/: nested too deeply"),
        (b"{a}", "/: not JSON"),
    ],
)
def test_the_reason_of_the_parser_has_no_position(sent, reason):
    with pytest.raises(orjson.JSONDecodeError) as failure:
        orjson.loads(sent)
    assert parser_reason(failure.value) == reason
