"""Labels: the people who bought within a horizon after a moment."""

from datetime import datetime

import pytest

from frames import assert_rows, at
from kinfold.gold.propensity.labels import purchases_within

MARCH, APRIL = at("2026-03-01"), at("2026-03-31")


def events(spark, *rows):
    return spark.createDataFrame(
        [(p, kind, when, known) for p, kind, when, known in rows],
        "profile_id string, event_type string, occurred_at timestamp, received_at timestamp",
    )


def test_the_horizon_includes_its_start_and_excludes_its_end(spark):
    actual = purchases_within(
        events(
            spark,
            ("at the moment", "purchase", MARCH, MARCH),
            ("at the end", "purchase", APRIL, APRIL),
            ("before", "purchase", at("2026-02-28"), MARCH),
            ("a visitor", "page_view", MARCH, MARCH),
            (None, "purchase", MARCH, MARCH),
        ),
        as_ofs=[MARCH],
        horizon_days=30,
    )
    assert_rows(actual, ["profile_id", "buys"], [("at the moment", True)])


def test_one_purchase_can_be_within_the_horizon_of_several_moments(spark):
    bought = events(spark, ("p", "purchase", at("2026-03-20"), at("2026-03-20")))
    bought = bought.union(bought)
    moments = [MARCH, at("2026-03-15"), APRIL]
    actual = purchases_within(bought, as_ofs=moments, horizon_days=30)
    columns = ["profile_id", "as_of", "buys"]
    assert_rows(actual, columns, [("p", MARCH, True), ("p", at("2026-03-15"), True)])


def test_a_purchase_that_arrives_at_known_by_or_later_is_ignored(spark):
    late = events(spark, ("p", "purchase", MARCH, APRIL))
    assert purchases_within(late, as_ofs=[MARCH], horizon_days=30, known_by=APRIL).count() == 0
    assert purchases_within(late, as_ofs=[MARCH], horizon_days=30).count() == 1


@pytest.mark.parametrize(
    ("as_ofs", "days", "message"),
    [
        ([], 30, "at least one moment"),
        ([datetime(2026, 3, 1)], 30, "with a time zone"),
        ([MARCH], 0, "horizon_days is 0"),
    ],
)
def test_wrong_moments_and_horizons_are_rejected(spark, as_ofs, days, message):
    with pytest.raises(ValueError, match=message):
        purchases_within(events(spark), as_ofs=as_ofs, horizon_days=days)
