"""Every record lands once, with a verdict, whatever it holds."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pyspark.sql import functions as F

from kinfold.bronze.events.landed_rows import LANDED_EVENTS, landed_batch, landed_events
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import compiled_schemas
from poison import (
    GOOD,
    HOSTILE,
    ODD_BUT_GOOD,
    ORDER,
    event,
    text,
)
from project import SCHEMAS

REGISTRY = SchemaRegistry.load(SCHEMAS)
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def records(spark, texts: list[bytes | None], **columns: Any):
    """Records of one file; the texts as bytes, because a file may hold any."""
    rows = [(offset, None if t is None else bytearray(t)) for offset, t in enumerate(texts)]
    received = spark.createDataFrame(rows, "source_offset long, value binary").coalesce(1)
    return received.select(
        F.lit("web").alias("source"),
        F.lit("events/1.jsonl").alias("source_partition"),
        "source_offset",
        "value",
        *(column.alias(name) for name, column in columns.items()),
    )


def landed(spark, texts: list[bytes | None], **columns: Any):
    """The landed rows in the order they came."""
    frame = landed_events(
        records(spark, texts, **columns),
        registry=REGISTRY,
        shape="mapped" if "event" in columns else "native",
        ingested_before=NOON,
    )
    return frame.collect()


def received(row) -> bytes | None:
    """The bytes of a landed row."""
    assert row.raw is None or row.raw_bytes is None
    return bytes(row.raw_bytes) if row.raw_bytes is not None else row.raw and row.raw.encode()


@pytest.fixture(scope="module")
def between_neighbours(spark):
    """Each hostile or odd text, landed between two good ones: (before, row, after) by name."""
    texts = {name: t for name, (t, _) in HOSTILE.items()}
    texts |= {f"odd: {name}": t for name, t in ODD_BUT_GOOD.items()}
    rows = landed(spark, [part for t in texts.values() for part in (GOOD, t, GOOD)])
    assert len(rows) == 3 * len(texts)
    return {name: rows[3 * i : 3 * i + 3] for i, name in enumerate(texts)}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_record_is_rejected_with_its_reasons_and_kept_as_it_came(
    between_neighbours, name
):
    sent, reasons = HOSTILE[name]
    before, row, after = between_neighbours[name]
    assert (row.verdict, row.errors) == ("rejected", reasons)
    assert (received(row) or b"") == sent
    assert row.source_offset == before.source_offset + 1 == after.source_offset - 1
    assert row.identifiers is None


@pytest.mark.parametrize("name", HOSTILE)
def test_the_neighbours_of_a_hostile_record_are_accepted(between_neighbours, name):
    before, _, after = between_neighbours[name]
    for row in (before, after):
        assert (row.verdict, row.errors, row.event_id) == ("accepted", [], "e1")
        assert row.raw == GOOD.decode()


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_an_odd_but_good_record_is_accepted_and_kept_as_it_came(between_neighbours, name):
    _, row, _ = between_neighbours[f"odd: {name}"]
    assert (row.verdict, row.errors) == ("accepted", [])
    assert row.raw == ODD_BUT_GOOD[name].decode()


def test_an_accepted_record_has_every_envelope_column(spark):
    [row] = landed(
        spark,
        [
            text(
                occurred_at="2026-01-05T13:30:00.123456+02:00",
                received_at="2026-01-05T11:30:01Z",
                identifiers={
                    "user_id": "u1",
                    "email": "Ada@Example.com",
                    "phone": "",
                    "crm_id": None,
                },
                properties={**ORDER, "note": "käse", "tags": [1, None]},
            )
        ],
    )
    assert row.asDict() == {
        "source": "web",
        "source_partition": "events/1.jsonl",
        "source_offset": 0,
        "record_index": 0,
        "raw": row.raw,
        "raw_bytes": None,
        "event": None,
        "kafka": None,
        "verdict": "accepted",
        "errors": [],
        "schema_id": "purchase/1-0-0",
        "event_id": "e1",
        "event_type": "purchase",
        "occurred_at": datetime(2026, 1, 5, 11, 30, 0, 123456),
        "received_at": datetime(2026, 1, 5, 11, 30, 1),
        "identifiers": {"user_id": "u1", "email": "Ada@Example.com"},
    }


def test_no_identifiers_is_an_empty_map_not_null(spark):
    [row] = landed(spark, [text(identifiers={"user_id": None})])
    assert row.identifiers == {}


def test_a_rejected_record_keeps_what_can_be_read(spark):
    [row] = landed(
        spark, [text(received_at="2026-01-05T12:00:01Z", properties={"amount_cents": 1})]
    )
    assert (row.event_id, row.event_type, row.schema_id) == ("e1", "purchase", "purchase/1-0-0")
    assert row.occurred_at == datetime(2026, 1, 5, 12, 0)
    assert row.received_at == datetime(2026, 1, 5, 12, 0, 1)


def test_a_rejected_record_drops_what_a_reason_is_about(spark):
    [row] = landed(
        spark,
        [text(event_id=7, event_type="x" * 257, occurred_at="2026-01-05T12:00", received_at=1)],
    )
    kept = (row.event_id, row.event_type, row.schema_id, row.occurred_at, row.received_at)
    assert kept == (None, None, None, None, None)


def test_an_unknown_type_keeps_its_name_and_has_no_schema(spark):
    [row] = landed(spark, [text(event_type="refund")])
    assert (row.event_type, row.schema_id) == ("refund", None)


def test_what_the_reader_could_not_read_is_rejected_with_its_reason(spark):
    nothing, reason = F.lit(None).cast("string"), F.lit("/: row does not fit the header")
    rows = landed(spark, [None, b"a;b;c"], event=nothing, unreadable=reason)
    assert [row.errors for row in rows] == [["/: row does not fit the header"]] * 2
    assert [row.raw for row in rows] == [None, "a;b;c"]
    assert {row.verdict for row in rows} == {"rejected"}


def test_a_readers_reason_rejects_even_a_good_event_and_keeps_its_envelope(spark):
    [row] = landed(spark, [GOOD], event=F.lit(GOOD.decode()), unreadable=F.lit("/: cut off"))
    assert (row.verdict, row.errors, row.event_id) == ("rejected", ["/: cut off"], "e1")


@pytest.mark.parametrize("raw", [None, b"a,b"])
def test_a_record_with_neither_event_nor_reason_is_rejected(spark, raw):
    [row] = landed(spark, [raw], event=F.lit(None).cast("string"))
    assert (row.verdict, row.errors) == ("rejected", ["/: no record"])


def test_a_mapped_event_is_judged_and_the_raw_text_is_kept(spark):
    [row] = landed(spark, [b"e1;purchase;19,99"], event=F.lit(GOOD.decode()))
    assert (row.verdict, row.event_id, row.raw) == ("accepted", "e1", "e1;purchase;19,99")
    assert row.event == GOOD.decode()


def test_an_event_without_received_at_is_held_to_the_time_of_ingestion(spark):
    sent = [text(occurred_at="2026-01-06T12:00:00Z"), text(occurred_at="2026-01-06T12:00:00.001Z")]
    assert [row.errors for row in landed(spark, sent)] == [
        [],
        ["/occurred_at: more than 1 day after ingestion"],
    ]


def test_without_a_time_of_ingestion_no_event_is_too_late(spark):
    frame = landed_events(
        records(spark, [text(occurred_at="2999-01-01T00:00:00Z")]), registry=REGISTRY
    )
    assert [row.verdict for row in frame.collect()] == ["accepted"]


def test_a_time_of_ingestion_without_a_zone_is_refused(spark):
    with pytest.raises(ValueError, match="ingested_before has no time zone, expected an instant"):
        landed_events(
            records(spark, []), registry=REGISTRY, ingested_before=NOON.replace(tzinfo=None)
        )


def test_no_records_land_as_no_rows_with_the_declared_columns(spark):
    frame = landed_events(records(spark, []), registry=REGISTRY)
    assert frame.schema.fieldNames() == LANDED_EVENTS.fieldNames()
    assert frame.collect() == []


def test_the_same_event_twice_stays_twice(spark):
    assert [row.event_id for row in landed(spark, [GOOD, GOOD])] == ["e1", "e1"]


def test_landing_twice_gives_the_same_rows(spark):
    sent = [t for t, _ in HOSTILE.values() if len(t) < 1_000]
    assert landed(spark, sent) == landed(spark, sent)


def test_bytes_that_are_no_text_are_kept_beside_the_text_of_the_others(spark):
    rows = landed(spark, [GOOD, b"\xc3\x28", None])
    assert [row.raw for row in rows] == [GOOD.decode(), None, None]
    assert [row.raw_bytes for row in rows] == [None, bytearray(b"\xc3\x28"), None]


def test_rows_keep_their_order_across_arrow_batches(spark):
    sent = [text(event_id=f"e{i}") if i % 3 else b"{" for i in range(50)]
    name = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(name)
    try:
        spark.conf.set(name, "7")
        rows = landed(spark, sent)
    finally:
        spark.conf.set(name, before)
    assert [row.source_offset for row in rows] == list(range(50))
    assert [row.event_id for row in rows] == [f"e{i}" if i % 3 else None for i in range(50)]


def test_instants_do_not_depend_on_the_sessions_time_zone(spark):
    frame = landed_events(records(spark, [GOOD]), registry=REGISTRY)
    name = "spark.sql.session.timeZone"
    before = spark.conf.get(name)
    try:
        spark.conf.set(name, "Asia/Kathmandu")
        [row] = frame.select(F.unix_micros("occurred_at").alias("micros")).collect()
    finally:
        spark.conf.set(name, before)
    assert row.micros == 1_767_614_400_000_000


def arrow_batch(texts: list[bytes | None]) -> pa.RecordBatch:
    """What reaches a worker for a native source, without the session that sends it."""
    many = len(texts)
    return pa.RecordBatch.from_pydict(
        {
            "source": pa.array(["web"] * many, pa.string()),
            "source_partition": pa.array(["1.jsonl"] * many, pa.string()),
            "source_offset": pa.array(range(many), pa.int64()),
            "value": pa.array(texts, pa.binary()),
        }
    )


def land(texts: list[bytes | None]) -> list[dict[str, Any]]:
    """The landed rows."""
    schemas = compiled_schemas(REGISTRY)
    batch = landed_batch(arrow_batch(texts), schemas=schemas, ingested_before=NOON)
    batch.validate(full=True)
    return batch.to_pylist()


# A mark in every text and digits in every number that no schema holds.
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
@given(texts=st.lists(_any_text | st.none(), max_size=6))
def test_any_texts_give_one_row_each_and_no_reason_quotes_them(texts):
    rows = land(texts)
    assert [row["source_offset"] for row in rows] == list(range(len(texts)))
    for row in rows:
        assert (row["verdict"] == "accepted") == (row["errors"] == [])
        assert (row["identifiers"] is None) == (row["verdict"] == "rejected")
        assert not [reason for reason in row["errors"] if "~zqx" in reason or "777777" in reason]


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    instant=st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    minutes=st.integers(-1439, 1439),
)
def test_an_instant_is_read_to_the_microsecond_in_any_zone(instant, minutes):
    sent = instant.replace(tzinfo=UTC)
    sign, ahead = "-" if minutes < 0 else "+", abs(minutes)
    local = (sent + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()
    [row] = land(
        [
            text(
                occurred_at=f"{local}{sign}{ahead // 60:02}:{ahead % 60:02}",
                received_at="9998-12-31T23:59:59Z",
            )
        ]
    )
    assert row["occurred_at"] == sent


def test_an_unforeseen_failure_rejects_one_record_by_the_name_of_the_failure(monkeypatch):
    parse = orjson.loads

    def fails_on_some(sent: bytes) -> Any:
        if b"e2" in bytes(sent):
            raise RuntimeError("ada@example.com")
        return parse(sent)

    monkeypatch.setattr(orjson, "loads", fails_on_some)
    nul = "NUL in a text, which the schema has to judge"
    rows = land([GOOD, text(event_id="e2", properties={**ORDER, nul: "\x00"}), GOOD])
    assert [row["errors"] for row in rows] == [[], ["/: could not be judged (RuntimeError)"], []]
