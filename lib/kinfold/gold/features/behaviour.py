"""Behaviour features of each person as of one or more moments, by event time and arrival time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.sums import capped_sum
from kinfold.silver.cleansing.dates import seen_at
from kinfold.silver.orders.events import CANCEL, PURCHASE, UPDATE
from kinfold.silver.orders.rates import converted
from kinfold.silver.orders.states import NOT_BOUGHT, OrderStatus, order_states, stored_statements
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
_OF_ORDERS = (
    "order_count_30d",
    "order_count_90d",
    "order_count",
    "return_count_90d",
    "spend_cents_30d",
    "spend_cents_90d",
    "spend_cents",
)


def features_as_of(
    events: DataFrame, orders: DataFrame, *, as_ofs: Sequence[datetime]
) -> DataFrame:
    """Returns the behaviour features of each person as of each moment.

    An event counts at a moment if it both occurred and arrived before that moment, so a late event
    never changes the past: an order is at each moment what its events had said by then. "The last n
    days" are the n periods of 24 hours before the moment. An event dated before `events.earliest`
    counts in no period; its person was seen when it arrived.

    Args:
        events: silver.events with profile_id. The function reads profile_id, event_type,
            occurred_at, received_at, is_before_earliest and category. Events with a null profile_id
            are ignored.
        orders: silver.orders of the same people. An order counts in the period of its first
            purchase, with what is left of its amount after refunds, in the reporting currency; it
            adds nothing to spend if it cannot be converted, and counts nothing if it was cancelled.
        as_ofs: moments with a time zone, in any order; duplicates are ignored.

    Returns:
        gold.features: one row per (profile_id, as_of) with at least one event known by then.

    Raises:
        ValueError: `as_ofs` is empty, or a moment has no time zone.
    """
    moments = F.array(*(F.lit(_micros(moment)) for moment in _checked(as_ofs)))
    # This is the only shuffle of events: both groupings below start with profile_id, so Spark
    # reuses the partitioning. It is as fast as grouping directly, and exploded rows are never
    # shuffled.
    of_people = events.where(F.col("profile_id").isNotNull()).repartition("profile_id")
    per_category = (
        _known_events(of_people, moments=moments)
        .groupBy("profile_id", "as_of_us", "category")
        .agg(*_category_totals())
    )
    per_person = per_category.groupBy("profile_id", "as_of_us").agg(*_person_totals())
    of_orders = _order_totals(orders, moments=moments)
    none = {name: F.coalesce(F.col(name), F.lit(0).cast("bigint")) for name in _OF_ORDERS}
    joined = per_person.join(of_orders, ["profile_id", "as_of_us"], how="left").withColumns(none)
    return gold.FEATURES.conform(joined.select("*", *_derived()))


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


def _known_events(events: DataFrame, *, moments: Column) -> DataFrame:
    """One row per event and moment at which it is known, with its age in whole days."""
    return (
        events.select(
            "profile_id",
            F.unix_micros("occurred_at").alias("occurred_us"),
            F.unix_micros("received_at").alias("received_us"),
            F.unix_micros(seen_at()).alias("seen_us"),
            "event_type",
            # What was bought counts by the lines of orders.
            F.when(~F.col("event_type").isin(PURCHASE, UPDATE, CANCEL), F.col("category")).alias(
                "category"
            ),
            F.explode(moments).alias("as_of_us"),
        )
        .where(_is_known())
        .withColumn("age_days", _age_days("occurred_us"))
    )


def _is_known() -> Column:
    has_occurred = F.col("occurred_us") < F.col("as_of_us")
    return has_occurred & (F.col("received_us") < F.col("as_of_us"))


def _age_days(time_us: str) -> Column:
    # The 24 hours before the moment have age 0. An event exactly 30 days before the moment has
    # age 29, so it is within "the last 30 days".
    return F.expr(f"(as_of_us - {time_us} - 1) div {_DAY_US}")


def _category_totals() -> list[Column]:
    """Aggregates per person, moment and category: everything except the distinct counts.

    This step leaves few rows, and none of its aggregates needs an object buffer.
    """

    def within(days: int) -> Column:
        return F.col("age_days") < days

    return [
        F.min("seen_us").alias("first_us"),
        F.max("seen_us").alias("latest_us"),
        F.min("age_days").alias("age"),
        *(_active_days(part).alias(f"active_days_{part}") for part in (0, 1)),
        *(F.count_if(within(days)).alias(f"event_count_{days}d") for days in (7, 30, 90)),
        *(
            F.count_if((F.col("event_type") == t) & within(days)).alias(f"{t}_count_{days}d")
            for t, days in _COUNTED
        ),
    ]


def _order_totals(orders: DataFrame, *, moments: Column) -> DataFrame:
    """What the orders of each person add up to at each moment, by the events known then.

    Returns:
        profile_id, as_of_us, the columns `_OF_ORDERS`, purchase_us (time of the latest order of a
        known date) and bought_categories (of the last 90 days).
    """
    known = (
        stored_statements(orders.where(F.col("profile_id").isNotNull()))
        .repartition("profile_id")
        .withColumns(
            {
                "occurred_us": F.unix_micros("occurred_at"),
                "received_us": F.unix_micros("received_at"),
                "as_of_us": F.explode(moments),
            }
        )
        .where(_is_known())
    )
    states = order_states(known, by=["profile_id", "as_of_us", "order_key"])
    ordered, returned = F.unix_micros("ordered_at"), F.unix_micros("returned_at")
    aged = states.withColumns({"ordered_us": ordered, "returned_us": returned}).withColumns(
        {
            "age_days": _age_days("ordered_us"),
            "return_age_days": _age_days("returned_us"),
            "cents": converted(F.col("revenue_cents"), F.col("rate")),
            "is_bought": ~F.col("status").isin(*NOT_BOUGHT),
        }
    )
    return aged.groupBy("profile_id", "as_of_us").agg(*_totals_of_orders())


def _totals_of_orders() -> list[Column]:
    is_bought, is_dated = F.col("is_bought"), ~F.col("is_before_earliest")

    def within(days: int) -> Column:
        return is_bought & (F.col("age_days") < days)

    def spend(condition: Column) -> Column:
        return capped_sum(F.when(condition, F.col("cents")))

    is_returned = (F.col("status") != OrderStatus.CANCELLED) & (F.col("return_age_days") < 90)
    categories = F.transform("lines", lambda line: line["category"])
    bought = F.array_distinct(F.flatten(F.collect_list(F.when(within(90), categories))))
    return [
        F.max(F.when(is_bought & is_dated, F.col("ordered_us"))).alias("purchase_us"),
        *(F.count_if(within(days)).alias(f"order_count_{days}d") for days in (30, 90)),
        F.count_if(is_bought).alias("order_count"),
        F.count_if(is_returned).alias("return_count_90d"),
        *(spend(within(days)).alias(f"spend_cents_{days}d") for days in (30, 90)),
        spend(is_bought).alias("spend_cents"),
        bought.alias("bought_categories"),
    ]


def _active_days(part: int) -> Column:
    """A bit mask of days with an event: bit i of part p is the day p * 60 + i before the moment."""
    first = part * _DAYS_PER_MASK
    end = min(first + _DAYS_PER_MASK, 90)
    is_in_part = (F.col("age_days") >= first) & (F.col("age_days") < end)
    bit = F.expr(f"shiftleft(1L, cast(age_days - {first} as int))")
    return F.coalesce(F.bit_or(F.when(is_in_part, bit)), F.lit(0).cast("long"))


def _person_totals() -> list[Column]:
    return [
        F.min("first_us").alias("first_us"),
        F.max("latest_us").alias("latest_us"),
        *(F.bit_or(f"active_days_{part}").alias(f"active_days_{part}") for part in (0, 1)),
        *(F.sum(column).alias(column) for column in _SUMMED),
        F.collect_set(F.when(F.col("age") < 90, F.col("category"))).alias("seen_categories"),
    ]


def _derived() -> list[Column]:
    def days_since(column: str) -> Column:
        return (F.col("as_of_us") - F.col(column)) / F.lit(float(_DAY_US))

    last_30_days = F.lit((1 << 30) - 1).cast("long")
    active_of_30 = F.bit_count(F.col("active_days_0").bitwiseAND(last_30_days))
    active_of_90 = F.bit_count("active_days_0") + F.bit_count("active_days_1")
    bought = F.coalesce("bought_categories", F.array().cast("array<string>"))
    categories = F.array_compact(F.array_union("seen_categories", bought))
    spend_per_order = F.col("spend_cents") / F.col("order_count")
    return [
        F.timestamp_micros("as_of_us").alias("as_of"),
        days_since("first_us").alias("tenure_days"),
        days_since("latest_us").alias("recency_days"),
        days_since("purchase_us").alias("days_since_purchase"),
        F.size(categories).alias("category_count_90d"),
        active_of_30.alias("active_day_count_30d"),
        active_of_90.alias("active_day_count_90d"),
        F.when(F.col("order_count") > 0, spend_per_order)
        .otherwise(F.lit(0.0))
        .alias("average_order_cents"),
    ]
