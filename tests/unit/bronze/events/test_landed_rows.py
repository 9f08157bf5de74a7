"""Every record lands once, with a verdict, whatever it contains."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pyspark.sql import functions as F

from arrow_landing import NOON, REGISTRY, arrow_batch, landed
from kinfold.bronze.events.landed_rows import LANDED_EVENTS, landed_batches, landed_events
from poison import (
    GOOD,
    HOSTILE,
    ODD_BUT_GOOD,
    ORDER,
    event,
    rules,
    text,
)
from segment_samples import message

BOTH_WAYS = pytest.mark.parametrize("fast_path", [True, False])
CORPUS = {name: sent for name, (sent, _) in HOSTILE.items()} | {
    f"odd: {name}": sent for name, sent in ODD_BUT_GOOD.items()
}
"""Hostile and odd records."""
BETWEEN_NEIGHBOURS = [sent for text in CORPUS.values() for sent in (GOOD, text, GOOD)]


@cache
def corpus_rows(fast_path: bool) -> dict[str, list[dict[str, Any]]]:
    """Each record of the corpus, landed between two good ones: (before, row, after) by name."""
    rows = landed(BETWEEN_NEIGHBOURS, fast_path=fast_path)
    assert len(rows) == 3 * len(CORPUS)
    return {name: rows[3 * i : 3 * i + 3] for i, name in enumerate(CORPUS)}


def received(row: dict[str, Any]) -> bytes | None:
    """The bytes of a landed row."""
    assert row["raw"] is None or row["raw_bytes"] is None
    return row["raw"].encode() if row["raw"] is not None else row["raw_bytes"]


@BOTH_WAYS
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_rejected_with_its_reasons_and_stored_unchanged(name, fast_path):
    sent, reasons = HOSTILE[name]
    before, row, after = corpus_rows(fast_path)[name]
    assert (row["verdict"], rules(row["errors"])) == ("rejected", reasons)
    assert received(row) == sent
    assert row["source_offset"] == before["source_offset"] + 1 == after["source_offset"] - 1
    assert row["identifiers"] is None


@BOTH_WAYS
@pytest.mark.parametrize("name", HOSTILE)
def test_the_neighbours_of_a_hostile_record_are_accepted(name, fast_path):
    before, _, after = corpus_rows(fast_path)[name]
    for row in (before, after):
        assert (row["verdict"], row["errors"], row["event_id"]) == ("accepted", [], "e1")
        assert row["raw"] == GOOD.decode()


@BOTH_WAYS
@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_an_odd_but_good_record_is_accepted_and_stored_unchanged(name, fast_path):
    _, row, _ = corpus_rows(fast_path)[f"odd: {name}"]
    assert (row["verdict"], row["errors"]) == ("accepted", [])
    assert row["raw"] == ODD_BUT_GOOD[name].decode()


def test_the_corpus_lands_alike_with_the_fast_path_and_without():
    assert corpus_rows(True) == corpus_rows(False)


@BOTH_WAYS
def test_an_accepted_record_has_the_columns_of_every_event(fast_path):
    sent = text(
        occurred_at="2026-01-05T13:30:00.123456+02:00",
        received_at="2026-01-05T11:30:01Z",
        identifiers={"user_id": "u1", "email": "Ada@Example.com", "phone": "", "crm_id": None},
        properties={**ORDER, "note": "käse", "tags": [1, None]},
    )
    [row] = landed([sent], fast_path=fast_path)
    assert row == {
        "source": "web",
        "source_partition": "1.jsonl",
        "source_offset": 0,
        "record_index": 0,
        "raw": sent.decode(),
        "raw_bytes": None,
        "verdict": "accepted",
        "errors": [],
        "schema_id": "purchase/1-0-1",
        "event_id": "e1",
        "event_type": "purchase",
        "occurred_at": datetime(2026, 1, 5, 11, 30, 0, 123456, tzinfo=UTC),
        "received_at": datetime(2026, 1, 5, 11, 30, 1, tzinfo=UTC),
        "identifiers": [("user_id", "u1"), ("email", "Ada@Example.com")],
    }


@BOTH_WAYS
def test_without_identifiers_the_map_is_empty_not_null(fast_path):
    [row] = landed([text(identifiers={"user_id": None})], fast_path=fast_path)
    assert row["identifiers"] == []


@BOTH_WAYS
def test_a_rejected_record_has_the_members_that_are_valid(fast_path):
    sent = text(received_at="2026-01-05T12:00:01Z", properties={"amount_cents": 1})
    [row] = landed([sent], fast_path=fast_path)
    assert (row["event_id"], row["event_type"]) == ("e1", "purchase")
    assert row["schema_id"] == "purchase/1-0-1"
    assert row["occurred_at"] == datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    assert row["received_at"] == datetime(2026, 1, 5, 12, 0, 1, tzinfo=UTC)


@BOTH_WAYS
def test_a_rejected_record_lacks_the_members_that_a_reason_is_about(fast_path):
    sent = text(event_id=7, event_type="x" * 257, occurred_at="2026-01-05T12:00", received_at=1)
    [row] = landed([sent], fast_path=fast_path)
    names = ("event_id", "event_type", "schema_id", "occurred_at", "received_at")
    assert [row[name] for name in names] == [None] * 5


@BOTH_WAYS
def test_a_record_of_an_unknown_type_has_its_type_and_no_schema(fast_path):
    [row] = landed([text(event_type="refund")], fast_path=fast_path)
    assert (row["event_type"], row["schema_id"]) == ("refund", None)


@BOTH_WAYS
def test_a_record_that_the_reader_could_not_read_is_rejected_with_its_reason(fast_path):
    reason = "/: row does not fit the header"
    rows = landed(
        [None, b"a;b;c"],
        shape="mapped",
        fast_path=fast_path,
        event=[None, None],
        unreadable=[reason, reason],
    )
    assert [row["errors"] for row in rows] == [[reason]] * 2
    assert [row["raw"] for row in rows] == [None, "a;b;c"]
    assert {row["verdict"] for row in rows} == {"rejected"}


@BOTH_WAYS
def test_a_reason_of_the_reader_rejects_even_a_good_event_which_has_its_members(fast_path):
    [row] = landed(
        [GOOD],
        shape="mapped",
        fast_path=fast_path,
        event=[GOOD.decode()],
        unreadable=["/: cut off"],
    )
    assert (row["verdict"], row["errors"]) == ("rejected", ["/: cut off"])
    assert row["event_id"] == "e1"


@BOTH_WAYS
@pytest.mark.parametrize("raw", [None, b"a,b"])
def test_a_record_with_neither_event_nor_reason_is_rejected(raw, fast_path):
    [row] = landed([raw], shape="mapped", fast_path=fast_path, event=[None])
    assert (row["verdict"], row["errors"]) == ("rejected", ["/: no record"])


@BOTH_WAYS
def test_a_mapped_event_is_validated_and_the_raw_text_is_stored(fast_path):
    [row] = landed(
        [b"e1;purchase;19,99"], shape="mapped", fast_path=fast_path, event=[GOOD.decode()]
    )
    assert (row["verdict"], row["event_id"]) == ("accepted", "e1")
    assert (row["raw"], row["event"]) == ("e1;purchase;19,99", GOOD.decode())


@BOTH_WAYS
def test_an_event_is_compared_with_the_time_of_ingestion(fast_path):
    sent = [text(occurred_at="2026-01-06T12:00:00Z"), text(occurred_at="2026-01-06T12:00:00.001Z")]
    assert [row["errors"] for row in landed(sent, fast_path=fast_path)] == [
        [],
        ["/occurred_at: more than 1 day after ingestion, seen 2026-01-06"],
    ]


@BOTH_WAYS
def test_without_a_time_of_ingestion_no_event_is_too_late(fast_path):
    sent = [text(occurred_at="2999-01-01T00:00:00Z")]
    [row] = landed(sent, ingested_before=None, fast_path=fast_path)
    assert row["verdict"] == "accepted"


@BOTH_WAYS
def test_an_event_that_arrives_twice_has_two_rows(fast_path):
    rows = landed([GOOD, GOOD], fast_path=fast_path)
    assert [row["event_id"] for row in rows] == ["e1", "e1"]


@BOTH_WAYS
def test_landing_twice_gives_the_same_rows(fast_path):
    sent = [sent for sent in CORPUS.values() if len(sent) < 1_000]
    assert landed(sent, fast_path=fast_path) == landed(sent, fast_path=fast_path)


@BOTH_WAYS
def test_bytes_that_are_not_text_have_a_column_of_their_own(fast_path):
    rows = landed([GOOD, b"\xc3\x28", None], fast_path=fast_path)
    assert [row["raw"] for row in rows] == [GOOD.decode(), None, None]
    assert [row["raw_bytes"] for row in rows] == [None, b"\xc3\x28", None]


@BOTH_WAYS
def test_records_of_a_file_are_numbered_across_batches(fast_path):
    """A source without offsets of its own: see `Positions`."""
    batch = arrow_batch([GOOD, b"{"]).drop_columns(["source_offset"])
    numbers = pa.nulls(2, pa.int64())
    batch = batch.append_column("block_start", pa.array([0, 0], pa.int64()))
    batch = batch.append_column("row_index", numbers)
    land = landed_batches(registry=REGISTRY, ingested_before=NOON, fast_path=fast_path)
    rows = [row for rows in land([batch, batch]) for row in rows.to_pylist()]
    assert [row["source_offset"] for row in rows] == [0, 1, 2, 3]
    assert [row["verdict"] for row in rows] == ["accepted", "rejected"] * 2


# Every text has a mark, and every number digits, that are in no schema.
_marked = st.text(max_size=6).map(lambda tail: f"~zqx{tail}") | st.just("~zqx\ud800")
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    _marked,
    st.integers(7_777_777_770, 7_777_777_779),
    st.sampled_from([float("nan"), float("inf"), 2**200, 7777777.5]),
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            _marked | st.sampled_from(["email", "order_id", "amount_cents"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
_events = st.dictionaries(
    st.sampled_from(["event_id", "occurred_at", "received_at", "identifiers", "properties"])
    | _marked,
    _values,
    max_size=4,
).map(lambda members: json.dumps(event(**members)).encode())
_cut = st.tuples(_events, st.integers(0, 200)).map(lambda parts: parts[0][: parts[1]])
_any_text = st.one_of(
    _events, _cut, st.binary(max_size=40), _values.map(json.dumps).map(str.encode)
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(texts=st.lists(_any_text | st.none(), max_size=6), fast_path=st.booleans())
def test_any_texts_have_one_row_each_and_no_reason_quotes_them(texts, fast_path):
    rows = landed(texts, fast_path=fast_path)
    assert [row["source_offset"] for row in rows] == list(range(len(texts)))
    for row in rows:
        assert (row["verdict"] == "accepted") == (row["errors"] == [])
        assert (row["identifiers"] is None) == (row["verdict"] == "rejected")
        assert not [reason for reason in row["errors"] if "~zqx" in reason or "777777" in reason]


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    instant=st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    minutes=st.integers(-1439, 1439),
    fast_path=st.booleans(),
)
def test_an_instant_is_read_to_the_microsecond_in_any_zone(instant, minutes, fast_path):
    sent = instant.replace(tzinfo=UTC)
    sign, ahead = "-" if minutes < 0 else "+", abs(minutes)
    local = (sent + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()
    [row] = landed(
        [
            text(
                occurred_at=f"{local}{sign}{ahead // 60:02}:{ahead % 60:02}",
                received_at="9998-12-31T23:59:59Z",
            )
        ],
        ingested_before=None,
        fast_path=fast_path,
    )
    assert row["occurred_at"] == sent


@BOTH_WAYS
def test_an_unexpected_failure_rejects_one_record_and_names_the_error(monkeypatch, fast_path):
    parse = orjson.loads

    def fails_for_one_event(sent: bytes) -> Any:
        if b"e2" in bytes(sent):
            raise RuntimeError("ada@example.com")
        return parse(sent)

    monkeypatch.setattr(orjson, "loads", fails_for_one_event)
    # The fast path takes no text with NUL, so it leaves this event to the parser.
    sent = text(event_id="e2", properties={**ORDER, "note": "\x00"})
    rows = landed([GOOD, sent, GOOD], fast_path=fast_path)
    assert [row["errors"] for row in rows] == [[], ["/: could not be judged (RuntimeError)"], []]


def records(spark, texts: list[bytes | None], **columns: Any):
    """Records of one file in Spark."""
    rows = [(offset, None if t is None else bytearray(t)) for offset, t in enumerate(texts)]
    received = spark.createDataFrame(rows, "source_offset long, value binary").coalesce(1)
    return received.select(
        F.lit("web").alias("source"),
        F.lit("1.jsonl").alias("source_partition"),
        "source_offset",
        "value",
        *(column.alias(name) for name, column in columns.items()),
    )


@BOTH_WAYS
def test_the_corpus_lands_in_spark_with_the_same_rows(spark, fast_path):
    frame = landed_events(
        records(spark, BETWEEN_NEIGHBOURS),
        registry=REGISTRY,
        ingested_before=NOON,
        fast_path=fast_path,
    )
    expected = [row for rows in corpus_rows(fast_path).values() for row in rows]
    assert frame.toArrow().to_pylist() == [
        {**row, "event": None, "kafka": None} for row in expected
    ]


def test_mapped_events_land_in_spark_with_their_event_and_their_reason(spark):
    frame = landed_events(
        records(
            spark,
            [b"e1;purchase", b"e2;purchase"],
            event=F.lit(GOOD.decode()),
            unreadable=F.when(F.col("source_offset") == 1, "/: cut off"),
        ),
        registry=REGISTRY,
        shape="mapped",
        ingested_before=NOON,
    )
    first, second = frame.collect()
    assert (first.verdict, first.event, first.raw) == ("accepted", GOOD.decode(), "e1;purchase")
    assert (second.verdict, second.errors) == ("rejected", ["/: cut off"])


def test_messages_of_a_segment_batch_land_in_spark_as_one_row_each(spark):
    batch = json.dumps({"batch": [message(messageId="m1"), message(messageId="m2")]}).encode()
    frame = landed_events(
        records(spark, [batch]), registry=REGISTRY, shape="segment", ingested_before=NOON
    )
    first, second = frame.collect()
    assert [row.verdict for row in (first, second)] == ["accepted", "accepted"]
    assert [row.event_id for row in (first, second)] == ["m1", "m2"]
    assert [row.record_index for row in (first, second)] == [0, 1]
    assert (first.raw, second.raw) == (batch.decode(), None)
    assert json.loads(second.event)["event_type"] == "track"


def test_a_time_of_ingestion_without_a_zone_is_an_error(spark):
    with pytest.raises(ValueError, match="ingested_before has no time zone, expected an instant"):
        landed_events(
            records(spark, []), registry=REGISTRY, ingested_before=NOON.replace(tzinfo=None)
        )


def test_no_records_land_as_no_rows_with_the_declared_columns(spark):
    frame = landed_events(records(spark, []), registry=REGISTRY)
    assert frame.schema.fieldNames() == LANDED_EVENTS.fieldNames()
    assert frame.collect() == []


def test_rows_keep_their_order_across_arrow_batches(spark):
    sent = [text(event_id=f"e{i}") if i % 3 else b"{" for i in range(50)]
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(name)
    try:
        spark.conf.set(name, "7")
        rows = landed_events(records(spark, sent), registry=REGISTRY).collect()
    finally:
        spark.conf.set(name, before)
    assert [row.source_offset for row in rows] == list(range(50))
    assert [row.event_id for row in rows] == [f"e{i}" if i % 3 else None for i in range(50)]


def test_instants_do_not_depend_on_the_time_zone_of_the_session(spark):
    frame = landed_events(records(spark, [GOOD]), registry=REGISTRY)
    name = "spark.sql.session.timeZone"
    before = spark.conf.get(name)
    try:
        spark.conf.set(name, "Asia/Kathmandu")
        [row] = frame.select(F.unix_micros("occurred_at").alias("micros")).collect()
    finally:
        spark.conf.set(name, before)
    assert row.micros == 1_767_614_400_000_000
