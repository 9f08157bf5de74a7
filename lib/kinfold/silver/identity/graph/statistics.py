"""Quality figures of the identity graph: its links, its people, and how often ids change."""

from typing import Any

import numpy as np
from pyspark.sql import DataFrame, functions as F

from kinfold.core.arrays import Ints
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.graph.components import component_labels, dense
from kinfold.silver.identity.graph.paths import bridges
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import silver
from kinfold.tables.collected import collected

MAX_LINKS = 5_000_000
"""Maximum number of active links among which the driver searches for bridges: 16 bytes each, one or
two seconds in all."""
_RUNS = 12


def identity_quality(lake: Lake) -> dict[str, Any]:
    """All figures of the graph, as plain data that JSON can represent."""
    links = lake.read_or_empty(silver.IDENTITY_LINKS)
    return {
        "links": links_by_rule(links),
        "reasons": reasons(links),
        "bad_values": bad_values(lake.read_or_empty(silver.BAD_VALUES)),
        "churn": churn(
            lake.read_or_empty(silver.IDENTITY_CHANGES),
            identifiers=current(lake.read_or_empty(silver.IDENTITY_MAP)).count(),
        ),
        "structure": _structure(links),
        "dropped": dropped_identifiers(
            lake.read_or_empty(silver.EVENTS), lake.read_or_empty(silver.RECORDS)
        ),
    }


def dropped_identifiers(events: DataFrame, records: DataFrame) -> list[dict[str, Any]]:
    """The identifiers that were sent but cannot identify anyone, the most frequent first:
    namespace, reason, rows (events and records).

    Reads one column, which is null for most rows.

    Args:
        events: silver.events.
        records: silver.records.
    """
    column = "dropped_identifiers"
    dropped = events.select(column).unionByName(records.select(column))
    counts = (
        dropped.where(F.col(column).isNotNull())
        .select(F.explode(column).alias("one"))
        .groupBy("one.namespace", "one.reason")
        .agg(F.count(F.lit(1)).alias("rows"))
    )
    rows = collected(counts.orderBy(F.desc("rows"), "namespace", "reason"))
    return [row.asDict() for row in rows]


def links_by_rule(links: DataFrame) -> list[dict[str, Any]]:
    """The number of links by rule and status: rule, status, links."""
    counts = links.groupBy("rule", "status").agg(F.count(F.lit(1)).alias("links"))
    return [row.asDict() for row in collected(counts.orderBy("rule", "status"))]


def reasons(links: DataFrame) -> list[dict[str, Any]]:
    """Why links do not join people, the most frequent first: status, reason, links."""
    inactive = links.where(F.col("status") != "active")
    counts = inactive.groupBy("status", "reason").agg(F.count(F.lit(1)).alias("links"))
    rows = collected(counts.orderBy(F.desc("links"), "status", "reason").limit(10))
    return [row.asDict() for row in rows]


def bad_values(values: DataFrame) -> list[dict[str, Any]]:
    """Shared identifiers by namespace and evidence: namespace, evidence, values, merges_prevented.

    Args:
        values: silver.bad_values.
    """
    counts = (
        values.where(F.col("status") == "set_aside")
        .groupBy("namespace", "evidence")
        .agg(
            F.count(F.lit(1)).alias("values"),
            F.sum("merges_prevented").alias("merges_prevented"),
        )
    )
    return [row.asDict() for row in collected(counts.orderBy("namespace", "evidence"))]


def churn(changes: DataFrame, *, identifiers: int) -> list[dict[str, Any]]:
    """The id changes of the latest runs that changed ids, the oldest first.

    Args:
        changes: silver.identity_changes.
        identifiers: how many identifiers belong to a person today.

    Returns:
        run_id, changed_at, the number of pairs of people by kind of change, the number of
        identifiers that moved, and their share of today's.
    """
    kinds = ("merge", "split", "move", "rename")
    counts = changes.groupBy("run_id").agg(
        F.max("changed_at").alias("changed_at"),
        *(F.count_if(F.col("kind") == kind).alias(kind) for kind in kinds),
        F.sum("identifier_count").alias("identifiers"),
    )
    rows = collected(counts.orderBy(F.desc("changed_at"), F.desc("run_id")).limit(_RUNS))
    return [
        {
            **row.asDict(),
            "changed_at": row["changed_at"].isoformat(),
            "share": row["identifiers"] / max(identifiers, 1),
        }
        for row in reversed(rows)
    ]


def _structure(links: DataFrame) -> dict[str, Any] | None:
    """`structure` of the active links; null if there are too many for the driver."""
    ends = links.where(F.col("status") == "active").select("left_node", "right_node")
    if ends.count() > MAX_LINKS:
        return None
    arrow = ends.toArrow()
    return structure(arrow["left_node"].to_numpy(), arrow["right_node"].to_numpy())


def structure(left: Ints, right: Ints) -> dict[str, Any]:
    """How strongly the identifiers of a person are connected.

    Args:
        left, right: the ends of each active link.

    Returns:
        people: those that have links; bridged: those with a link whose removal would leave two or
        more identifiers on either side; density: the mean share of a person's pairs of identifiers
        that are linked (1 = every pair), over people with three or more; null = there are none.
    """
    nodes, a, b = dense(left, right)
    labels = component_labels(len(nodes), a, b)
    sizes = np.bincount(labels, minlength=len(nodes)).astype(np.float64)
    pairs = np.unique(np.sort(np.stack([a, b], axis=1), axis=1), axis=0) if len(a) else None
    pair_count = np.zeros(len(nodes))
    if pairs is not None:
        pair_count = np.bincount(labels[pairs[:, 0]], minlength=len(nodes)).astype(np.float64)
    large = sizes >= 3
    density = pair_count[large] / (sizes[large] * (sizes[large] - 1) / 2)
    is_weak = bridges(left, right) >= 2
    return {
        "people": int(np.count_nonzero(sizes)),
        "bridged": len(np.unique(labels[a[is_weak]])),
        "density": float(density.mean()) if large.any() else None,
    }
