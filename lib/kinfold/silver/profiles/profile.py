"""Profiles: what is known of each person."""

from pyspark.sql import Column, DataFrame, Window, functions as F, types as T

from kinfold.core.settings.models import SurvivorshipConf
from kinfold.runtime.lake.tables import CHANGE_TYPE
from kinfold.silver.identity.graph.nodes import RECORD, with_record_node
from kinfold.silver.profiles.attribution import SourceRanking
from kinfold.silver.profiles.survivorship import surviving_traits, trait_statements
from kinfold.tables import silver

_NAMES = T.ArrayType(T.StringType())
_TEXTS = T.MapType(T.StringType(), T.StringType())
_SOURCES = T.MapType(T.StringType(), silver.TRAIT_SOURCE)
TOP_CATEGORIES = 3
_USUAL_RULES = SurvivorshipConf()


def touched_people(
    events: DataFrame,
    map_changes: DataFrame,
    identity_map: DataFrame,
    *,
    record_changes: DataFrame | None = None,
    ranking: SourceRanking | None = None,
) -> DataFrame:
    """People whose profile may have changed: new events, records or identifiers that came or went.

    Args:
        events: the new events (silver.events columns).
        map_changes: change feed of silver.identity_map; both images of an update count, so the
            person an identifier left is touched too.
        identity_map: the current map.
        record_changes: change feed of silver.records; null for a lake without. Before and after
            count.
        ranking: which identifier of an event says whose it is.

    Returns:
        profile_id, distinct.
    """
    strongest = (ranking or SourceRanking()).strongest()
    seen = events.select(strongest.alias("one")).select("one.namespace", "one.value")
    if record_changes is not None:  # every identifier: the first one may have gone with the record
        named = (
            with_record_node(record_changes)
            .select(F.explode("identifiers").alias("one"))
            .select("one.*")
        )
        seen = seen.unionByName(named)
    active = (
        seen.distinct().join(identity_map, ["namespace", "value"], how="inner").select("profile_id")
    )
    regrouped = map_changes.where(F.col(CHANGE_TYPE).isNotNull()).select("profile_id")
    return active.unionByName(regrouped).distinct()


def profiles(
    events: DataFrame,
    identity_map: DataFrame,
    *,
    records: DataFrame | None = None,
    rules: SurvivorshipConf = _USUAL_RULES,
) -> DataFrame:
    """One profile per person that has events or records.

    Args:
        events: silver.events with profile_id (see `attributed_events`).
        identity_map: silver.identity_map of at least the same people.
        records: silver.records with profile_id; null for a lake without.
        rules: which value of a trait counts (see `surviving_traits`).

    Returns:
        silver.profiles columns.
    """
    lived = activity(events)
    said = trait_statements(events, records=records)
    return (
        (lived if records is None else lived.unionByName(_known_from_records(records, events)))
        .join(top_categories(events), "profile_id", how="left")
        .join(surviving_traits(said, rules=rules), "profile_id", how="left")
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
    """Counts and money per person.

    Returns:
        profile_id, first_seen_at, last_seen_at, event_count, order_count, return_count,
        revenue_cents (purchases less returns; null amounts count as nothing).
    """
    is_purchase, is_return = F.col("event_type") == "purchase", F.col("event_type") == "return"
    signed = F.when(is_purchase, F.col("amount_cents")).when(is_return, -F.col("amount_cents"))
    order = F.coalesce("order_id", "event_id")
    return events.groupBy("profile_id").agg(
        F.min("occurred_at").alias("first_seen_at"),
        F.max("occurred_at").alias("last_seen_at"),
        F.count(F.lit(1)).alias("event_count"),
        F.count_distinct(F.when(is_purchase, order)).alias("order_count"),
        F.count_distinct(F.when(is_return, order)).alias("return_count"),
        F.coalesce(F.sum(signed), F.lit(0)).alias("revenue_cents"),
    )


def _known_from_records(records: DataFrame, events: DataFrame) -> DataFrame:
    """`activity` of people who have records and no event: none, between their records' changes."""
    counts = ("event_count", "order_count", "return_count", "revenue_cents")
    return (
        records.join(events.select("profile_id"), "profile_id", how="anti")
        .groupBy("profile_id")
        .agg(
            F.min("changed_at").alias("first_seen_at"),
            F.max("changed_at").alias("last_seen_at"),
            *(F.lit(0).cast("bigint").alias(count) for count in counts),
        )
    )


def top_categories(events: DataFrame) -> DataFrame:
    """The categories a person met most often: profile_id, top_categories (most first)."""
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
    """The latest decision per purpose, ties to the larger event_id: profile_id, consent."""
    latest = (
        events.where(F.col("event_type") == "consent")
        .where(F.col("consent_purpose").isNotNull() & (F.trim("consent_decision") != ""))
        .groupBy("profile_id", F.col("consent_purpose").alias("name"))
        .agg(F.max_by("consent_decision", F.struct("occurred_at", "event_id")).alias("value"))
    )
    decisions = F.array_sort(F.collect_list(F.struct("name", "value")))
    return latest.groupBy("profile_id").agg(F.map_from_entries(decisions).alias("consent"))


def identifier_lists(identity_map: DataFrame) -> DataFrame:
    """What a person is known by: profile_id, emails, phones, identifier_counts."""
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
