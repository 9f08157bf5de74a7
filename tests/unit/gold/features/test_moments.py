"""The default `as_of`, taken from the data."""

from datetime import UTC, datetime

import pytest

from frames import assert_rows, at
from kinfold.core.errors import ContractError
from kinfold.gold.features.moments import end_of_last_day, newest_moment, rows_at
from kinfold.tables import gold, silver

MARCH, APRIL = at("2026-03-31"), at("2026-04-30")


def events(spark, *received):
    return silver.EVENTS.frame(
        spark, *(dict(received_at=at(text), occurred_at=at("2099-01-01")) for text in received)
    )


def features(spark, *moments):
    return gold.FEATURES.frame(spark, *(dict(profile_id="p", as_of=moment) for moment in moments))


@pytest.mark.parametrize(
    ("last", "midnight"),
    [
        ("2026-03-31T23:59:59.999999", datetime(2026, 4, 1, tzinfo=UTC)),
        ("2026-04-01T00:00:00", datetime(2026, 4, 2, tzinfo=UTC)),
    ],
)
def test_the_last_day_ends_at_midnight_after_the_last_arrival(spark, last, midnight):
    assert end_of_last_day(events(spark, "2026-03-01", last)) == midnight


def test_a_lake_without_events_has_no_last_day(spark):
    with pytest.raises(ContractError, match=r"silver\.events: the table is empty"):
        end_of_last_day(events(spark))


def test_the_newest_moment_has_a_time_zone_and_microseconds(spark):
    late = datetime(2026, 4, 30, 12, 0, 0, 1, tzinfo=UTC)
    assert newest_moment(features(spark, MARCH, late, APRIL)) == late


def test_features_without_rows_have_no_newest_moment(spark):
    with pytest.raises(ContractError, match=r"gold\.features: the table is empty"):
        newest_moment(features(spark))


def test_rows_at_a_moment_are_those_of_this_moment_only(spark):
    assert_rows(rows_at(features(spark, MARCH, APRIL), APRIL), ["as_of"], [(APRIL,)])
