"""Who is who after news: links go in, and the people they touch are made anew.

Everything that a change can touch hangs together by links, so only those components are read and
worked on; what was made so equals what is made of everything at once.
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
from kinfold.runtime.lake.tables import Lake
from kinfold.silver.identity.graph.components import positions
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import Graph
from kinfold.silver.identity.links.observed import ALIAS, SEEN_TOGETHER, links_at
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import silver

_BLOCKED = "blocked"
_MAP = ("node_id", "person_key", "component_id")
_EDGE = ("link_id", "left_node", "right_node", "rule", "trust", "first_seen_at", "status")


@dataclass(frozen=True)
class StoredGraph:
    """The identity graph as it stands, as frames.

    Attributes:
        identifiers, links, current, births: the tables; `current` is today's part of the map.
    """

    identifiers: DataFrame
    links: DataFrame
    current: DataFrame
    births: DataFrame


@dataclass(frozen=True)
class Subgraph:
    """A part of the graph that no link leaves but those to values that are set aside.

    Attributes:
        nodes: node_id, ascending.
        today: node_id, person_key and component_id of those that the map has.
    """

    nodes: Ints
    today: dict[str, NDArray[Any]]


def stored_graph(lake: Lake, *, is_resolved: bool = True) -> StoredGraph:
    """The graph of a lake.

    Args:
        is_resolved: there must be one.

    Raises:
        LakeError: nobody has been resolved yet.
    """
    read = lake.read if is_resolved else lake.read_or_empty
    return StoredGraph(
        identifiers=read(silver.IDENTIFIERS),
        links=read(silver.IDENTITY_LINKS),
        current=current(read(silver.IDENTITY_MAP)),
        births=lake.read_or_empty(silver.IDENTITY_BIRTHS),
    )


def subgraph_of(known: StoredGraph, nodes: Ints) -> Subgraph:
    """The part of the graph that is some nodes.

    Args:
        nodes: ascending; all of each component.
    """
    return Subgraph(
        nodes, columns_of(rows_with_values(known.current.select(*_MAP), "node_id", nodes))
    )


def affected_components(known: StoredGraph, touched: Ints) -> Subgraph:
    """All components that touched nodes belong to, and these themselves."""
    of_touched = rows_with_values(
        known.current.select("node_id", "component_id"), "node_id", touched
    )
    components = distinct_numbers(of_touched.select("component_id"))
    members = columns_of(rows_with_values(known.current.select(*_MAP), "component_id", components))
    return Subgraph(np.union1d(members["node_id"], touched), members)


def stored_subgraph(known: StoredGraph, near: Subgraph) -> StoredGraph:
    """Of a part of the graph: links that are not withdrawn, and the identifiers at their ends.

    Many are held, since they are read more than once; few are found by their keys each time.
    """
    active = known.links.where(F.col("status") != "withdrawn").select(*_EDGE)
    links = links_at(active, near.nodes)
    links = links if len(near.nodes) <= MAX_LITERAL_VALUES else materialized(links)
    nodes = np.union1d(near.nodes, distinct_numbers(links.select("left_node", "right_node")))
    identifiers = rows_with_values(known.identifiers, "node_id", nodes)
    identifiers = identifiers if len(nodes) <= MAX_LITERAL_VALUES else materialized(identifiers)
    return replace(known, links=links, identifiers=identifiers)


def read_graph(known: StoredGraph, namespaces: Namespaces, *, near: Subgraph | None) -> Graph:
    """The graph, or a part of it, as arrays.

    Args:
        known: all of it, or what is `stored_subgraph`.
        near: the part; null = all.
    """
    today = known.current.select(*_MAP)
    edges = columns_of(
        known.links.where(F.col("status") != "withdrawn").select(
            "link_id",
            "left_node",
            "right_node",
            F.col("trust").cast("float").alias("trust"),
            F.unix_micros("first_seen_at").alias("seen"),
            (F.col("rule") == ALIAS).alias("is_alias"),
            (F.col("rule") == SEEN_TOGETHER).alias("is_sighting"),
            (F.col("status") == _BLOCKED).alias("is_blocked"),
        )
    )
    if near is None:
        known_map = columns_of(today)
    else:
        known_map = near.today
        ends = np.concatenate([edges["left_node"], edges["right_node"]])
        beyond = np.setdiff1d(ends, near.nodes)
        if len(beyond):
            others = columns_of(rows_with_values(today, "node_id", beyond))
            known_map = {c: np.concatenate([known_map[c], others[c]]) for c in _MAP}
    nodes = columns_of(
        known.identifiers.select(
            "node_id",
            namespaces.code(F.col("namespace")).cast("short").alias("namespace"),
            F.unix_micros("first_seen_at").alias("first_seen"),
        )
    )
    births = columns_of(known.births.select("node_id", "birth_key"))
    inside = near.nodes if near is not None else None
    return graph_of(nodes, edges, known_map, births, inside=inside)


def graph_of(
    nodes: dict[str, NDArray[Any]],
    edges: dict[str, NDArray[Any]],
    known_map: dict[str, NDArray[Any]],
    births: dict[str, NDArray[Any]],
    *,
    inside: Ints | None = None,
) -> Graph:
    """Arrays of a graph; links to nodes that are not there are left out.

    Takes what it uses out of what it is given: fifty million links are gigabytes.

    Args:
        nodes: node_id, namespace (code), first_seen (microseconds).
        edges: link_id, left_node, right_node, trust, seen, is_alias, is_sighting, is_blocked.
        known_map: node_id, person_key, component_id.
        births: node_id, birth_key.
        inside: node_id of those all of whose links are here; null = all.
    """
    ids: Ints = nodes.pop("node_id")
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    namespace = nodes.pop("namespace").astype(np.uint8)[order]
    first_seen = nodes.pop("first_seen")[order]
    del order
    left, right = positions(ids, edges.pop("left_node"), edges.pop("right_node"))
    place, born = positions(ids, known_map["node_id"], births["node_id"])
    is_there, is_node, is_born = (left >= 0) & (right >= 0), place >= 0, born >= 0
    person, component = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    is_known = np.zeros(len(ids), np.bool_)
    person[place[is_node]] = known_map["person_key"][is_node]
    component[place[is_node]] = known_map["component_id"][is_node]
    is_known[place[is_node]] = True
    birth = ids.copy()
    birth[born[is_born]] = births["birth_key"][is_born]
    gone = known_map["node_id"][~is_node]
    own = np.concatenate([births["node_id"], gone])  # the first one counts
    keys, first = np.unique(own, return_index=True)
    born_as = np.concatenate([births["birth_key"], gone])[first]
    kept = slice(None) if is_there.all() else is_there
    of_edge = {name: edges.pop(name)[kept] for name in list(edges)}
    return Graph(
        node_id=ids,
        namespace=namespace,
        first_seen=first_seen,
        birth_key=birth,
        person_key=person,
        component_id=component,
        is_known=is_known,
        left=left[kept],
        right=right[kept],
        is_inside=np.isin(ids, inside) if inside is not None else np.ones(len(ids), np.bool_),
        gone_node=gone,
        gone_person=known_map["person_key"][~is_node],
        gone_birth=born_as[np.searchsorted(keys, gone)],
        **of_edge,
    )
