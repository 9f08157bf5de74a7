"""Step 2 of identity resolution: the affected part of the stored graph, as arrays on the driver.

All nodes that a change can affect are connected by links, so the components of the affected nodes
are enough.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F

from kinfold.core.arrays import Ints
from kinfold.runtime.arrow_frames import (
    MAX_LITERAL_VALUES,
    columns_of,
    distinct_numbers,
    rows_with_values,
)
from kinfold.runtime.caching import materialized
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.graph.components import positions
from kinfold.silver.identity.graph.handovers import MICROSECONDS_PER_DAY, PASSED_ON
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import Graph
from kinfold.silver.identity.links.observed import ALIAS, SEEN_BESIDE, SEEN_TOGETHER, links_at
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import silver

_MAP = ("node_id", "person_key", "component_id")
_EDGE = (
    "link_id",
    "left_node",
    "right_node",
    "rule",
    "trust",
    "first_seen_at",
    "last_seen_at",
    "status",
    "reason",
)


@dataclass(frozen=True)
class StoredGraph:
    """The identity graph in the lake, as frames.

    Attributes:
        identifiers: silver.identifiers.
        links: silver.identity_links.
        current: today's rows of silver.identity_map.
        id_reassignments: silver.identity_births.
    """

    identifiers: DataFrame
    links: DataFrame
    current: DataFrame
    id_reassignments: DataFrame


@dataclass(frozen=True)
class Subgraph:
    """A part of the graph that no link leaves, except links to shared identifiers.

    Attributes:
        nodes: node_id, ascending.
        today: node_id, person_key and component_id of the nodes that the current map has.
    """

    nodes: Ints
    today: dict[str, NDArray[Any]]


def stored_graph(lake: Lake, *, is_resolved: bool = True) -> StoredGraph:
    """The graph of a lake.

    Args:
        is_resolved: the graph must exist; otherwise tables that do not exist count as empty.

    Raises:
        LakeError: identities have not been resolved yet.
    """
    read = lake.read if is_resolved else lake.read_or_empty
    return StoredGraph(
        identifiers=read(silver.IDENTIFIERS),
        links=read(silver.IDENTITY_LINKS),
        current=current(read(silver.IDENTITY_MAP)),
        id_reassignments=lake.read_or_empty(silver.IDENTITY_BIRTHS),
    )


def affected_subgraph(
    stored: StoredGraph, affected: Ints, *, split_candidates: Ints, shared: Ints
) -> Subgraph:
    """The components whose people may change.

    A value that is shared already stays shared however many links it gains, so it does not count as
    affected. If it lost a link, it may no longer be shared: then it and its neighbours count.

    Args:
        affected: nodes with new, changed or withdrawn links.
        split_candidates: nodes that lost a link.
        shared: nodes of shared identifiers.
    """
    recheck = np.intersect1d(shared, split_candidates)
    affected = np.setdiff1d(affected, np.setdiff1d(shared, recheck))
    if len(recheck):
        ends = links_at(stored.links, recheck).select("left_node", "right_node")
        affected = np.union1d(affected, distinct_numbers(ends))
    return affected_components(stored, affected)


def affected_components(stored: StoredGraph, nodes: Ints) -> Subgraph:
    """All components of some nodes, and the nodes themselves."""
    own = rows_with_values(stored.current.select("node_id", "component_id"), "node_id", nodes)
    components = distinct_numbers(own.select("component_id"))
    members = columns_of(rows_with_values(stored.current.select(*_MAP), "component_id", components))
    return Subgraph(np.union1d(members["node_id"], nodes), members)


def subgraph_of(stored: StoredGraph, nodes: Ints) -> Subgraph:
    """The part of the graph that consists of some nodes.

    Args:
        nodes: ascending; all nodes of each of their components.
    """
    return Subgraph(
        nodes, columns_of(rows_with_values(stored.current.select(*_MAP), "node_id", nodes))
    )


def restricted(stored: StoredGraph, part: Subgraph) -> StoredGraph:
    """The stored graph with only the links of a part that are not withdrawn, and the identifiers at
    their ends.

    They are read more than once. Many rows are materialized; few are read by key each time.
    """
    links = stored.links.where(F.col("status") != "withdrawn").select(*_EDGE)
    links = links_at(links, part.nodes)
    links = links if len(part.nodes) <= MAX_LITERAL_VALUES else materialized(links)
    nodes = np.union1d(part.nodes, distinct_numbers(links.select("left_node", "right_node")))
    identifiers = rows_with_values(stored.identifiers, "node_id", nodes)
    identifiers = identifiers if len(nodes) <= MAX_LITERAL_VALUES else materialized(identifiers)
    return replace(stored, links=links, identifiers=identifiers)


def read_graph(stored: StoredGraph, namespaces: Namespaces, *, part: Subgraph | None) -> Graph:
    """The graph, or a part of it, as arrays.

    Args:
        stored: the whole graph; for a part, `restricted` to it.
        part: null = the whole graph.
    """
    today = stored.current.select(*_MAP)
    edges = columns_of(
        stored.links.where(F.col("status") != "withdrawn").select(
            "link_id",
            "left_node",
            "right_node",
            F.col("trust").cast("float").alias("trust"),
            F.unix_micros("first_seen_at").alias("seen"),
            F.floor(F.unix_micros("last_seen_at") / MICROSECONDS_PER_DAY)
            .cast("int")
            .alias("last_day"),
            (F.col("rule") == ALIAS).alias("is_alias"),
            (F.col("rule") == SEEN_TOGETHER).alias("is_sighting"),
            F.col("rule").isin(SEEN_TOGETHER, SEEN_BESIDE).alias("is_observed"),
            (F.col("status") == "blocked").alias("is_blocked"),
            F.col("reason").eqNullSafe(PASSED_ON).alias("is_ended"),
        )
    )
    if part is None:
        known_map = columns_of(today)
    else:
        known_map = part.today
        ends = np.concatenate([edges["left_node"], edges["right_node"]])
        outside = np.setdiff1d(ends, part.nodes)
        if len(outside):
            others = columns_of(rows_with_values(today, "node_id", outside))
            known_map = {c: np.concatenate([known_map[c], others[c]]) for c in _MAP}
    nodes = columns_of(
        stored.identifiers.select(
            "node_id",
            namespaces.code(F.col("namespace")).cast("short").alias("namespace"),
            F.unix_micros("first_seen_at").alias("first_seen"),
        )
    )
    id_reassignments = columns_of(stored.id_reassignments.select("node_id", "birth_key"))
    inside = part.nodes if part is not None else None
    return graph_of(nodes, edges, known_map, id_reassignments, inside=inside)


def graph_of(
    nodes: dict[str, NDArray[Any]],
    edges: dict[str, NDArray[Any]],
    known_map: dict[str, NDArray[Any]],
    id_reassignments: dict[str, NDArray[Any]],
    *,
    inside: Ints | None = None,
) -> Graph:
    """The graph of some arrays; links to nodes that do not exist are left out.

    It removes the arrays from `nodes` and `edges` as it uses them: fifty million links are
    gigabytes, and no second copy fits.

    Args:
        nodes: node_id, namespace (code), first_seen (microseconds).
        edges: link_id, left_node, right_node, trust, seen, last_day, is_alias, is_sighting,
            is_observed, is_blocked, is_ended.
        known_map: node_id, person_key, component_id.
        id_reassignments: node_id, birth_key.
        inside: node_id of the nodes whose links are all here; null = all nodes.
    """
    ids: Ints = nodes.pop("node_id")
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    namespace = nodes.pop("namespace").astype(np.uint8)[order]
    first_seen = nodes.pop("first_seen")[order]
    del order
    left, right = positions(ids, edges.pop("left_node"), edges.pop("right_node"))
    mapped, reassigned = positions(ids, known_map["node_id"], id_reassignments["node_id"])
    has_ends, exists, is_reassigned = (left >= 0) & (right >= 0), mapped >= 0, reassigned >= 0
    person, component = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    is_known = np.zeros(len(ids), np.bool_)
    person[mapped[exists]] = known_map["person_key"][exists]
    component[mapped[exists]] = known_map["component_id"][exists]
    is_known[mapped[exists]] = True
    founder_key = ids.copy()
    founder_key[reassigned[is_reassigned]] = id_reassignments["birth_key"][is_reassigned]
    deleted = known_map["node_id"][~exists]
    kept = slice(None) if has_ends.all() else has_ends
    of_edge = {name: edges.pop(name)[kept] for name in list(edges)}
    return Graph(
        node_id=ids,
        namespace=namespace,
        first_seen=first_seen,
        founder_key=founder_key,
        person_key=person,
        component_id=component,
        is_known=is_known,
        left=left[kept],
        right=right[kept],
        is_inside=np.isin(ids, inside) if inside is not None else np.ones(len(ids), np.bool_),
        absent_node=None if inside is None else np.setdiff1d(inside, ids),
        deleted_node=deleted,
        deleted_person=known_map["person_key"][~exists],
        deleted_founder_key=_founder_keys(deleted, id_reassignments),
        **of_edge,
    )


def _founder_keys(nodes: Ints, id_reassignments: dict[str, NDArray[Any]]) -> Ints:
    """The founder key of each node: the reassigned one, or else the node id."""
    with_key = np.concatenate([id_reassignments["node_id"], nodes])  # np.unique takes the first
    keys = np.concatenate([id_reassignments["birth_key"], nodes])
    distinct, first = np.unique(with_key, return_index=True)
    founder_keys: Ints = keys[first][np.searchsorted(distinct, nodes)]
    return founder_keys
