"""Profiles: activity, traits, consent and identifiers of each person."""

from pyspark.sql import Column, DataFrame, Window, functions as F, types as T

from kinfold.core.settings.models import SurvivorshipConf
from kinfold.runtime.caching import lazily_cached
from kinfold.runtime.sums import capped_sum
from kinfold.silver.cleansing.dates import seen_at
from kinfold.silver.identity.graph.nodes import RECORD
from kinfold.silver.profiles.survivorship import surviving_traits, trait_statements
from kinfold.tables import silver

_NAMES = T.ArrayType(T.StringType())
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
    "order_id",
    "category",
    "amount_cents",
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
    records: DataFrame | None = None,
    rules: SurvivorshipConf = _DEFAULT_RULES,
) -> DataFrame:
    """One profile per person that has events or records.

    Args:
        events: silver.events with profile_id (see `attributed_events`).
        identity_map: today's rows of silver.identity_map, of at least the same people.
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
        active.join(top_categories(events), "profile_id", how="left")
        .join(surviving_traits(statements, rules=rules), "profile_id", how="left")
        .join(latest_consent(events), "profile_id", how="left")
        .join(identifier_lists(identity_map), "profile_id", how="left")
        .withColumns(
            {
                "top_categories": _or_empty("top_categories", F.array().cast(_NAMES)),
                "traits": _or_empty("traits", F.create_map().cast(_TEXTS)),
                "trait_sources": _or_empty("trait_sources", F.create_map().cast(_SOURCES)),
                "consent": _or_empty("consent", F.create_map().cast(_TEXTS)),
            }
        )
    )


def activity(events: DataFrame) -> DataFrame:
    """Number of events and orders, and revenue, per person.

    Returns:
        profile_id, first_seen_at, last_seen_at (see `seen_at`), event_count, order_count,
        return_count, revenue_cents (purchases minus returns, at most 2**63 - 1 each; a null amount
        counts as 0).
    """
    is_purchase, is_return = F.col("event_type") == "purchase", F.col("event_type") == "return"
    bought, returned = (
        capped_sum(F.when(is_type, F.col("amount_cents"))) for is_type in (is_purchase, is_return)
    )
    order = F.coalesce("order_id", "event_id")
    return events.groupBy("profile_id").agg(
        F.min(seen_at()).alias("first_seen_at"),
        F.max(seen_at()).alias("last_seen_at"),
        F.count(F.lit(1)).alias("event_count"),
        F.count_distinct(F.when(is_purchase, order)).alias("order_count"),
        F.count_distinct(F.when(is_return, order)).alias("return_count"),
        (bought - returned).alias("revenue_cents"),
    )


def _activity_of_records(records: DataFrame, events: DataFrame) -> DataFrame:
    """`activity` of people with records and no events: zero counts, seen when records changed."""
    counts = ("event_count", "order_count", "return_count", "revenue_cents")
    of_record = seen_at("changed_at", "ingested_at")
    return (
        records.join(events.select("profile_id"), "profile_id", how="anti")
        .groupBy("profile_id")
        .agg(
            F.min(of_record).alias("first_seen_at"),
            F.max(of_record).alias("last_seen_at"),
            *(F.lit(0).cast("bigint").alias(count) for count in counts),
        )
    )


def top_categories(events: DataFrame) -> DataFrame:
    """The most frequent categories of each person: profile_id, top_categories (ties by name)."""
    most_first = Window.partitionBy("profile_id").orderBy(F.desc("_count"), "category")
    return (
        events.where(F.col("category").isNotNull())
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
