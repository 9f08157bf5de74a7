"""Accepted records as typed events."""

import json
from datetime import date, timedelta

from frames import assert_rows, at
from kinfold.bronze.schemas.described_properties import DescribedProperties
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.silver.cleansing.events import accepted_records, cleansed_events
from kinfold.silver.cleansing.identifiers import Spelling
from kinfold.tables import bronze
from project import SCHEMAS


def records(spark, *rows):
    """Accepted bronze records with sensible defaults."""
    full = []
    for offset, row in enumerate(rows):
        properties = row.pop("properties", {})
        full.append(
            dict(
                source="web",
                source_partition="f",
                source_offset=offset,
                ingested_at=at("13:00"),
                verdict="accepted",
                errors=[],
                event_id="e1",
                event_type="purchase",
                occurred_at=at("09:00"),
                identifiers={},
                record_index=0,
                raw=json.dumps({"event_id": "e1", "properties": properties}),
            )
            | row
        )
    return bronze.EVENTS.frame(spark, *full)


def cleansed(spark, *rows):
    return cleansed_events(
        records(spark, *rows),
        spelling=Spelling(placeholders=["x"]),
        described=DescribedProperties.of(SchemaRegistry.load(SCHEMAS)),
        late_after=timedelta(hours=1),
        earliest=date(2000, 1, 1),
    )


def test_an_event_is_late_by_the_collectors_time_or_else_the_brokers(spark):
    nine = dict(occurred_at=at("09:00"))
    events = cleansed(
        spark,
        nine | dict(event_id="in time", received_at=at("10:00")),
        nine | dict(event_id="late", received_at=at("10:01")),
        nine | dict(event_id="late by the broker", kafka=(None, None, at("10:01"))),
        nine
        | dict(
            event_id="first the collector", received_at=at("09:30"), kafka=(None, None, at("12:00"))
        ),
        nine | dict(event_id="nobody knows"),
    )
    assert_rows(
        events,
        ["event_id", "is_late"],
        [
            ("first the collector", False),
            ("in time", False),
            ("late", True),
            ("late by the broker", True),
            ("nobody knows", None),
        ],
    )


def test_properties_become_typed_columns(spark):
    properties = dict(
        order_id=" o1 ",
        category=" Garden ",
        quantity=2,
        amount_cents=1999,
        currency="GBP",
        products=[dict(sku="p1", quantity=2, price_cents="?")],
    )
    columns = ["order_id", "category", "quantity", "amount_cents", "currency", "product_id"]
    assert_rows(
        cleansed(spark, dict(properties=properties)),
        [*columns, "order_lines", "invalid_properties"],
        [("o1", "garden", 2, 1999, "GBP", None, [("p1", None, 2, None)], ["products"])],
    )


def test_a_source_without_a_collector_knew_of_an_event_when_it_occurred(spark):
    events = cleansed(
        spark,
        dict(event_id="a", received_at=None),
        dict(event_id="b", received_at=at("09:30")),
    )
    assert_rows(events, ["event_id", "received_at"], [("a", at("09:00")), ("b", at("09:30"))])


def test_identifiers_are_normalised(spark):
    events = cleansed(spark, dict(identifiers={"email": "A@B.org", "phone": "020 7183 8750"}))
    found = [tuple(i) for i in events.collect()[0]["identifiers"]]
    assert found == [("email", "a@b.org"), ("phone", "+442071838750")]


def test_no_record_is_no_event(spark):
    assert cleansed(spark).count() == 0


def test_only_inserted_and_accepted_records_count(spark):
    feed = bronze.EVENTS.frame(
        spark,
        dict(event_id="a", verdict="accepted"),
        dict(event_id="b", verdict="rejected"),
    ).selectExpr("*", "'insert' as _change_type", "3L as _commit_version")
    deleted = feed.withColumn("_change_type", feed["event_id"].substr(1, 0)).replace("", "delete")
    assert_rows(accepted_records(feed.unionByName(deleted)), ["event_id"], [("a",)])
