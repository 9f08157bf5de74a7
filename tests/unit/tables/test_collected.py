"""Rows on the driver have instants with their zone, wherever the process runs."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from kinfold.tables import silver
from kinfold.tables.collected import collected, first_row


@pytest.fixture(params=["Asia/Tokyo", "Europe/London", "America/St_Johns", "UTC"])
def local_zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    os.environ.setdefault("TZ", "UTC")
    time.tzset()


def test_an_instant_is_utc_in_every_zone_also_where_clocks_change(spark, local_zone):
    # In London one o'clock comes twice on this day, half an hour and an hour after midnight UTC.
    instants = [
        datetime(2026, 10, 25, 0, 30, 0, 1, tzinfo=UTC) + timedelta(hours=n) for n in (0, 1)
    ]
    far = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    events = silver.EVENTS.frame(spark, *(dict(occurred_at=at) for at in [*instants, *far]))
    found = [row["occurred_at"] for row in collected(events.select("occurred_at"))]
    assert found == [*instants, *far]
    assert found[0].isoformat() == "2026-10-25T00:30:00.000001+00:00"


def test_instants_inside_of_values_have_their_zone_too(spark, local_zone):
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = spark.createDataFrame(
        [(1, [(noon,)], {"a": noon}, None)],
        "n int, list array<struct<at: timestamp>>, map map<string, timestamp>, none timestamp",
    )
    row = first_row(rows)
    assert (row.n, row["list"][0].at, row["map"], row.none) == (1, noon, {"a": noon}, None)
    assert row.asDict(recursive=True)["list"] == [{"at": noon}]


def test_no_rows_have_no_first_row(spark):
    assert first_row(spark.range(0)) is None
    assert [row.id for row in collected(spark.range(2))] == [0, 1]
