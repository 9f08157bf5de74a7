"""Profiles: activity, traits, consent and identifiers of each person."""

from pyspark.sql import Column, DataFrame, Window, functions as F, types as T

from kinfold.core.settings.models import SurvivorshipConf
from kinfold.runtime.caching import lazily_cached
from kinfold.runtime.sums import capped_sum
from kinfold.silver.cleansing.dates import seen_at
from kinfold.silver.identity.graph.nodes import RECORD
from kinfold.silver.orders.events import CANCEL, PURCHASE, UPDATE
from kinfold.silver.orders.states import NOT_BOUGHT, OrderStatus
from kinfold.silver.profiles.survivorship import surviving_traits, trait_statements
from kinfold.tables import silver

_NAMES = T.ArrayType(T.StringType())
_AMOUNTS = T.MapType(T.StringType(), T.LongType())
_ORDER_SUMS = ("order_count", "return_count", "revenue_cents")
_TEXTS = T.MapType(T.StringType(), T.StringType())
_SOURCES = T.MapType(T.StringType(), silver.TRAIT_SOURCE)
TOP_CATEGORIES = 3
_DEFAULT_RULES = SurvivorshipConf()
_OF_EVENTS = (
    "event_id",
    "event_type",
    "source",
    "occurred_at",
    "received_at",
    "is_before_earliest",
    "identifiers",
    "category",
    "consent_purpose",
    "consent_decision",
)


def profile_events(events: DataFrame) -> DataFrame:
    """The columns of silver.events that profiles need; properties only of `identify` events."""
    properties = F.when(F.col("event_type") == "identify", F.col("properties"))
    return events.select(*_OF_EVENTS, properties.alias("properties"))


def gathered_by_person(events: DataFrame) -> DataFrame:
    """Attributed events, read once and shuffled once for all parts of a profile."""
    return lazily_cached(events.drop("identifiers").repartition("profile_id"))


def profiles(
    events: DataFrame,
    identity_map: DataFrame,
    *,
    orders: DataFrame,
    lines: DataFrame,
    records: DataFrame | None = None,
    rules: SurvivorshipConf = _DEFAULT_RULES,
) -> DataFrame:
    """One profile per person that has events or records.

    Args:
        events: silver.events with profile_id (see `attributed_events`).
        identity_map: today's rows of silver.identity_map, of at least the same people.
        orders, lines: rows of silver.orders and silver.order_lines, of the same people.
        records: silver.records with profile_id; None for a lake without records.
        rules: which value of a trait survives (see `surviving_traits`).

    Returns:
        silver.profiles columns.
    """
    active = activity(events)
    if records is not None:
        active = active.unionByName(_activity_of_records(records, events))
    statements = trait_statements(events, records=records)
    return (
        active.join(order_totals(orders), "profile_id", how="left")
        .join(top_categories(events, lines), "profile_id", how="left")
        .join(surviving_traits(statements, rules=rules), "profile_id", how="left")
        .join(latest_consent(events), "profile_id", how="left")
        .join(identifier_lists(identity_map), "profile_id", how="left")
        .withColumns(
            {
                **{name: _or_empty(name, F.lit(0).cast("bigint")) for name in _ORDER_SUMS},
                "revenue": _or_empty("revenue", F.create_map().cast(_AMOUNTS)),
                "top_categories": _or_empty("top_categories", F.array().cast(_NAMES)),
                "traits": _or_empty("traits", F.create_map().cast(_TEXTS)),
                "trait_sources": _or_empty("trait_sources", F.create_map().cast(_SOURCES)),
                "consent": _or_empty("consent", F.create_map().cast(_TEXTS)),
            }
        )
    )


def activity(events: DataFrame) -> DataFrame:
    """profile_id, first_seen_at, last_seen_at (see `seen_at`) and event_count of each person."""
    return events.groupBy("profile_id").agg(
        F.min(seen_at()).alias("first_seen_at"),
        F.max(seen_at()).alias("last_seen_at"),
        F.count(F.lit(1)).alias("event_count"),
    )


