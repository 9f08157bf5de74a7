"""Dates that senders write if they do not know the time."""

from datetime import date

from frames import assert_rows, at
from kinfold.silver.cleansing.dates import is_before, seen_at
from kinfold.tables import silver


def test_a_day_starts_at_midnight_utc(spark):
    times = silver.EVENTS.frame(
        spark,
        dict(occurred_at=at("1999-12-31T23:59:59.999999")),
        dict(occurred_at=at("2000-01-01")),
    )
    marked = times.select(is_before("occurred_at", date(2000, 1, 1)).alias("is_before"))
    assert_rows(marked, ["is_before"], [(True,), (False,)])


def test_people_of_a_made_up_date_were_seen_when_it_arrived(spark):
    times = dict(occurred_at=at("1970-01-01"), received_at=at("2026-03-02"))
    rows = [dict(event_id=str(mark), is_before_earliest=mark, **times) for mark in (True, False)]
    events = silver.EVENTS.frame(spark, *rows).select("event_id", seen_at().alias("seen_at"))
    expected = [("True", at("2026-03-02")), ("False", at("1970-01-01"))]
    assert_rows(events, ["event_id", "seen_at"], expected)
