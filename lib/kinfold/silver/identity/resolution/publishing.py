"""Step 5 of identity resolution: write the changed rows to the tables."""

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
    change_rows,
    id_reassignment_rows,
    link_rows,
    map_rows,
)
from kinfold.silver.identity.resolution.link_changes import LinkChanges
from kinfold.silver.identity.resolution.stored_graph import StoredGraph
from kinfold.tables import silver


def publish_link_changes(run: JobRun, changes: LinkChanges) -> None:
    """Write the changed identifiers and links, before people are computed from them."""
    run.publish(
        silver.IDENTIFIERS,
        changes.identifiers,
        deleted=changes.deleted_nodes,
        are_new=changes.are_new_identifiers,
    )
    run.publish(
        silver.IDENTITY_LINKS,
        changes.links,
        deleted=changes.deleted_links,
        are_new=changes.are_new_links,
    )


def publish_changes(run: JobRun, changes: GraphChanges, stored: StoredGraph) -> None:
    """Write the differences between a resolved graph and the tables.

    The map comes last, so a run that is killed before finds the same differences again.
    """
    spark, lake, at = run.spark, run.lake, run.lake.started_at
    if changes.links.num_rows:
        links = link_rows(changes.links, lake.read(silver.IDENTITY_LINKS))
        lake.upsert(silver.IDENTITY_LINKS, links, are_changed=True)
    if changes.shared.num_rows or len(changes.no_longer_shared):
        _publish_bad_values(run, changes, stored)
    if changes.id_reassignments:
        rows = id_reassignment_rows(spark, changes.id_reassignments, at=at)
        lake.upsert(silver.IDENTITY_BIRTHS, rows)
    if changes.moved.num_rows:
        since = json.dumps(run.previous["input_versions"] if run.previous else None)
        rows = change_rows(spark, changes.moved, at=at, run_id=lake.run_id, since=since)
        lake.upsert(silver.IDENTITY_CHANGES, rows)
    _publish_map(run, changes, stored)
    run.count(
        moved=changes.moved.num_rows,
        people=changes.people_count,
        set_aside=changes.shared.num_rows,
        blocked=changes.blocked_count,
    )


def _publish_bad_values(run: JobRun, changes: GraphChanges, stored: StoredGraph) -> None:
    known = run.lake.read_or_empty(silver.BAD_VALUES)
    rows = bad_value_rows(changes.shared, stored.identifiers, at=run.lake.started_at)
    first_found_at = known.select("node_id", F.col("set_aside_at").alias("_at"))
    rows = rows.join(first_found_at, "node_id", how="left").withColumn(
        "set_aside_at", F.coalesce("_at", "set_aside_at")
    )
    deleted = None
    if len(changes.no_longer_shared):
        deleted = frame_of(run.spark, pa.table({"node_id": changes.no_longer_shared}))
    run.lake.upsert(silver.BAD_VALUES, rows, deleted=deleted)


def _publish_map(run: JobRun, changes: GraphChanges, stored: StoredGraph) -> None:
    lake, at = run.lake, run.lake.started_at
    nodes, is_known = changes.nodes, changes.nodes["is_known"]
    if not lake.exists(silver.IDENTITY_MAP):
        lake.replace(silver.IDENTITY_MAP, map_rows(nodes, stored, at=at))
        return
    # Most changed nodes are new: their rows are appended without reading the table.
    new, known = nodes.filter(pc.invert(is_known)), nodes.filter(is_known)
    if new.num_rows:
        rows = map_rows(new, stored, at=at)
        lake.upsert(silver.IDENTITY_MAP, rows, are_new=True)
    if known.num_rows or len(changes.deleted_nodes):
        deleted = _rows_of(run, changes.deleted_nodes)
        rows = map_rows(known, stored, at=at)
        lake.upsert(silver.IDENTITY_MAP, rows, deleted=deleted, are_changed=True)


def _rows_of(run: JobRun, nodes: Ints) -> DataFrame | None:
    """Every row of the map of some nodes, history included; null if there are no nodes."""
    if len(nodes) == 0:
        return None
    return rows_with_values(run.lake.read(silver.IDENTITY_MAP), "node_id", nodes)