def order_totals(orders: DataFrame) -> DataFrame:
    """What the orders of each person add up to.

    Returns:
        profile_id, order_count (without cancelled and unknown ones), return_count, revenue (by
        currency), revenue_cents (of the orders that can be converted) and currency (the reporting
        currency). Sums of orders, and of refunds of unknown orders, are at most 2**63 - 1.
    """
    status, revenue = F.col("status"), F.col("revenue_cents")
    is_bought = ~status.isin(*NOT_BOUGHT)
    is_returned = F.col("returned_at").isNotNull() & (status != OrderStatus.CANCELLED)
    has_sum = F.col("currency").isNotNull() & ((F.col("orders") > 0) | (revenue != 0))
    entry = F.when(has_sum, F.struct("currency", "revenue_cents"))
    by_currency = orders.groupBy("profile_id", "currency").agg(
        F.count_if(is_bought).alias("orders"),
        F.count_if(is_returned).alias("returns"),
        _sum_of_both_signs("revenue_cents").alias("revenue_cents"),
        *(_of_sign(F.col("reporting_cents"), sign).alias(name) for sign, name in _SIGNS.items()),
        F.max("reporting_currency").alias("reporting_currency"),
    )
    added, subtracted = (capped_sum(F.col(name)) for name in _SIGNS.values())
    return by_currency.groupBy("profile_id").agg(
        F.sum("orders").alias("order_count"),
        F.sum("returns").alias("return_count"),
        F.map_from_entries(F.array_sort(F.collect_list(entry))).alias("revenue"),
        (added - subtracted).alias("revenue_cents"),
        F.max("reporting_currency").alias("currency"),
    )


_SIGNS = {1: "added", -1: "subtracted"}


def _of_sign(cents: Column, sign: int) -> Column:
    """The sum of the positive amounts, or of the negative ones as a positive number."""
    return capped_sum(F.greatest(cents * F.lit(sign), F.lit(0)))


def _sum_of_both_signs(column: str) -> Column:
    added, subtracted = (_of_sign(F.col(column), sign) for sign in _SIGNS)
    return added - subtracted


def _activity_of_records(records: DataFrame, events: DataFrame) -> DataFrame:
    """`activity` of people with records and no events: no event, seen when records changed."""
    of_record = seen_at("changed_at", "ingested_at")
    return (
        records.join(events.select("profile_id"), "profile_id", how="anti")
        .groupBy("profile_id")
        .agg(
            F.min(of_record).alias("first_seen_at"),
            F.max(of_record).alias("last_seen_at"),
            F.lit(0).cast("bigint").alias("event_count"),
        )
    )


def top_categories(events: DataFrame, lines: DataFrame) -> DataFrame:
    """The most frequent categories of each person: profile_id, top_categories (ties by name).

    What was bought counts by the lines of orders as they are now, not by the events about them.
    """
    is_of_order = F.col("event_type").isin(PURCHASE, UPDATE, CANCEL)
    categories = (
        events.where(~is_of_order)
        .select("profile_id", "category")
        .unionByName(lines.select("profile_id", "category"))
    )
    most_first = Window.partitionBy("profile_id").orderBy(F.desc("_count"), "category")
    return (
        categories.where(F.col("category").isNotNull())
        .groupBy("profile_id", "category")
        .agg(F.count(F.lit(1)).alias("_count"))
        .withColumn("_rank", F.row_number().over(most_first))
        .where(F.col("_rank") <= TOP_CATEGORIES)
        .groupBy("profile_id")
        .agg(F.array_sort(F.collect_list(F.struct("_rank", "category"))).alias("_ranked"))
        .select("profile_id", F.col("_ranked.category").alias("top_categories"))
    )


def latest_consent(events: DataFrame) -> DataFrame:
    """The latest decision per purpose (ties: the larger event_id): profile_id, consent."""
    latest = (
        events.where(F.col("event_type") == "consent")
        .where(F.col("consent_purpose").isNotNull() & (F.trim("consent_decision") != ""))
        .groupBy("profile_id", F.col("consent_purpose").alias("name"))
        .agg(F.max_by("consent_decision", F.struct("occurred_at", "event_id")).alias("value"))
    )
    decisions = F.array_sort(F.collect_list(F.struct("name", "value")))
    return latest.groupBy("profile_id").agg(F.map_from_entries(decisions).alias("consent"))


def identifier_lists(identity_map: DataFrame) -> DataFrame:
    """The identifiers of each person: profile_id, emails, phones, identifier_counts."""
    named = identity_map.where(F.col("namespace") != RECORD)
    by_namespace = named.groupBy("profile_id", "namespace").agg(
        F.array_sort(F.collect_set("value")).alias("values")
    )
    counts = F.map_from_entries(
        F.array_sort(
            F.collect_list(F.struct("namespace", F.size("values").cast("bigint").alias("count")))
        )
    )
    return by_namespace.groupBy("profile_id").agg(
        _values_of("email").alias("emails"),
        _values_of("phone").alias("phones"),
        counts.alias("identifier_counts"),
    )


def _values_of(namespace: str) -> Column:
    return F.flatten(F.collect_list(F.when(F.col("namespace") == namespace, F.col("values"))))


def _or_empty(column: str, empty: Column) -> Column:
    return F.coalesce(F.col(column), empty)
