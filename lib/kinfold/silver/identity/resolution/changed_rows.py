"""Who is who after news: links go in, and the people they touch are made anew.

Everything that a change can touch hangs together by links, so only those components are read and
worked on; what was made so equals what is made of everything at once.
"""

from datetime import datetime

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.runtime.arrow_frames import frame_of, rows_with_values
from kinfold.silver.identity.graph.nodes import profile_id
from kinfold.silver.identity.resolution.stored_graph import _BLOCKED, StoredGraph
from kinfold.tables import silver

_SORTED = 2_000_000
"""Rows that a task sorts in memory."""


def map_rows(changed: pa.Table, known: StoredGraph, *, at: datetime) -> DataFrame:
    """The rows of silver.identity_map that change: ends of what was, and what is from now on.

    Args:
        changed: see `Changes.nodes`.
        known: the graph, or at least what it has of the changed nodes.
    """
    news = frame_of(known.identifiers.sparkSession, changed).select(
        "node_id",
        F.col("person_key").alias("_key"),
        F.col("component_id").alias("_component"),
        "is_move",
    )
    opened = news.where(F.col("is_move") & F.col("_key").isNotNull())
    identifiers = known.identifiers
    if changed.num_rows > 2 * _SORTED:  # the few partitions of a small session would spill
        count = -(-changed.num_rows // _SORTED)
        opened, identifiers = (rows.repartition(count, "node_id") for rows in (opened, identifiers))
    after = identifiers.join(opened, "node_id", how="inner").select(
        "node_id",
        "namespace",
        "value",
        profile_id(F.col("_key")).alias("profile_id"),
        F.col("_key").alias("person_key"),
        F.col("_component").alias("component_id"),
        F.lit(at).alias("valid_from"),
        F.lit(None).cast("timestamp").alias("valid_to"),
    )
    was_there = changed.filter(changed["is_known"])["node_id"].to_numpy()
    if len(was_there) == 0:
        return after
    before = rows_with_values(known.current, "node_id", was_there).join(news, "node_id")
    ended = before.select(
        *(c for c in silver.IDENTITY_MAP.columns if c not in ("component_id", "valid_to")),
        F.when(F.col("is_move"), F.col("component_id"))
        .otherwise(F.col("_component"))
        .alias("component_id"),
        F.when(F.col("is_move"), F.lit(at)).alias("valid_to"),
    )
    return ended.unionByName(after)


def link_rows(changed: pa.Table, links: DataFrame) -> DataFrame:
    """The rows of silver.identity_links that become blocked or active."""
    news = frame_of(links.sparkSession, changed).withColumnRenamed("reason", "_reason")
    return (
        rows_with_values(links, "link_id", changed["link_id"].to_numpy())
        .join(news, "link_id", how="inner")
        .withColumn("status", F.when(F.col("_reason").isNull(), "active").otherwise(_BLOCKED))
        .withColumn("reason", F.col("_reason"))
        .select(*silver.IDENTITY_LINKS.columns)
    )


def change_rows(
    spark: SparkSession, moved: pa.Table, *, at: datetime, run_id: str, since: str
) -> DataFrame:
    """Rows of silver.identity_changes.

    Args:
        since: what the run's news began with: a run that is repeated after a crash finds the same
            changes under the same ids.
    """
    rows = frame_of(spark, moved)
    ends = [profile_id(F.col(side)) for side in ("from_key", "to_key")]
    return rows.select(
        F.md5(F.to_json(F.array(*ends, F.lit(since)))).alias("change_id"),
        "kind",
        ends[0].alias("from_profile_id"),
        ends[1].alias("to_profile_id"),
        "identifier_count",
        F.lit(at).alias("changed_at"),
        F.lit(run_id).alias("run_id"),
    )


def birth_rows(spark: SparkSession, births: dict[int, int], *, at: datetime) -> DataFrame:
    """Rows of silver.identity_births."""
    rows = pa.table(
        {
            "node_id": pa.array(list(births), pa.int64()),
            "birth_key": pa.array(list(births.values()), pa.int64()),
        }
    )
    return frame_of(spark, rows).withColumn("given_at", F.lit(at))


def bad_value_rows(shared: pa.Table, identifiers: DataFrame, *, at: datetime) -> DataFrame:
    """Rows of silver.bad_values: the values set aside, with the merges that this prevented.

    Args:
        shared: see `Changes`.
    """
    return (
        rows_with_values(identifiers, "node_id", shared["node_id"].to_numpy())
        .select("node_id", "namespace", "value")
        .join(frame_of(identifiers.sparkSession, shared), "node_id", how="inner")
        .withColumn("people", F.transform("people", F.md5))
        .withColumn("status", F.lit("set_aside"))
        .withColumn("set_aside_at", F.lit(at))
        .select(*silver.BAD_VALUES.columns)
    )
