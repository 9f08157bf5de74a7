"""The trend of the latest weeks."""

from frames import at
from kinfold.reporting.activity import activity_figures, weekly_activity
from kinfold.tables import silver

NOW = at("2026-03-31")


def test_a_week_counts_events_new_people_and_orders_that_were_not_cancelled(spark):
    events = silver.EVENTS.frame(
        spark,
        dict(occurred_at=at("2026-03-30")),
        dict(occurred_at=at("2026-03-24")),
        dict(occurred_at=at("2026-03-23")),
        dict(occurred_at=NOW),
        dict(occurred_at=at("2025-01-01")),
    )
    profiles = silver.PROFILES.frame(spark, dict(first_seen_at=at("2026-03-25")))
    order = dict(ordered_at=at("2026-03-24"), reporting_currency="JPY", status="completed")
    orders = silver.ORDERS.frame(
        spark,
        order | dict(reporting_cents=900),
        order | dict(reporting_cents=100, status="refunded"),
        order | dict(reporting_cents=None),
        order | dict(reporting_cents=0, status="cancelled"),
        dict(returned_at=at("2026-03-25"), reporting_cents=-50, status="unknown"),
    )
    weeks = weekly_activity(events, profiles, orders, until=NOW)
    assert len(weeks) == 2, "not the empty weeks before the first event of the latest weeks"
    assert weeks[-1] == dict(
        start="2026-03-24T00:00:00+00:00",
        events=2,
        new_people=1,
        orders=3,
        revenue_cents=950.0,
        currency="JPY",
    )
    assert weeks[-2] == dict(
        start="2026-03-17T00:00:00+00:00",
        events=1,
        new_people=0,
        orders=0,
        revenue_cents=0.0,
        currency="JPY",
    )
    assert set(activity_figures(weeks)) == {"weekly_activity"}


def test_without_a_week_there_is_no_picture():
    assert activity_figures([]) == {}
