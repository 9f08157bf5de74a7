"""What events and records say about identifiers: which exist, which were seen together."""

from pyspark.sql import DataFrame, functions as F


def sightings(events: DataFrame, records: DataFrame | None) -> DataFrame:
    """What links identifiers: events, and records as if they were events of when they changed.

    Args:
        events: silver.events.
        records: silver.records; null for a lake without.

    Returns:
        occurred_at, identifiers.
    """
    seen = events.select("occurred_at", "identifiers")
    if records is None:
        return seen
    return seen.unionByName(records.select(F.col("changed_at").alias("occurred_at"), "identifiers"))


def seen_identifiers(events: DataFrame) -> DataFrame:
    """One row per identifier of the events.

    Args:
        events: occurred_at, identifiers (see `sightings`).

    Returns:
        namespace, value, first_seen_at, last_seen_at.
    """
    return (
        events.select("occurred_at", F.explode("identifiers").alias("identifier"))
        .groupBy("identifier.namespace", "identifier.value")
        .agg(
            F.min("occurred_at").alias("first_seen_at"),
            F.max("occurred_at").alias("last_seen_at"),
        )
    )


def seen_together(events: DataFrame) -> DataFrame:
    """One row per pair of identifiers that share an event, as a star around its first identifier.

    A star joins the same people as all pairs would and has n - 1 links instead of n(n-1)/2.

    Returns:
        silver.identity_links columns.
    """
    left, right = F.col("identifiers")[0], F.col("right")
    pairs = events.where(F.size("identifiers") > 1).select(
        "occurred_at",
        left["namespace"].alias("left_namespace"),
        left["value"].alias("left_value"),
        F.explode(F.slice("identifiers", 2, F.size("identifiers"))).alias("right"),
    )
    link = ("left_namespace", "left_value", "right_namespace", "right_value")
    return (
        pairs.select(
            "occurred_at",
            "left_namespace",
            "left_value",
            right["namespace"].alias("right_namespace"),
            right["value"].alias("right_value"),
        )
        .groupBy(*link)
        .agg(
            F.min("occurred_at").alias("first_seen_at"),
            F.max("occurred_at").alias("last_seen_at"),
        )
        .select(
            # JSON keeps parts apart: plain joining would let ("a", "bc") meet ("ab", "c").
            F.substring(F.sha2(F.to_json(F.array(*link)), 256), 1, 32).alias("link_id"),
            *link,
            F.lit("seen_together").alias("rule"),
            "first_seen_at",
            "last_seen_at",
        )
    )


def widened(new: DataFrame, known: DataFrame, *, key: tuple[str, ...]) -> DataFrame:
    """`new` with first and last seen stretched over what was known of the same keys.

    Args:
        new: rows of a table with first_seen_at and last_seen_at, one per key.
        known: the table's current rows.

    Returns:
        The columns of `new`, one row per key of `new`.
    """
    before = known.select(
        *key, F.col("first_seen_at").alias("_first"), F.col("last_seen_at").alias("_last")
    )
    return (
        new.join(before, list(key), how="left")
        .withColumn("first_seen_at", F.least("first_seen_at", "_first"))
        .withColumn("last_seen_at", F.greatest("last_seen_at", "_last"))
        .select(*new.columns)
    )
