"""What counts as a copy of an event."""

from datetime import UTC, datetime, timedelta

import pytest

from frames import assert_rows, at
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.cleansing.duplicates import first_landed, possible_originals
from kinfold.tables import silver


@pytest.fixture
def lake(spark, lake_root):
    return Lake(spark, lake_root, "run-1", at("09:00"))


def sent_event(spark, event_id, occurred_at, **values):
    known = dict(event_type="login", source="s", received_at=occurred_at, identifiers=[])
    lineage = dict(source_partition="p", source_offset=0, record_index=0, bronze_version=1)
    row = dict(event_id=event_id, occurred_at=occurred_at) | known | lineage | values
    return silver.EVENTS.frame(spark, row)


def test_the_first_record_by_version_then_by_position_is_the_event(spark):
    columns = ["event_id", "bronze_version", "source", "source_partition", "source_offset"]
    rows = [("e", 2, "a", "p", 0), ("e", 1, "b", "p", 9), ("e", 1, "b", "p", 3)]
    records = spark.createDataFrame([(*row, 0) for row in rows], [*columns, "record_index"])
    assert_rows(first_landed(records), columns, [("e", 1, "b", "p", 3)])


def test_a_copy_is_found_within_the_window_on_both_sides_and_not_outside(lake, spark):
    among = possible_originals(within=timedelta(days=2))
    for moment in ("2026-03-10", "2026-03-12", "2026-03-08"):
        lake.insert_new(silver.EVENTS, sent_event(spark, "e", at(moment)), among=among)
    assert_rows(lake.read(silver.EVENTS), ["event_id", "occurred_at"], [("e", at("2026-03-10"))])
    lake.insert_new(silver.EVENTS, sent_event(spark, "e", at("2026-03-13")), among=among)
    assert lake.read(silver.EVENTS).count() == 2


def test_without_a_window_a_copy_is_found_at_any_distance(lake, spark):
    for moment in ("2020-01-01", "2026-03-13"):
        lake.insert_new(
            silver.EVENTS, sent_event(spark, "e", at(moment)), among=possible_originals(within=None)
        )
    assert_rows(lake.read(silver.EVENTS), ["occurred_at"], [(at("2020-01-01"),)])


def test_copies_at_the_ends_of_the_calendar_are_found(lake, spark):
    among = possible_originals(within=timedelta(days=90))
    ends = datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)
    for _ in range(2):
        for number, moment in enumerate(ends):
            lake.insert_new(silver.EVENTS, sent_event(spark, f"e{number}", moment), among=among)
    assert lake.read(silver.EVENTS).count() == 2


def test_no_new_events_change_nothing(lake, spark):
    among = possible_originals(within=timedelta(days=90))
    lake.insert_new(silver.EVENTS, lake.empty(silver.EVENTS), among=among)
    assert lake.read(silver.EVENTS).count() == 0
