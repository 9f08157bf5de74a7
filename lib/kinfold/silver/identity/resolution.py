"""Who is who after news: links go in, and the people they touch are made anew.

Everything that a change can touch hangs together by links, so only those components are read and
worked on; what was made so equals what is made of everything at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Row, SparkSession, functions as F

from kinfold.core.conf import IdentityConf
from kinfold.runtime.frames import FEW, columns_of, frame_of, held, numbers, rows_with
from kinfold.runtime.lake import Lake
from kinfold.silver.identity.components import positions
from kinfold.silver.identity.decisions import decision_nodes
from kinfold.silver.identity.graph import (
    Flags,
    Graph,
    Ints,
    People,
    Rules,
    Shared,
    people_of,
    shared_values,
    with_births,
)
from kinfold.silver.identity.guards import FORBIDDEN, TOO_LARGE
from kinfold.silver.identity.history import current
from kinfold.silver.identity.links import ALIAS, SEEN_TOGETHER, links_at
from kinfold.silver.identity.nodes import Namespaces, profile_id
from kinfold.tables import silver

_BLOCKED = "blocked"
_SORTED = 2_000_000
"""Rows that a task sorts in memory."""
_MAP = ("node_id", "person_key", "component_id")
_EDGE = ("link_id", "left_node", "right_node", "rule", "trust", "first_seen_at", "status")
_SHARED = -1


@dataclass(frozen=True)
class Known:
    """The identity graph as it stands, as frames.

    Attributes:
        identifiers, links, current, births: the tables; `current` is today's part of the map.
    """

    identifiers: DataFrame
    links: DataFrame
    current: DataFrame
    births: DataFrame


@dataclass(frozen=True)
class Near:
    """A part of the graph that no link leaves but those to values that are set aside.

    Attributes:
        nodes: node_id, ascending.
        today: node_id, person_key and component_id of those that the map has.
    """

    nodes: Ints
    today: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Changes:
    """What must change for the tables to say who is who.

    Attributes:
        nodes: one row per node whose row of the map is new, moves, ends, or only gets a component:
            node_id, person_key (null = nobody), component_id, is_move, is_known (has a row today).
        gone_nodes: nodes of the map that are no more.
        links: one row per link that becomes blocked or active: link_id, reason (null = active).
        moved: one row per pair of people between whom identifiers went, with what that is:
            from_key, to_key, identifier_count, kind.
        shared: one row per value that too many share: node_id, evidence, shared_by, most,
            merges_prevented, people (keys as text).
        no_more_shared: those that were set aside and are not any more.
        births: new birth keys by node.
        people, blocked: how many people there are, and links that join nobody.
    """

    nodes: pa.Table
    gone_nodes: Ints
    links: pa.Table
    moved: pa.Table
    shared: pa.Table
    no_more_shared: Ints
    births: dict[int, int]
    people: int
    blocked: int


@dataclass(frozen=True)
class Resolution:
    """Who is who in a graph, beside what its tables say so far.

    Attributes:
        graph, people, shared: what was worked on, and what came out.
        keys: key of each node's person.
        births: new birth keys by node.
        namespaces: the kinds it was made with.
    """

    graph: Graph
    people: People
    shared: Shared
    keys: Ints
    births: dict[int, int]
    namespaces: Namespaces

    def changes(self, set_aside: Ints) -> Changes:
        """What must change; the graph is needed no longer once it is told.

        Args:
            set_aside: node_id of the rows of silver.bad_values.
        """
        graph = self.graph
        places = graph.places(set_aside)
        judged = np.union1d(
            graph.node_id[places[graph.is_inside[places]]],
            np.intersect1d(set_aside, graph.gone_node),
        )
        is_person = np.zeros(len(graph.node_id), np.bool_)
        is_person[self.people.person[self.people.belongs & graph.is_inside]] = True
        return Changes(
            nodes=self._changed_nodes(),
            gone_nodes=graph.gone_node,
            links=self._changed_links(),
            moved=self._moved_people(),
            shared=self._shared_values(),
            no_more_shared=np.setdiff1d(judged, graph.node_id[self.shared.node]),
            births=self.births,
            people=int(np.count_nonzero(is_person)),
            blocked=int(np.count_nonzero(self.people.is_blocked)),
        )

    def _changed_nodes(self) -> pa.Table:
        graph, people = self.graph, self.people
        stays = graph.is_known & people.belongs & (self.keys == graph.person_key)
        changes = (people.belongs | graph.is_known) & ~stays & graph.is_inside
        is_move = changes.copy()
        at = np.flatnonzero(stays & graph.is_inside)
        changes[at] = graph.node_id[people.component[at]] != graph.component_id[at]
        # A first run changes all of them; that much is not copied.
        changed = slice(None) if changes.all() else np.flatnonzero(changes)
        nobodys = None if people.belongs.all() else ~people.belongs[changed]
        return pa.table(
            {
                "node_id": graph.node_id[changed],
                "person_key": pa.array(self.keys[changed], mask=nobodys),
                "component_id": graph.node_id[people.component[changed]],
                "is_move": is_move[changed],
                "is_known": graph.is_known[changed],
            }
        )

    def _changed_links(self) -> pa.Table:
        graph, people = self.graph, self.people
        joins = people.belongs[graph.left] & people.belongs[graph.right]
        refused = np.full(len(joins), _SHARED, np.int16)
        refused[joins] = people.guarded.refused_by
        at = np.flatnonzero(people.is_blocked != graph.is_blocked)
        reasons = {code: self._reason(code) for code in np.unique(refused[at]).tolist()}
        return pa.table(
            {
                "link_id": graph.link_id[at],
                "reason": pa.array([reasons[code] for code in refused[at].tolist()], pa.string()),
            }
        )

    def _reason(self, code: int) -> str | None:
        told = {
            0: None,
            _SHARED: "a value that too many share",
            TOO_LARGE: "a person would have too many identifiers",
            FORBIDDEN: "an operator keeps them apart",
        }
        return told[code] if code in told else f"too many {self.namespaces.names[code - 1]}"

    def _moved_people(self) -> pa.Table:
        graph = self.graph
        here = self.people.belongs & graph.is_inside
        went = np.flatnonzero(graph.is_known & here & (self.keys != graph.person_key))
        pairs, counts = np.unique(
            np.stack([graph.person_key[went], self.keys[went]], axis=1), axis=0, return_counts=True
        )
        source, target = pairs[:, 0], pairs[:, 1]
        is_left = ~_stand_in(source, self.keys, here)
        was_there = _stand_in(target, graph.person_key, graph.is_known)
        is_whole = _is_single(source) & _is_single(target)
        kind = np.select(
            [~was_there & is_left & is_whole, ~was_there, is_left],
            ["rename", "split", "merge"],
            "move",
        )
        return pa.table(
            {
                "from_key": source,
                "to_key": target,
                "identifier_count": counts.astype(np.int64),
                "kind": pa.array(kind.tolist(), pa.string()),
            }
        )

    def _shared_values(self) -> pa.Table:
        graph, shared, people = self.graph, self.shared, self.people
        names = (*self.namespaces.names, "other")
        sharers: list[list[str]] = []
        counts: list[int] = []
        is_shared = np.zeros(len(graph.node_id), np.bool_)
        is_shared[shared.node] = True
        at_left, at_right = is_shared[graph.left], is_shared[graph.right]
        ends = np.concatenate([graph.left[at_left], graph.right[at_right]])
        others = np.concatenate([graph.right[at_left], graph.left[at_right]])
        order = np.argsort(ends, kind="stable")
        ends, others = ends[order], others[order]
        for place in shared.node.tolist():
            lo, hi = np.searchsorted(ends, [place, place + 1])
            near = others[lo:hi]
            near = near[people.belongs[near]]
            theirs = np.where(graph.is_inside[near], self.keys[near], graph.person_key[near])
            keys = np.unique(theirs)
            counts.append(max(len(keys) - 1, 0))
            sharers.append([str(key) for key in keys[:20].tolist()])
        evidence = [names[code] for code in shared.evidence.tolist()]
        return pa.table(
            {
                "node_id": graph.node_id[shared.node],
                "evidence": pa.array(evidence, pa.string()),
                "shared_by": shared.count,
                "most": shared.most,
                "merges_prevented": pa.array(counts, pa.int64()),
                "people": pa.array(sharers, pa.list_(pa.string())),
            }
        )


def rules_of(conf: IdentityConf, decisions: Sequence[Row]) -> Rules:
    """The guards as settings and operators have them."""
    namespaces = Namespaces.of(conf)
    return Rules(
        limits=namespaces.limits,
        shared_by=namespaces.shared_by,
        max_person_size=conf.max_person_size,
        released=np.array([n for n, _ in decision_nodes(decisions, "release")], np.int64),
        apart=np.array(decision_nodes(decisions, "keep_apart"), np.int64).reshape(-1, 2),
    )


def known_graph(lake: Lake, *, is_resolved: bool = True) -> Known:
    """The graph of a lake.

    Args:
        is_resolved: there must be one.

    Raises:
        LakeError: nobody has been resolved yet.
    """
    read = lake.read if is_resolved else lake.read_or_empty
    return Known(
        identifiers=read(silver.IDENTIFIERS),
        links=read(silver.IDENTITY_LINKS),
        current=current(read(silver.IDENTITY_MAP)),
        births=lake.read_or_empty(silver.IDENTITY_BIRTHS),
    )


def near_of(known: Known, nodes: Ints) -> Near:
    """The part of the graph that is some nodes.

    Args:
        nodes: ascending; all of each component.
    """
    return Near(nodes, columns_of(rows_with(known.current.select(*_MAP), "node_id", nodes)))


def touched_components(known: Known, touched: Ints) -> Near:
    """All components that touched nodes belong to, and these themselves."""
    of_touched = rows_with(known.current.select("node_id", "component_id"), "node_id", touched)
    components = numbers(of_touched.select("component_id"))
    members = columns_of(rows_with(known.current.select(*_MAP), "component_id", components))
    return Near(np.union1d(members["node_id"], touched), members)


def nearby(known: Known, near: Near) -> Known:
    """Of a part of the graph: links that are not withdrawn, and the identifiers at their ends.

    Many are held, since they are read more than once; few are found by their keys each time.
    """
    active = known.links.where(F.col("status") != "withdrawn").select(*_EDGE)
    links = links_at(active, near.nodes)
    links = links if len(near.nodes) <= FEW else held(links)
    nodes = np.union1d(near.nodes, numbers(links.select("left_node", "right_node")))
    identifiers = rows_with(known.identifiers, "node_id", nodes)
    identifiers = identifiers if len(nodes) <= FEW else held(identifiers)
    return replace(known, links=links, identifiers=identifiers)


def read_graph(known: Known, namespaces: Namespaces, *, near: Near | None) -> Graph:
    """The graph, or a part of it, as arrays.

    Args:
        known: all of it, or what is `nearby`.
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
            others = columns_of(rows_with(today, "node_id", beyond))
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


