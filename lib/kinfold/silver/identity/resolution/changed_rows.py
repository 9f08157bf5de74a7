"""Step 4 of identity resolution: changes of the graph as rows of the tables."""

from datetime import datetime

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.runtime.arrow_frames import frame_of, rows_with_values
from kinfold.silver.identity.graph.nodes import profile_id
from kinfold.silver.identity.resolution.stored_graph import StoredGraph
from kinfold.tables import silver

_SORTED = 2_000_000
"""Rows that a task sorts in memory."""


def map_rows(changed: pa.Table, stored: StoredGraph, *, at: datetime) -> DataFrame:
    """The rows of silver.identity_map that change: old rows that end, and new rows.

    Args:
        changed: see `GraphChanges.nodes`.
        stored: the graph, or at least its rows of the changed nodes.
    """
    changes = frame_of(stored.identifiers.sparkSession, changed).select(
        "node_id",
        F.col("person_key").alias("_key"),
        F.col("component_id").alias("_component"),
        "is_move",
    )
    opened = changes.where(F.col("is_move") & F.col("_key").isNotNull())
    identifiers = stored.identifiers
    if changed.num_rows > 2 * _SORTED:  # the few partitions of a small session would spill
        count = -(-changed.num_rows // _SORTED)
        opened, identifiers = (rows.repartition(count, "node_id") for rows in (opened, identifiers))
    new = identifiers.join(opened, "node_id", how="inner").select(
        "node_id",
        "namespace",
        "value",
        profile_id(F.col("_key")).alias("profile_id"),
        F.col("_key").alias("person_key"),
        F.col("_component").alias("component_id"),
        F.lit(at).alias("valid_from"),
        F.lit(None).cast("timestamp").alias("valid_to"),
    )
    known_nodes = changed.filter(changed["is_known"])["node_id"].to_numpy()
    if len(known_nodes) == 0:
        return new
    before = rows_with_values(stored.current, "node_id", known_nodes).join(changes, "node_id")
    ended = before.select(
        *(c for c in silver.IDENTITY_MAP.columns if c not in ("component_id", "valid_to")),
        F.when(F.col("is_move"), F.col("component_id"))
        .otherwise(F.col("_component"))
        .alias("component_id"),
        F.when(F.col("is_move"), F.lit(at)).alias("valid_to"),
    )
    return ended.unionByName(new)


def link_rows(changed: pa.Table, links: DataFrame) -> DataFrame:
    """The rows of silver.identity_links that become blocked or active.

    Args:
        changed: see `GraphChanges.links`.
        links: silver.identity_links.
    """
    changes = frame_of(links.sparkSession, changed).withColumnRenamed("reason", "_reason")
    return (
        rows_with_values(links, "link_id", changed["link_id"].to_numpy())
        .join(changes, "link_id", how="inner")
        .withColumn("status", F.when(F.col("_reason").isNull(), "active").otherwise("blocked"))
        .withColumn("reason", F.col("_reason"))
        .select(*silver.IDENTITY_LINKS.columns)
    )


def change_rows(
    spark: SparkSession, moved: pa.Table, *, at: datetime, run_id: str, since: str
) -> DataFrame:
    """Rows of silver.identity_changes.

    Args:
        moved: see `GraphChanges`.
        since: the input versions of the previous run. They are part of the id of a change, so a run
            that is repeated after a crash gives its changes the same ids.
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


def id_reassignment_rows(
    spark: SparkSession, id_reassignments: dict[int, int], *, at: datetime
) -> DataFrame:
    """Rows of silver.identity_births.

    Args:
        id_reassignments: new founder keys by node.
    """
    rows = pa.table(
        {
            "node_id": pa.array(list(id_reassignments), pa.int64()),
            "birth_key": pa.array(list(id_reassignments.values()), pa.int64()),
        }
    )
    return frame_of(spark, rows).withColumn("given_at", F.lit(at))


def bad_value_rows(shared: pa.Table, identifiers: DataFrame, *, at: datetime) -> DataFrame:
    """Rows of silver.bad_values: the shared identifiers, with the merges that this prevented.

    Args:
        shared: see `GraphChanges`.
        identifiers: silver.identifiers, at least those of the same nodes.
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
