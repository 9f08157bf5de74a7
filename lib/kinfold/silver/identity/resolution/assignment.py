"""Who is who after news: links go in, and the people they touch are made anew.

Everything that a change can touch hangs together by links, so only those components are read and
worked on; what was made so equals what is made of everything at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Row

from kinfold.core.arrays import Flags, Ints
from kinfold.core.settings.models import IdentityConf
from kinfold.silver.identity.graph.guards import FORBIDDEN, TOO_MANY_IDENTIFIERS
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import (
    Graph,
    GuardRules,
    People,
    SharedValues,
    people_of,
    shared_values,
    with_reassigned_ids,
)
from kinfold.silver.identity.links.operator_decisions import decision_nodes

_SHARED = -1


@dataclass(frozen=True)
class GraphChanges:
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
class ResolvedGraph:
    """Who is who in a graph, beside what its tables say so far.

    Attributes:
        graph, people, shared: what was worked on, and what came out.
        keys: key of each node's person.
        births: new birth keys by node.
        namespaces: the kinds it was made with.
    """

    graph: Graph
    people: People
    shared: SharedValues
    keys: Ints
    births: dict[int, int]
    namespaces: Namespaces

    def changes(self, set_aside: Ints) -> GraphChanges:
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
        return GraphChanges(
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
            TOO_MANY_IDENTIFIERS: "a person would have too many identifiers",
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


def guard_rules(conf: IdentityConf, decisions: Sequence[Row]) -> GuardRules:
    """The guards as settings and operators have them."""
    namespaces = Namespaces.of(conf)
    return GuardRules(
        limits=namespaces.limits,
        shared_by=namespaces.shared_by,
        max_person_size=conf.max_person_size,
        released=np.array([n for n, _ in decision_nodes(decisions, "release")], np.int64),
        apart=np.array(decision_nodes(decisions, "keep_apart"), np.int64).reshape(-1, 2),
    )


def resolved_graph(
    graph: Graph,
    rules: GuardRules,
    namespaces: Namespaces,
    *,
    torn: Ints,
    set_aside: Ints,
) -> ResolvedGraph:
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
    graph, births = with_reassigned_ids(graph, people, torn_people)
    return ResolvedGraph(graph, people, shared, graph.birth_key[people.person], births, namespaces)


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
