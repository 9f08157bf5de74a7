"""Dates that senders write if they do not know the time."""

from datetime import date

from frames import assert_rows, at
from kinfold.silver.cleansing.dates import is_before, not_in_the_future, seen_at
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


def test_a_time_of_an_old_lake_too_far_after_ingestion_is_the_time_of_ingestion(spark):
    ingested = at("2026-03-02")
    rows = [
        dict(event_id=text, received_at=at(text), ingested_at=ingested)
        for text in ("2099-01-01", "2026-03-02T23:00:00", "2026-03-01")
    ]
    bounded = silver.EVENTS.frame(spark, *rows).select("event_id", not_in_the_future("received_at"))
    expected = [
        ("2026-03-01", at("2026-03-01")),
        ("2026-03-02T23:00:00", at("2026-03-02T23:00:00")),
    ]
    assert_rows(bounded, bounded.columns, [*expected, ("2099-01-01", ingested)])
