"""The default `as_of`, taken from the data."""

from datetime import UTC, datetime

import pytest

from frames import assert_rows, at
from kinfold.core.errors import ContractError
from kinfold.gold.features.moments import (
    default_as_of,
    moments_of,
    newest_moment,
    rows_at,
)
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
    received = events(spark, "2026-03-01", last)
    assert default_as_of(received, now=at("2026-04-10")) == midnight
    assert default_as_of(received, now=midnight) == midnight


@pytest.mark.parametrize("future", ["2026-04-10T18:00:00", "2099-01-01"])
def test_the_day_of_the_run_and_the_future_are_not_complete(spark, future):
    received = events(spark, "2026-04-08T10:00:00", "2026-04-10T09:00:00", future)
    assert default_as_of(received, now=at("2026-04-10T12:00:00")) == at("2026-04-09")


def test_if_all_arrived_today_the_moment_is_after_the_last_that_arrived_before_the_run(spark):
    received = events(spark, "2026-04-10T08:00:00", "2026-04-10T09:00:00", "2026-04-10T18:00:00")
    after_the_second = datetime(2026, 4, 10, 9, 0, 0, 1, tzinfo=UTC)
    assert default_as_of(received, now=at("2026-04-10T12:00:00")) == after_the_second
    assert default_as_of(received, now=at("2026-04-10T07:00:00")) == at("2026-04-10T07:00:00")


def test_a_lake_without_events_has_no_last_day(spark):
    with pytest.raises(ContractError, match=r"silver\.events: the table is empty"):
        default_as_of(events(spark), now=APRIL)


def test_the_newest_moment_has_a_time_zone_and_microseconds(spark):
    late = datetime(2026, 4, 30, 12, 0, 0, 1, tzinfo=UTC)
    assert newest_moment(features(spark, MARCH, late, APRIL)) == late


def test_features_without_rows_have_no_newest_moment(spark):
    with pytest.raises(ContractError, match=r"gold\.features: the table is empty"):
        newest_moment(features(spark))


def test_rows_at_a_moment_are_those_of_this_moment_only(spark):
    assert_rows(rows_at(features(spark, MARCH, APRIL), APRIL), ["as_of"], [(APRIL,)])
    assert moments_of(features(spark, MARCH, APRIL, MARCH)) == {MARCH, APRIL}
    assert moments_of(features(spark)) == set()
