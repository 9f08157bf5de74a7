"""From new events, records and decisions to links, and from links to people."""

import json

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, functions as F

from kinfold.core.arrays import Ints
from kinfold.runtime.arrow_frames import frame_of, rows_with_values
from kinfold.runtime.job import JobRun
from kinfold.silver.identity.resolution.assignment import GraphChanges
from kinfold.silver.identity.resolution.changed_rows import (
    bad_value_rows,
    birth_rows,
    change_rows,
    link_rows,
    map_rows,
)
from kinfold.silver.identity.resolution.stored_graph import (
    StoredGraph,
)
from kinfold.tables import silver


def publish_changes(run: JobRun, changes: GraphChanges, known: StoredGraph) -> None:
    spark, lake, at = run.spark, run.lake, run.lake.started_at
    if changes.links.num_rows:
        links = link_rows(changes.links, lake.read(silver.IDENTITY_LINKS))
        lake.upsert(silver.IDENTITY_LINKS, links, are_changed=True)
    if changes.shared.num_rows or len(changes.no_more_shared):
        _publish_bad_values(run, changes, known)
    if changes.births:
        lake.upsert(silver.IDENTITY_BIRTHS, birth_rows(spark, changes.births, at=at))
    if changes.moved.num_rows:
        since = json.dumps(run.previous["input_versions"] if run.previous else None)
        rows = change_rows(spark, changes.moved, at=at, run_id=lake.run_id, since=since)
        lake.upsert(silver.IDENTITY_CHANGES, rows)
    nodes, is_known = changes.nodes, changes.nodes["is_known"]
    if not lake.exists(silver.IDENTITY_MAP):
        lake.replace(silver.IDENTITY_MAP, map_rows(nodes, known, at=at))
    else:  # those that come need no look at those that are there, and are most
        come, go = nodes.filter(pc.invert(is_known)), nodes.filter(is_known)
        if come.num_rows:
            rows = map_rows(come, known, at=at)
            lake.upsert(silver.IDENTITY_MAP, rows, are_new=True)
        if go.num_rows or len(changes.gone_nodes):
            gone = _rows_of(run, changes.gone_nodes)
            rows = map_rows(go, known, at=at)
            lake.upsert(silver.IDENTITY_MAP, rows, gone=gone, are_changed=True)
    run.count(
        moved=changes.moved.num_rows,
        people=changes.people,
        set_aside=changes.shared.num_rows,
        blocked=changes.blocked,
    )


def _publish_bad_values(run: JobRun, changes: GraphChanges, known: StoredGraph) -> None:
    there = run.lake.read_or_empty(silver.BAD_VALUES)
    rows = bad_value_rows(changes.shared, known.identifiers, at=run.lake.started_at)
    found_at = there.select("node_id", F.col("set_aside_at").alias("_at"))
    rows = rows.join(found_at, "node_id", how="left").withColumn(
        "set_aside_at", F.coalesce("_at", "set_aside_at")
    )
    gone = None
    if len(changes.no_more_shared):
        gone = frame_of(run.spark, pa.table({"node_id": changes.no_more_shared}))
    run.lake.upsert(silver.BAD_VALUES, rows, gone=gone)


def _rows_of(run: JobRun, nodes: Ints) -> DataFrame | None:
    """Every row of the map of nodes that are no more, history included."""
    if len(nodes) == 0:
        return None
    return rows_with_values(run.lake.read(silver.IDENTITY_MAP), "node_id", nodes)
