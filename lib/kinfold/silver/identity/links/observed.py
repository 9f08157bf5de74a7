"""What events and records say about identifiers: which exist, which were seen together."""

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.core.arrays import Ints
from kinfold.runtime.arrow_frames import (
    MAX_LITERAL_VALUES,
    distinct_numbers,
    frame_of,
    rows_with_values,
)
from kinfold.silver.identity.graph.nodes import Namespaces, node_id, with_record_node

SEEN_TOGETHER, SEEN_BESIDE, ALIAS = "seen_together", "seen_beside", "alias"
RULE_VERSION = "1"


def sightings(events: DataFrame, records: DataFrame | None) -> DataFrame:
    """What links identifiers: events, and records as if they were events of when they changed.

    Args:
        events: silver.events.
        records: silver.records; null for a lake without.

    Returns:
        occurred_at, source, source_event_id, identifiers; those of a record name it too.
    """
    seen = events.select(
        "occurred_at", "source", F.col("event_id").alias("source_event_id"), "identifiers"
    )
    if records is None:
        return seen
    return seen.unionByName(record_sightings(records))


def record_sightings(records: DataFrame) -> DataFrame:
    """Records as sightings of their identifiers, when they changed."""
    return with_record_node(records).select(
        F.col("changed_at").alias("occurred_at"),
        "source",
        F.col("record_id").alias("source_event_id"),
        "identifiers",
    )


def seen_identifiers(seen: DataFrame) -> DataFrame:
    """One row per identifier of the sightings.

    Returns:
        silver.identifiers columns.
    """
    namespace, value = F.col("namespace"), F.col("value")
    return (
        seen.select("occurred_at", F.explode("identifiers").alias("identifier"))
        .select("occurred_at", "identifier.*")
        .groupBy("namespace", "value")
        .agg(F.min("occurred_at").alias("first_seen_at"))
        .select(node_id(namespace, value).alias("node_id"), "namespace", "value", "first_seen_at")
    )


def new_identifiers(seen: DataFrame, known: DataFrame) -> DataFrame:
    """The identifiers that are new, or were seen earlier than was known.

    A known identifier whose node is that of another value stands beside that one, so that the two
    break the key of silver.identifiers, whose gate then stops: two values with one hash would
    otherwise be one person's.

    Args:
        seen: see `seen_identifiers`.
        known: rows of silver.identifiers, at least those of the same nodes.

    Returns:
        silver.identifiers columns, and `is_known`: the table has the node.
    """
    ours, theirs = seen.alias("seen"), known.alias("known")
    is_known = F.col("known.node_id").isNotNull()
    one, other = (F.struct(f"{side}.namespace", f"{side}.value") for side in ("seen", "known"))
    is_other = is_known & (one != other)
    is_earlier = F.col("seen.first_seen_at") < F.col("known.first_seen_at")
    met = ours.join(theirs, F.col("seen.node_id") == F.col("known.node_id"), how="left")
    news, clashing = (
        met.where(which).select(f"{side}.*", is_known.alias("is_known"))
        for which, side in ((~is_known | is_earlier | is_other, "seen"), (is_other, "known"))
    )
    return news.unionByName(clashing.select(*news.columns))


