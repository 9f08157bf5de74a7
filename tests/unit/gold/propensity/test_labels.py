"""Labels: the people who bought within a horizon after a moment."""

from datetime import datetime

import pytest

from frames import assert_rows, at
from kinfold.gold.propensity.labels import purchases_within
from kinfold.tables import silver

MARCH, APRIL = at("2026-03-01"), at("2026-03-31")


def orders(spark, *rows):
    """Orders with one purchase each: person, when it was bought and received, and its status."""
    return silver.ORDERS.frame(
        spark,
        *(
            dict(
                order_key=str(number),
                profile_id=person,
                status=status,
                ordered_at=bought,
                events=[(bought, "e", "purchase", received, False, 1, "EUR", 1.0, False, None)],
            )
            for number, (person, bought, received, status) in enumerate(rows)
        ),
    )


def test_the_horizon_includes_its_start_and_excludes_its_end(spark):
    actual = purchases_within(
        orders(
            spark,
            ("at the moment", MARCH, MARCH, "completed"),
            ("sent it back", MARCH, MARCH, "refunded"),
            ("at the end", APRIL, APRIL, "completed"),
            ("before", at("2026-02-28"), MARCH, "completed"),
            ("cancelled it", MARCH, MARCH, "cancelled"),
            (None, MARCH, MARCH, "completed"),
        ),
        as_ofs=[MARCH],
        horizon_days=30,
    )
    assert_rows(actual, ["profile_id", "buys"], [("at the moment", True), ("sent it back", True)])


def test_one_order_can_be_within_the_horizon_of_several_moments(spark):
    bought = orders(spark, ("p", at("2026-03-20"), at("2026-03-20"), "completed"))
    bought = bought.union(bought)
    moments = [MARCH, at("2026-03-15"), APRIL]
    actual = purchases_within(bought, as_ofs=moments, horizon_days=30)
    columns = ["profile_id", "as_of", "buys"]
    assert_rows(actual, columns, [("p", MARCH, True), ("p", at("2026-03-15"), True)])


def test_a_purchase_that_arrives_at_known_by_or_later_is_ignored(spark):
    late = orders(spark, ("p", MARCH, APRIL, "completed"))
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
        purchases_within(orders(spark), as_ofs=as_ofs, horizon_days=days)