def resolution(
    graph: Graph,
    rules: Rules,
    namespaces: Namespaces,
    *,
    torn: Ints,
    set_aside: Ints,
) -> Resolution:
    """Who is who in a graph.

    Args:
        torn: nodes that lost a link since the map was made.
        set_aside: nodes outside that are known to be shared by too many.
    """
    shared = shared_values(graph, rules)
    outside = graph.places(set_aside)
    outside = outside[~graph.is_inside[outside]]
    people = people_of(graph, np.concatenate([shared.node, outside]), rules)
    places = graph.places(torn)
    keys = graph.person_key[places[graph.is_known[places]]]
    torn_people = np.unique(np.concatenate([keys, graph.gone_person]))
    graph, births = with_births(graph, people, torn_people)
    return Resolution(graph, people, shared, graph.birth_key[people.person], births, namespaces)


def map_rows(changed: pa.Table, known: Known, *, at: datetime) -> DataFrame:
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
    before = rows_with(known.current, "node_id", was_there).join(news, "node_id")
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
        rows_with(links, "link_id", changed["link_id"].to_numpy())
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
        rows_with(identifiers, "node_id", shared["node_id"].to_numpy())
        .select("node_id", "namespace", "value")
        .join(frame_of(identifiers.sparkSession, shared), "node_id", how="inner")
        .withColumn("people", F.transform("people", F.md5))
        .withColumn("status", F.lit("set_aside"))
        .withColumn("set_aside_at", F.lit(at))
        .select(*silver.BAD_VALUES.columns)
    )


def _stand_in(keys: Ints, among: Ints, where: Flags) -> Flags:
    """Whether each of some keys stands among those of some places."""
    values, place = np.unique(keys, return_inverse=True)
    is_there = np.zeros(len(values), np.bool_)
    if len(values):
        at = np.minimum(np.searchsorted(values, among), len(values) - 1)
        is_there[at[where & (values[at] == among)]] = True
    stand: Flags = is_there[place]
    return stand


def _is_single(numbers: Ints) -> Flags:
    """Whether each number stands there once."""
    _, place, count = np.unique(numbers, return_inverse=True, return_counts=True)
    single: Flags = count[place] == 1
    return single
