"""Behaviour features of each person as of one or more moments, by event time and arrival time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.sums import capped_sum
from kinfold.silver.cleansing.dates import seen_at
from kinfold.tables import gold

_DAY_US = 86_400_000_000
_DAYS_PER_MASK = 60  # a long has 64 bits, so the last 90 days need two of them
_COUNTED = (  # (event type, days before the moment)
    ("product_view", 7),
    ("product_view", 30),
    ("add_to_cart", 7),
    ("add_to_cart", 30),
    ("email_open", 30),
)
_SUMMED = (
    *(f"event_count_{days}d" for days in (7, 30, 90)),
    *(f"{event_type}_count_{days}d" for event_type, days in _COUNTED),
)
_SPENT = ("spend_cents_30d", "spend_cents_90d", "spend_cents")


def features_as_of(events: DataFrame, *, as_ofs: Sequence[datetime]) -> DataFrame:
    """Returns the behaviour features of each person as of each moment.

    An event counts at a moment if it both occurred and arrived before that moment, so a late event
    never changes the past. "The last n days" are the n periods of 24 hours before the moment. An
    event dated before `events.earliest` counts in no period; its person was seen when it arrived.

    Args:
        events: silver.events with profile_id. The function reads profile_id, event_id, event_type,
            occurred_at, received_at, is_before_earliest, order_id, category and amount_cents.
            Events with a null profile_id are ignored. A purchase or return without order_id counts
            as a separate order; one without an amount adds nothing to spend.
        as_ofs: moments with a time zone, in any order; duplicates are ignored.

    Returns:
        gold.features: one row per (profile_id, as_of) with at least one event known by then.

    Raises:
        ValueError: `as_ofs` is empty, or a moment has no time zone.
    """
    moments = _checked(as_ofs)
    # This is the only shuffle: both groupings below start with profile_id, so Spark reuses the
    # partitioning. It is as fast as grouping directly, and exploded rows are never shuffled.
    of_people = events.where(F.col("profile_id").isNotNull()).repartition("profile_id")
    known = _known_events(of_people, moments=moments)
    per_order = known.groupBy("profile_id", "as_of_us", "order", "category").agg(*_order_totals())
    per_person = per_order.groupBy("profile_id", "as_of_us").agg(*_person_totals())
    return gold.FEATURES.conform(per_person.select("*", *_derived()))


def _checked(as_ofs: Sequence[datetime]) -> list[datetime]:
    if not as_ofs:
        raise ValueError("features_as_of: as_ofs is empty, expected at least one moment.")
    naive = [moment.isoformat() for moment in as_ofs if moment.tzinfo is None]
    if naive:
        raise ValueError(
            f"features_as_of: {', '.join(naive)} has no time zone, expected one. "
            "Write datetime(..., tzinfo=UTC)."
        )
    return sorted(set(as_ofs))


def _micros(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, tz=moment.tzinfo)) // timedelta(microseconds=1)


def _known_events(events: DataFrame, *, moments: Sequence[datetime]) -> DataFrame:
    """One row per event and moment at which it is known, with its age in whole days."""
    has_order = F.col("event_type").isin("purchase", "return")
    own_order = F.concat(F.lit("event "), F.col("event_id"))
    has_occurred = F.col("occurred_us") < F.col("as_of_us")
    has_arrived = F.col("received_us") < F.col("as_of_us")
    return (
        events.select(
            "profile_id",
            F.unix_micros("occurred_at").alias("occurred_us"),
            F.unix_micros("received_at").alias("received_us"),
            F.unix_micros(seen_at()).alias("seen_us"),
            "is_before_earliest",
            "event_type",
            F.when(has_order, F.coalesce(F.col("order_id"), own_order)).alias("order"),
            "category",
            F.coalesce(F.col("amount_cents"), F.lit(0)).alias("cents"),
            F.explode(F.array(*(F.lit(_micros(m)) for m in moments))).alias("as_of_us"),
        )
        .where(has_occurred & has_arrived)
        # The 24 hours before the moment have age 0. An event exactly 30 days before the moment
        # has age 29, so it is within "the last 30 days".
        .withColumn("age_days", F.expr(f"(as_of_us - occurred_us - 1) div {_DAY_US}"))
    )


def _order_totals() -> list[Column]:
    """Aggregates per person, moment, order and category: everything except the distinct counts.

    This step leaves few rows, and none of its aggregates needs an object buffer.
    """
    is_purchase = F.col("event_type") == "purchase"
    is_return = F.col("event_type") == "return"
    is_dated = ~F.coalesce(F.col("is_before_earliest"), F.lit(False))

    def within(days: int) -> Column:
        return F.col("age_days") < days

    def spend(condition: Column) -> Column:
        return capped_sum(F.when(condition, F.col("cents")))

    return [
        F.min("seen_us").alias("first_us"),
        F.max("seen_us").alias("latest_us"),
        F.max(F.when(is_purchase & is_dated, F.col("occurred_us"))).alias("purchase_us"),
        F.min("age_days").alias("age"),
        F.min(F.when(is_purchase, F.col("age_days"))).alias("purchase_age"),
        F.min(F.when(is_return, F.col("age_days"))).alias("return_age"),
        *(_active_days(part).alias(f"active_days_{part}") for part in (0, 1)),
        *(F.count_if(within(days)).alias(f"event_count_{days}d") for days in (7, 30, 90)),
        *(
            F.count_if((F.col("event_type") == t) & within(days)).alias(f"{t}_count_{days}d")
            for t, days in _COUNTED
        ),
        *(spend(is_purchase & within(d)).alias(f"spend_cents_{d}d") for d in (30, 90)),
        spend(is_purchase).alias("spend_cents"),
    ]


def _active_days(part: int) -> Column:
    """A bit mask of days with an event: bit i of part p is the day p * 60 + i before the moment."""
    first = part * _DAYS_PER_MASK
    end = min(first + _DAYS_PER_MASK, 90)
    is_in_part = (F.col("age_days") >= first) & (F.col("age_days") < end)
    bit = F.expr(f"shiftleft(1L, cast(age_days - {first} as int))")
    return F.coalesce(F.bit_or(F.when(is_in_part, bit)), F.lit(0).cast("long"))


def _person_totals() -> list[Column]:
    def distinct(column: str, condition: Column) -> Column:
        # A set per person, because five count(distinct) aggregates multiply the rows by six.
        return F.size(F.collect_set(F.when(condition, F.col(column))))

    return [
        F.min("first_us").alias("first_us"),
        F.max("latest_us").alias("latest_us"),
        F.max("purchase_us").alias("purchase_us"),
        *(F.bit_or(f"active_days_{part}").alias(f"active_days_{part}") for part in (0, 1)),
        *(F.sum(column).alias(column) for column in _SUMMED),
        *(capped_sum(F.col(column)).alias(column) for column in _SPENT),
        distinct("category", F.col("age") < 90).alias("category_count_90d"),
        distinct("order", F.col("purchase_age") < 30).alias("order_count_30d"),
        distinct("order", F.col("purchase_age") < 90).alias("order_count_90d"),
        distinct("order", F.col("purchase_age").isNotNull()).alias("order_count"),
        distinct("order", F.col("return_age") < 90).alias("return_count_90d"),
    ]


def _derived() -> list[Column]:
    def days_since(column: str) -> Column:
        return (F.col("as_of_us") - F.col(column)) / F.lit(float(_DAY_US))

    last_30_days = F.lit((1 << 30) - 1).cast("long")
    active_of_30 = F.bit_count(F.col("active_days_0").bitwiseAND(last_30_days))
    active_of_90 = F.bit_count("active_days_0") + F.bit_count("active_days_1")
    spend_per_order = F.col("spend_cents") / F.col("order_count")
    return [
        F.timestamp_micros("as_of_us").alias("as_of"),
        days_since("first_us").alias("tenure_days"),
        days_since("latest_us").alias("recency_days"),
        days_since("purchase_us").alias("days_since_purchase"),
        active_of_30.alias("active_day_count_30d"),
        active_of_90.alias("active_day_count_90d"),
        F.when(F.col("order_count") > 0, spend_per_order)
        .otherwise(F.lit(0.0))
        .alias("average_order_cents"),
    ]
