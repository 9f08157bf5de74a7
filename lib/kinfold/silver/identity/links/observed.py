"""Identifiers and links observed in events and records: which exist, which occur together."""

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
from kinfold.runtime.keyed_hash import KeyedHash
from kinfold.silver.cleansing.dates import seen_at
from kinfold.silver.identity.graph.nodes import (
    RECORD,
    Namespaces,
    comparison_hash,
    node_id,
    with_record_node,
)
from kinfold.tables import silver

SEEN_TOGETHER, SEEN_BESIDE, ALIAS = "seen_together", "seen_beside", "alias"
RULE_VERSION = "2"
_ENDS = ("left_namespace", "left_value", "right_namespace", "right_value")


def sightings(events: DataFrame, records: DataFrame | None) -> DataFrame:
    """Events and records as sightings: one row per event or record, with its identifiers.

    Args:
        events: silver.events.
        records: silver.records; null for a lake without records.

    Returns:
        occurred_at (see `seen_at`), source, source_event_id, identifiers, since, previous_account.
        The identifiers of a record include the record itself, and it occurred when it changed.
        `since` has the time since when each of its identifiers is in the record; null for events.
    """
    seen = events.select(
        seen_at().alias("occurred_at"),
        "source",
        F.col("event_id").alias("source_event_id"),
        "identifiers",
        F.lit(None).cast("array<timestamp>").alias("since"),
        "previous_account",
    )
    if records is None:
        return seen
    return seen.unionByName(record_sightings(records))


def record_sightings(records: DataFrame) -> DataFrame:
    """Records as sightings of their identifiers at the time they changed (see `sightings`)."""
    return with_record_node(records).select(
        seen_at("changed_at", "ingested_at").alias("occurred_at"),
        "source",
        F.col("record_id").alias("source_event_id"),
        "identifiers",
        F.concat("identifiers_since", F.array(record_since())).alias("since"),
        F.lit(None).cast("string").alias("previous_account"),
    )


def record_since() -> Column:
    """Since when a record is known with one of its present identifiers; if it has none, when it
    changed."""
    return F.coalesce(F.array_min("identifiers_since"), seen_at("changed_at", "ingested_at"))


def seen_identifiers(seen: DataFrame, keyed: KeyedHash) -> DataFrame:
    """One row per identifier of the sightings, with the time of the earliest one.

    Args:
        seen: see `sightings`.
        keyed: the keyed hash of the lake, for node ids.

    Returns:
        silver.identifiers columns.
    """
    node = node_id(F.col("namespace"), F.col("value"), keyed)
    own_time = F.coalesce(F.get("since", F.col("position")), F.col("occurred_at"))
    return (
        seen.select("occurred_at", "since", F.posexplode("identifiers").alias("position", "one"))
        .select(own_time.alias("occurred_at"), "one.*")
        .groupBy("namespace", "value")
        .agg(F.min("occurred_at").alias("first_seen_at"))
        .select(node.alias("node_id"), "namespace", "value", "first_seen_at")
    )


def new_identifiers(
    seen: DataFrame, known: DataFrame, *, seen_elsewhere: DataFrame | None = None
) -> DataFrame:
    """The identifiers that are new, or were first seen at another time than silver.identifiers has.

    It is an earlier time, except for a record, which was seen when it changed, and for the
    identifiers of `seen_elsewhere`.

    If two different values have the same node (a hash collision), the result has both rows. They
    break the key of silver.identifiers, so its quality gate stops the run; otherwise the two values
    would belong to one person.

    Args:
        seen: see `seen_identifiers`.
        known: rows of silver.identifiers, at least those of the same nodes.
        seen_elsewhere: identifiers whose stored time may be too early, with the time at which they
            were first seen; null if there are none.

    Returns:
        silver.identifiers columns, and `is_known`: the table has the node.
    """
    seen = seen.withColumn("is_exact", F.col("namespace") == RECORD)
    if seen_elsewhere is not None:
        others = seen.join(seen_elsewhere.select("node_id"), "node_id", how="anti")
        seen = others.unionByName(seen_elsewhere.withColumn("is_exact", F.lit(True)))
    ours, theirs = seen.alias("seen"), known.alias("known")
    is_known = F.col("known.node_id").isNotNull()
    one, other = (F.struct(f"{side}.namespace", f"{side}.value") for side in ("seen", "known"))
    is_collision = is_known & (one != other)
    times = F.col("seen.first_seen_at"), F.col("known.first_seen_at")
    is_changed = (times[0] < times[1]) | (F.col("seen.is_exact") & (times[0] != times[1]))
    joined = ours.join(theirs, F.col("seen.node_id") == F.col("known.node_id"), how="left")
    changed, colliding = (
        joined.where(condition).select(f"{side}.*", is_known.alias("is_known"))
        for condition, side in (
            (~is_known | is_changed | is_collision, "seen"),
            (is_collision, "known"),
        )
    )
    columns = (*silver.IDENTIFIERS.columns, "is_known")
    return changed.select(*columns).unionByName(colliding.select(*columns))


