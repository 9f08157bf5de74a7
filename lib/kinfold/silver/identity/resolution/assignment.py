"""Step 3 of identity resolution: the person of each node, and what differs from the stored map.

Pure functions on arrays and Arrow tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Row

from kinfold.core.arrays import Flags, Ints
from kinfold.core.settings.models import IdentityConf
from kinfold.silver.identity.graph.guards import FORBIDDEN, NOT_REFUSED, TOO_MANY_IDENTIFIERS
from kinfold.silver.identity.graph.handovers import PASSED_ON
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import (
    SHARED_BY_TOO_MANY,
    Graph,
    GuardRules,
    People,
    SharedIdentifiers,
    people_of,
    person_keys,
    shared_identifiers,
    with_reassigned_ids,
)
from kinfold.silver.identity.links.operator_decisions import decision_nodes

_SHARED, _ENDED = -1, -2
"""Stand among the codes of `GuardedComponents.refused_by` for a link to a shared identifier, and
for one whose value passed to another person."""
_MAX_LISTED = 20
"""Maximum number of people that the row of a shared identifier lists."""


@dataclass(frozen=True)
class GraphChanges:
    """The differences between a resolved graph and the stored tables.

    Attributes:
        nodes: one row per node whose row of the map is new, moves, ends, or only changes its
            component: node_id, person_key (null = no person), component_id, is_move, is_known (the
            map has the node).
        deleted_nodes: nodes of the map that no longer exist.
        links: one row per link that becomes blocked or active: link_id, reason (null = active).
        moved: one row per pair of people between whom identifiers moved, with the kind of change:
            from_key, to_key, identifier_count, kind.
        shared: one row per shared identifier: node_id, evidence, shared_by, most, merges_prevented,
            people (keys as text).
        no_longer_shared: nodes of values that were shared.
        id_reassignments: new founder keys by node.
        people_count, blocked_count: the number of people, and of links that join no people.
    """

    nodes: pa.Table
    deleted_nodes: Ints
    links: pa.Table
    moved: pa.Table
    shared: pa.Table
    no_longer_shared: Ints
    id_reassignments: dict[int, int]
    people_count: int
    blocked_count: int


@dataclass(frozen=True)
class ResolvedGraph:
    """The people of a graph.

    Attributes:
        graph, people, shared: the graph, its people and its shared identifiers.
        keys: the key of each node's person.
        id_reassignments: new founder keys by node.
        namespaces: the namespaces of its codes.
    """

    graph: Graph
    people: People
    shared: SharedIdentifiers
    keys: Ints
    id_reassignments: dict[int, int]
    namespaces: Namespaces

    def changes(self, stored_shared: Ints) -> GraphChanges:
        """The differences from the stored tables. They do not refer to the graph, so the caller can
        release its memory.

        Args:
            stored_shared: node_id of the rows of silver.bad_values.
        """
        graph = self.graph
        indices = graph.indices_of(stored_shared)
        # A shared value belongs to no person, so the map does not tell when it is deleted.
        absent = graph.absent_node
        gone = np.setdiff1d(stored_shared, graph.node_id) if absent is None else absent
        evaluated = np.union1d(
            graph.node_id[indices[graph.is_inside[indices]]],
            np.intersect1d(stored_shared, np.union1d(gone, graph.deleted_node)),
        )
        is_founder = np.zeros(len(graph.node_id), np.bool_)
        is_founder[self.people.person[self.people.is_assigned & graph.is_inside]] = True
        return GraphChanges(
            nodes=self._changed_nodes(),
            deleted_nodes=graph.deleted_node,
            links=self._changed_links(),
            moved=self._moved_people(),
            shared=self._shared_identifiers(),
            no_longer_shared=np.setdiff1d(evaluated, graph.node_id[self.shared.node]),
            id_reassignments=self.id_reassignments,
            people_count=int(np.count_nonzero(is_founder)),
            blocked_count=int(np.count_nonzero(self.people.is_blocked)),
        )

    def _changed_nodes(self) -> pa.Table:
        graph, people = self.graph, self.people
        stays = graph.is_known & people.is_assigned & (self.keys == graph.person_key)
        changes = (people.is_assigned | graph.is_known) & ~stays & graph.is_inside
        is_move = changes.copy()
        staying = np.flatnonzero(stays & graph.is_inside)
        changes[staying] = graph.node_id[people.component[staying]] != graph.component_id[staying]
        # A first run changes all nodes; a slice does not copy them.
        changed = slice(None) if changes.all() else np.flatnonzero(changes)
        has_no_person = None if people.is_assigned.all() else ~people.is_assigned[changed]
        return pa.table(
            {
                "node_id": graph.node_id[changed],
                "person_key": pa.array(self.keys[changed], mask=has_no_person),
                "component_id": graph.node_id[people.component[changed]],
                "is_move": is_move[changed],
                "is_known": graph.is_known[changed],
            }
        )

    def _changed_links(self) -> pa.Table:
        graph, people = self.graph, self.people
        joins = people.is_assigned[graph.left] & people.is_assigned[graph.right]
        joins &= ~people.is_ended
        refused = np.full(len(joins), _SHARED, np.int16)
        refused[joins] = people.guarded.refused_by
        refused[people.is_ended] = _ENDED
        is_changed = people.is_blocked != graph.is_blocked
        changed = np.flatnonzero(is_changed | (people.is_ended != graph.is_ended))
        reasons = {code: self._reason(code) for code in np.unique(refused[changed]).tolist()}
        return pa.table(
            {
                "link_id": graph.link_id[changed],
                "reason": pa.array(
                    [reasons[code] for code in refused[changed].tolist()], pa.string()
                ),
            }
        )

    def _reason(self, code: int) -> str | None:
        """Why a link is blocked, as silver.identity_links stores it; null = it is not."""
        fixed = {
            NOT_REFUSED: None,
            _SHARED: SHARED_BY_TOO_MANY,
            _ENDED: PASSED_ON,
            TOO_MANY_IDENTIFIERS: "a person would have too many identifiers",
            FORBIDDEN: "an operator keeps them apart",
        }
        return fixed[code] if code in fixed else f"too many {self.namespaces.names[code - 1]}"

    def _moved_people(self) -> pa.Table:
        graph = self.graph
        is_assigned = self.people.is_assigned & graph.is_inside
        moved = np.flatnonzero(graph.is_known & is_assigned & (self.keys != graph.person_key))
        pairs, counts = np.unique(
            np.stack([graph.person_key[moved], self.keys[moved]], axis=1),
            axis=0,
            return_counts=True,
        )
        source, target = pairs[:, 0], pairs[:, 1]
        source_ends = ~_occurs(source, self.keys, where=is_assigned)
        target_existed = _occurs(target, graph.person_key, where=graph.is_known)
        is_one_to_one = _occurs_once(source) & _occurs_once(target)
        kind = np.select(
            [~target_existed & source_ends & is_one_to_one, ~target_existed, source_ends],
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

    def _shared_identifiers(self) -> pa.Table:
        graph, shared, people = self.graph, self.shared, self.people
        is_shared = np.zeros(len(graph.node_id), np.bool_)
        is_shared[shared.node] = True
        at_left, at_right = is_shared[graph.left], is_shared[graph.right]
        ends = np.concatenate([graph.left[at_left], graph.right[at_right]])
        others = np.concatenate([graph.right[at_left], graph.left[at_right]])
        order = np.argsort(ends, kind="stable")
        ends, others = ends[order], others[order]
        sharers: list[list[str]] = []
        merges_prevented: list[int] = []
        for node in shared.node.tolist():
            start, stop = np.searchsorted(ends, [node, node + 1])
            neighbours = others[start:stop]
            neighbours = neighbours[people.is_assigned[neighbours]]
            theirs = np.where(
                graph.is_inside[neighbours], self.keys[neighbours], graph.person_key[neighbours]
            )
            keys = np.unique(theirs)
            merges_prevented.append(max(len(keys) - 1, 0))
            sharers.append([str(key) for key in keys[:_MAX_LISTED].tolist()])
        names = (*self.namespaces.names, "other")
        evidence = [names[code] for code in shared.evidence.tolist()]
        return pa.table(
            {
                "node_id": graph.node_id[shared.node],
                "evidence": pa.array(evidence, pa.string()),
                "shared_by": shared.count,
                "most": shared.most,
                "merges_prevented": pa.array(merges_prevented, pa.int64()),
                "people": pa.array(sharers, pa.list_(pa.string())),
            }
        )


def guard_rules(conf: IdentityConf, decisions: Sequence[Row]) -> GuardRules:
    """The guards that settings and active decisions define."""
    namespaces = Namespaces.of(conf)
    return GuardRules(
        limits=namespaces.limits,
        shared_by=namespaces.shared_by,
        max_person_size=conf.max_person_size,
        reassigned_after=namespaces.reassigned_after,
        released=np.array([n for n, _ in decision_nodes(decisions, "release")], np.int64),
        apart=np.array(decision_nodes(decisions, "keep_apart"), np.int64).reshape(-1, 2),
    )


def resolved_graph(
    graph: Graph,
    rules: GuardRules,
    namespaces: Namespaces,
    *,
    split_candidates: Ints,
    known_shared: Ints,
) -> ResolvedGraph:
    """The people of a graph, with ids that stay stable when people split.

    Args:
        split_candidates: nodes that lost a link since the map was stored.
        known_shared: nodes of shared identifiers; those outside the graph are taken from here.
    """
    shared = shared_identifiers(graph, rules)
    outside = graph.indices_of(known_shared)
    outside = outside[~graph.is_inside[outside]]
    people = people_of(graph, np.concatenate([shared.node, outside]), rules)
    indices = graph.indices_of(split_candidates)
    keys = graph.person_key[indices[graph.is_known[indices]]]
    split_people = np.unique(np.concatenate([keys, graph.deleted_person]))
    graph, id_reassignments = with_reassigned_ids(graph, people, split_people)
    keys = person_keys(graph, people)
    return ResolvedGraph(graph, people, shared, keys, id_reassignments, namespaces)


def _occurs(keys: Ints, among: Ints, *, where: Flags) -> Flags:
    """Whether each key occurs in `among` at an index where `where` is true."""
    values, index = np.unique(keys, return_inverse=True)
    does_occur = np.zeros(len(values), np.bool_)
    if len(values):
        at = np.minimum(np.searchsorted(values, among), len(values) - 1)
        does_occur[at[where & (values[at] == among)]] = True
    occurs: Flags = does_occur[index]
    return occurs


def _occurs_once(numbers: Ints) -> Flags:
    """Whether each number occurs exactly once."""
    _, index, count = np.unique(numbers, return_inverse=True, return_counts=True)
    once: Flags = count[index] == 1
    return once
