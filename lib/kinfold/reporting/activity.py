"""The trend of a lake: events, new people, orders and revenue in each of the latest weeks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.models import plots
from kinfold.reporting.pictures import as_png
from kinfold.silver.orders.states import NOT_BOUGHT
from kinfold.tables.collected import collected

WEEKS = 12
_WEEK = timedelta(days=7)
_WEEK_US = 7 * 86_400_000_000


def weekly_activity(
    events: DataFrame, profiles: DataFrame, orders: DataFrame, *, until: datetime
) -> list[dict[str, Any]]:
    """Each of the latest weeks, the oldest first: start, events, new_people, orders, revenue_cents,
    currency. A week is 7 days, and the last one ends at `until`, so all are complete. Weeks before
    the first event are absent.

    Args:
        events: silver.events.
        profiles: silver.profiles; a person is new when they are first seen.
        orders: silver.orders; cancelled and unknown ones do not count. Revenue is in the reporting
            currency; refunds of an order count in its week, those of an unknown one in their own.
        until: the moment of the summary, with a time zone.
    """
    start = until - WEEKS * _WEEK

    def by_week(rows: DataFrame, moment: str, *values: Column) -> dict[int, Any]:
        within = rows.where((F.col(moment) >= F.lit(start)) & (F.col(moment) < F.lit(until)))
        since = F.unix_micros(moment) - F.unix_micros(F.lit(start))
        week = F.floor(since / F.lit(_WEEK_US)).cast("int").alias("week")
        return {row["week"]: row for row in collected(within.groupBy(week).agg(*values))}

    is_bought = ~F.col("status").isin(*NOT_BOUGHT)
    dated = orders.withColumn("at", F.coalesce("ordered_at", "returned_at"))
    happened = by_week(events, "occurred_at", F.count(F.lit(1)).alias("number"))
    arrived = by_week(profiles, "first_seen_at", F.count(F.lit(1)).alias("number"))
    ordered = by_week(
        dated,
        "at",
        F.count_if(is_bought).alias("number"),
        F.sum(F.col("reporting_cents").cast("double")).alias("cents"),
        F.max("reporting_currency").alias("currency"),
    )
    currency = max((row["currency"] for row in ordered.values() if row["currency"]), default=None)
    return [
        {
            "start": (start + week * _WEEK).isoformat(),
            "events": happened[week]["number"] if week in happened else 0,
            "new_people": arrived[week]["number"] if week in arrived else 0,
            "orders": ordered[week]["number"] if week in ordered else 0,
            "revenue_cents": (ordered[week]["cents"] or 0.0) if week in ordered else 0.0,
            "currency": currency,
        }
        for week in range(min([*happened, *ordered], default=WEEKS), WEEKS)
    ]


def activity_figures(weeks: Sequence[dict[str, Any]]) -> dict[str, bytes]:
    """The chart of the weeks; none if nothing happened in them."""
    return {"weekly_activity": as_png(plots.plot_weekly_activity(weeks))} if weeks else {}