def seen_together(
    seen: DataFrame,
    namespaces: Namespaces,
    keyed: KeyedHash,
    *,
    rule: str = SEEN_TOGETHER,
    without: Sequence[int] = (),
) -> DataFrame:
    """One row per pair of identifiers of a sighting: a star around its strongest identifier.

    A star connects the same identifiers as all pairs would, with n - 1 links instead of n(n-1)/2.
    Two identifiers of one namespace in one sighting (an alias and its account) get the rule `alias`
    instead, so that a limit of one per person does not separate them. Its left end is the account,
    its right end the previous one.

    Args:
        seen: see `sightings`.
        keyed: the keyed hash of the lake, for node ids.
        rule: the rule of links that are not aliases.
        without: `comparison_hash` of the identifiers to skip: the shared ones.

    Returns:
        silver.identity_links columns without valid_from, valid_to, status and reason.
    """
    pairs = _star_pairs(seen, namespaces, without)
    is_alias = F.col("left_namespace") == F.col("right_namespace")
    least_trust = F.least(
        namespaces.trust(F.col("left_namespace")), namespaces.trust(F.col("right_namespace"))
    )
    return (
        pairs.groupBy(*_ENDS)
        .agg(
            F.min("sighting").alias("first"),
            F.max("occurred_at").alias("last_seen_at"),
        )
        .withColumn("rule", F.when(is_alias, ALIAS).otherwise(rule))
        .select(
            *link_key_columns(F.col("rule"), keyed),
            *_ENDS,
            "rule",
            F.lit(RULE_VERSION).alias("rule_version"),
            F.when(is_alias, F.lit(1.0)).otherwise(least_trust).alias("trust"),
            F.lit(None).cast("double").alias("weight"),
            F.col("first.source").alias("source"),
            F.col("first.source_event_id").alias("source_event_id"),
            F.col("first.occurred_at").alias("first_seen_at"),
            "last_seen_at",
        )
    )


def _star_pairs(seen: DataFrame, namespaces: Namespaces, without: Sequence[int]) -> DataFrame:
    """The strongest identifier of each sighting, paired with each of the others."""
    # The account comes before the previous one, which then is the right end of their link.
    ranked = seen.withColumn(
        "ranked",
        namespaces.ranked(
            F.col("identifiers"), without=without, previous_account=F.col("previous_account")
        ),
    )
    centre, other = F.get("ranked", F.lit(0)), F.col("other")
    pairs = ranked.where(F.size("ranked") > 1).select(
        "occurred_at",
        "source",
        "source_event_id",
        F.when(F.col("since").isNotNull(), F.map_from_arrays("identifiers", "since")).alias(
            "since"
        ),
        centre["namespace"].alias("left_namespace"),
        centre["value"].alias("left_value"),
        F.explode(F.slice("ranked", 2, F.size("ranked"))).alias("other"),
    )
    # A link of a record exists since its other end is in the record.
    since = F.col("since")[
        F.struct(other["namespace"].alias("namespace"), other["value"].alias("value"))
    ]
    first = F.coalesce(since, F.col("occurred_at")).alias("occurred_at")
    return pairs.select(
        F.struct(first, "source", "source_event_id").alias("sighting"),
        "occurred_at",
        "left_namespace",
        "left_value",
        other["namespace"].alias("right_namespace"),
        other["value"].alias("right_value"),
    )


def seen_beside_shared(
    seen: DataFrame, namespaces: Namespaces, keyed: KeyedHash, shared: Sequence[int]
) -> DataFrame:
    """Links of sightings whose strongest identifier is shared: stars around the strongest of the
    others, by the rule `seen_beside`.

    Args:
        seen: see `sightings`.
        keyed: the keyed hash of the lake, for node ids.
        shared: `comparison_hash` of the shared identifiers.

    Returns:
        silver.identity_links columns without valid_from, valid_to, status and reason.
    """
    # F.get gives null for events without identifiers: Spark may evaluate it before the filter.
    first = F.get(namespaces.ranked(F.col("identifiers")), F.lit(0))
    centre = comparison_hash(first["namespace"], first["value"])
    affected = seen.where((F.size("identifiers") > 2) & centre.isin(*shared))
    return seen_together(affected, namespaces, keyed, rule=SEEN_BESIDE, without=shared)


def link_key_columns(rule: Column, keyed: KeyedHash) -> list[Column]:
    """link_id, left_node and right_node, from the identifiers at both ends and the rule."""
    left = node_id(F.col("left_namespace"), F.col("left_value"), keyed)
    right = node_id(F.col("right_namespace"), F.col("right_value"), keyed)
    return [
        F.xxhash64(left, right, rule).alias("link_id"),
        left.alias("left_node"),
        right.alias("right_node"),
    ]


def widened(new: DataFrame, known: DataFrame, *, key: str) -> DataFrame:
    """`new` with the first and last time seen extended by those of known rows with the same key.

    The source and event id, where the columns exist, are those of the first time seen.

    Args:
        new: rows of a table with first_seen_at and last_seen_at, one per key.
        known: the current rows of the table.

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
    """The links that have an end in `nodes`, each once.

    Args:
        nodes: distinct.
    """
    if len(nodes) <= MAX_LITERAL_VALUES:
        # The scan reads the ends only. The other columns are then read by link id, so that Delta
        # and Parquet skip the files and pages without these ids.
        ends_here = F.col("left_node").isin(nodes.tolist()) | F.col("right_node").isin(
            nodes.tolist()
        )
        ids = distinct_numbers(links.where(ends_here).select("link_id"))
        return rows_with_values(links, "link_id", ids)
    # One pass over the many links, instead of one per end.
    wanted = frame_of(links.sparkSession, pa.table({"node_id": nodes}))
    left, right = (
        wanted.select(F.col("node_id").alias(f"{side}_node"), F.lit(True).alias(f"_{side}"))
        for side in ("left", "right")
    )
    marked = links.join(left, "left_node", how="left").join(right, "right_node", how="left")
    return marked.where(F.col("_left") | F.col("_right")).select(*links.columns)