def seen_together(
    seen: DataFrame,
    namespaces: Namespaces,
    *,
    rule: str = SEEN_TOGETHER,
    without: Sequence[int] = (),
) -> DataFrame:
    """One row per pair of identifiers that share a sighting, as a star around its strongest one.

    A star joins the same people as all pairs would and has n - 1 links instead of n(n-1)/2. Two of
    one kind in one sighting (an alias and its account) are linked by a rule of their own, so that a
    limit of one per person does not part them.

    Args:
        seen: see `sightings`.
        without: nodes that are passed over, because they were set aside.

    Returns:
        silver.identity_links columns but valid_from, valid_to, status and reason.
    """
    ranked = seen.withColumn("ranked", namespaces.ranked(F.col("identifiers"), without=without))
    centre, other = F.get("ranked", F.lit(0)), F.col("other")
    pairs = ranked.where(F.size("ranked") > 1).select(
        F.struct("occurred_at", "source", "source_event_id").alias("sighting"),
        centre["namespace"].alias("left_namespace"),
        centre["value"].alias("left_value"),
        F.explode(F.slice("ranked", 2, F.size("ranked"))).alias("other"),
    )
    ends = ("left_namespace", "left_value", "right_namespace", "right_value")
    is_alias = F.col("left_namespace") == F.col("right_namespace")
    return (
        pairs.select(
            "sighting",
            "left_namespace",
            "left_value",
            other["namespace"].alias("right_namespace"),
            other["value"].alias("right_value"),
        )
        .groupBy(*ends)
        .agg(
            F.min("sighting").alias("first"),
            F.max("sighting.occurred_at").alias("last_seen_at"),
        )
        .withColumn("rule", F.when(is_alias, ALIAS).otherwise(rule))
        .select(
            *link_key_columns(F.col("rule")),
            *ends,
            "rule",
            F.lit(RULE_VERSION).alias("rule_version"),
            F.when(is_alias, F.lit(1.0))
            .otherwise(
                F.least(
                    namespaces.trust(F.col("left_namespace")),
                    namespaces.trust(F.col("right_namespace")),
                )
            )
            .alias("trust"),
            F.lit(None).cast("double").alias("weight"),
            F.col("first.source").alias("source"),
            F.col("first.source_event_id").alias("source_event_id"),
            F.col("first.occurred_at").alias("first_seen_at"),
            "last_seen_at",
        )
    )


def link_key_columns(rule: Column) -> list[Column]:
    """link_id, left_node and right_node of a row with both ends."""
    left = node_id(F.col("left_namespace"), F.col("left_value"))
    right = node_id(F.col("right_namespace"), F.col("right_value"))
    return [
        F.xxhash64(left, right, rule).alias("link_id"),
        left.alias("left_node"),
        right.alias("right_node"),
    ]


def widened(new: DataFrame, known: DataFrame, *, key: str) -> DataFrame:
    """`new` with first and last seen stretched over what was known of the same keys.

    Of the first sighting the source and its id are kept too, where the columns are there.

    Args:
        new: rows of a table with first_seen_at and last_seen_at, one per key.
        known: the table's current rows.

    Returns:
        The columns of `new`, one row per key of `new`.
    """
    lineage = [c for c in ("source", "source_event_id") if c in new.columns]
    before = known.select(
        key,
        F.struct("first_seen_at", *lineage).alias("_first"),
        F.col("last_seen_at").alias("_last"),
    )
    first = F.least(F.col("_first"), F.struct("first_seen_at", *lineage))
    return (
        new.join(before, key, how="left")
        .withColumn("_first", first)
        .withColumns({c: F.col(f"_first.{c}") for c in ("first_seen_at", *lineage)})
        .withColumn("last_seen_at", F.greatest("last_seen_at", "_last"))
        .select(*new.columns)
    )


def links_at(links: DataFrame, nodes: Ints) -> DataFrame:
    """The links that end at one of some nodes, each once.

    Args:
        nodes: distinct.
    """
    if len(nodes) <= MAX_LITERAL_VALUES:
        # Ends first: they are all that must be read of the links, and which file and which part
        # of it has the others then follows from their ids.
        is_near = F.col("left_node").isin(nodes.tolist()) | F.col("right_node").isin(nodes.tolist())
        ids = distinct_numbers(links.where(is_near).select("link_id"))
        return rows_with_values(links, "link_id", ids)
    # One pass over the links, which are many, and not one for each end.
    near = frame_of(links.sparkSession, pa.table({"node_id": nodes}))
    left, right = (
        near.select(F.col("node_id").alias(f"{side}_node"), F.lit(True).alias(f"_{side}"))
        for side in ("left", "right")
    )
    met = links.join(left, "left_node", how="left").join(right, "right_node", how="left")
    return met.where(F.col("_left") | F.col("_right")).select(*links.columns)
