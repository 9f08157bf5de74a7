"""People as a pure function of nodes, links and guards, as arrays on the driver.

Nothing here depends on the order in which data arrived, so an incremental run gives the same result
as a full rebuild.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Flags, Ints
from kinfold.core.jit import compiled
from kinfold.silver.identity.graph.components import Indices, component_labels, positions
from kinfold.silver.identity.graph.founders import founders
from kinfold.silver.identity.graph.guards import GuardedComponents, guarded_components
from kinfold.silver.identity.graph.handovers import (
    Days,
    Handovers,
    ObservedLinks,
    day_of,
    handovers,
    most_at_once,
)

SHARED_BY_TOO_MANY = "a value that too many share"
"""Why a link to a shared identifier does not join people."""
NO_NAMESPACE = 253
"""Code of nodes that count for no limit: further accounts of the same person."""


@dataclass(frozen=True)
class GuardRules:
    """The rules that keep links from joining people.

    Attributes:
        limits: the maximum number of identifiers per person, by namespace code.
        shared_by: how many identifiers of another namespace a value may be seen with, by both
            codes; if the codes are equal, how many accounts may have a value as their previous one.
        max_person_size: the maximum number of identifiers per person.
        released: nodes that an operator has released: they are never shared identifiers.
        apart: pairs of nodes that are never one person.
        reassigned_after: by the code of values that can pass to another person, after how many days
            without the old one (see `handovers`).
    """

    limits: Mapping[int, int]
    shared_by: Mapping[tuple[int, int], int]
    max_person_size: int
    reassigned_after: Mapping[int, int] = field(default_factory=dict)
    released: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    apart: Ints = field(default_factory=lambda: np.empty((0, 2), np.int64))

    @property
    def owners(self) -> list[int]:
        """The codes of namespaces of which a person has only one identifier."""
        return sorted(code for code, limit in self.limits.items() if limit == 1)


@dataclass(frozen=True)
class Graph:
    """All of the identity graph, or a part that is closed: no link leaves it.

    Attributes:
        node_id: ascending.
        namespace: code of each node (see `Namespaces`).
        first_seen: microseconds since 1970.
        founder_key: the key of the person that the node founds: its node id, or the key that a
            split assigned to it.
        person_key, component_id, is_known: what the stored map says; is_known = it has the node.
        link_id, left, right: links that are not withdrawn; the ends are indices in `node_id`.
        trust, seen, last_day: of each link; first seen in microseconds, last seen in days since
            1970.
        is_alias: the link connects two accounts of one person; the right one is the previous one.
        is_sighting: the link counts as evidence that a value is shared.
        is_observed: the link may end when its value passes to another person: seen in events or
            records, not decided by an operator.
        is_blocked, is_ended: what the stored links say.
        is_inside: all links of the node are in this graph. The other nodes are only neighbours of
            shared identifiers, and their assignment is not computed.
        absent_node: nodes that were asked for and do not exist; null = the graph is the whole one.
        deleted_node, deleted_person, deleted_founder_key: nodes of the stored map that no longer
            exist, their person, and the key of the person that each would found.
    """

    node_id: Ints
    namespace: NDArray[np.uint8]
    first_seen: Ints
    founder_key: Ints
    person_key: Ints
    component_id: Ints
    is_known: Flags
    link_id: Ints
    left: Indices
    right: Indices
    trust: NDArray[np.float32]
    seen: Ints
    last_day: Days
    is_alias: Flags
    is_sighting: Flags
    is_observed: Flags
    is_blocked: Flags
    is_ended: Flags
    is_inside: Flags
    absent_node: Ints | None
    deleted_node: Ints
    deleted_person: Ints
    deleted_founder_key: Ints

    def indices_of(self, nodes: Ints) -> Ints:
        """The indices of nodes in `node_id`; nodes that the graph does not have are left out."""
        (indices,) = positions(self.node_id, nodes)
        return indices[indices >= 0].astype(np.int64)

    @property
    def observed_links(self) -> ObservedLinks:
        """The links with the times at which they were first and last seen."""
        return ObservedLinks(self.left, self.right, self.seen, self.last_day, self.is_observed)


@dataclass(frozen=True)
class SharedIdentifiers:
    """Identifier values that too many other identifiers share; one entry per value.

    Attributes:
        node: index of the node.
        evidence: namespace code of the identifiers that share it.
        count, most: how many of them share it (at the same time, if it can pass to another person),
            and how many may.
    """

    node: Ints
    evidence: Ints
    count: Ints
    most: Ints


@dataclass(frozen=True)
class People:
    """The person of each node.

    Attributes:
        is_assigned: per node, whether it belongs to a person: all nodes but shared identifiers.
        person: per node the index of the founder of its person.
        former: per node the index of a value that its person had first and that passed to another
            person, so that the person keeps its id; -1 = none.
        component: per node the index of the earliest node that links connect it with; blocked links
            count.
        is_blocked, is_ended: links that do not join people; those whose value passed on.
        has_passed: values that passed to another person: they found no person under their own key.
        guarded: the verdict of the guards, on links between assigned nodes.
    """

    is_assigned: Flags
    person: Indices
    former: Ints
    component: Indices
    is_blocked: Flags
    is_ended: Flags
    has_passed: Flags
    guarded: GuardedComponents


def shared_identifiers(graph: Graph, rules: GuardRules) -> SharedIdentifiers:
    """The values inside the graph that break a `shared_by` rule, each with its worst case."""
    size, cases = len(graph.node_id), [np.empty((0, 5), np.int64)]
    for rule, ((code, other), most) in enumerate(sorted(rules.shared_by.items())):
        counts = np.zeros(size, np.int32)
        if code == other:
            previous = graph.right[graph.is_alias]
            counts += np.bincount(previous[graph.namespace[previous] == code], minlength=size)
        else:
            _count_sharers(
                graph.left, graph.right, graph.is_sighting, graph.namespace, code, other, counts
            )
        node = np.flatnonzero(counts > most)
        if code in rules.reassigned_after and other in rules.owners and len(node):
            counts[node] = _most_at_once(graph, node, other, after=rules.reassigned_after[code])
            node = node[counts[node] > most]
        rest = (np.full(len(node), value) for value in (other, most, rule))
        cases.append(np.stack([node, counts[node], *rest], axis=1))
    every = np.concatenate(cases)
    every = every[graph.is_inside[every[:, 0]]]
    every = every[~np.isin(every[:, 0], graph.indices_of(rules.released))]
    node, count, _, most, rule_of_case = every.T
    every = every[np.lexsort((rule_of_case, -(count / most), node))]
    _, first = np.unique(every[:, 0], return_index=True)
    node, count, other_code, most, _ = every[first].T
    return SharedIdentifiers(node, other_code, count, most)


def _most_at_once(graph: Graph, nodes: Ints, other: int, *, after: int) -> Ints:
    """How many identifiers of a namespace share each of some nodes at the same time."""
    is_asked = np.zeros(len(graph.node_id), np.bool_)
    is_asked[nodes] = True
    ends, days = [], []
    for one, far in ((graph.left, graph.right), (graph.right, graph.left)):
        edges = np.flatnonzero(graph.is_sighting & is_asked[one] & (graph.namespace[far] == other))
        ends.append(one[edges])
        days.append(edges)
    edge = np.concatenate(days)
    return most_at_once(
        np.concatenate(ends), day_of(graph.seen[edge]), graph.last_day[edge], after=after
    )


@compiled
def _count_sharers(  # type: ignore[no-untyped-def]  # compiled: types are inferred
    left, right, is_sighting, namespace, code, other, counts
):
    """Adds to `counts`, for nodes of one namespace, how often each is seen with the other one."""
    for edge in range(len(left)):
        if is_sighting[edge]:
            a, b = left[edge], right[edge]
            if namespace[a] == code and namespace[b] == other:
                counts[a] += 1
            if namespace[b] == code and namespace[a] == other:
                counts[b] += 1


def people_of(graph: Graph, shared: Ints, rules: GuardRules) -> People:
    """The people that links form under guards.

    Args:
        shared: indices of the nodes of shared identifiers; they belong to no person.
    """
    size = len(graph.node_id)
    is_assigned = np.ones(size, np.bool_)
    is_assigned[shared] = False
    connects = is_assigned[graph.left] & is_assigned[graph.right]
    ended = handovers(
        graph.observed_links,
        graph.namespace,
        is_assigned,
        after_days=rules.reassigned_after,
        owners=rules.owners,
    )
    joins = connects & ~ended.is_ended
    used = slice(None) if joins.all() else joins  # a slice does not copy
    left, right = graph.left[used], graph.right[used]
    guarded = guarded_components(
        size,
        left,
        right,
        namespace=_without_aliases(graph, graph.is_alias & joins),
        limits=rules.limits,
        max_size=rules.max_person_size,
        trust=graph.trust[used],
        seen=graph.seen[used],
        tie=graph.link_id[used],
        forbidden=_forbidden_pairs(graph, rules),
    )
    # A link that has ended may count again, so it connects what a change can affect.
    whole = slice(None) if connects.all() else connects
    unguarded = component_labels(size, graph.left[whole], graph.right[whole])
    is_blocked = ~joins
    is_blocked[joins] = ~guarded.accepted
    has_passed = np.zeros(size, np.bool_)
    has_passed[ended.value] = True
    person = _founders_of_people(graph, guarded.labels, has_passed)
    return People(
        is_assigned=is_assigned,
        person=person,
        former=_former_values(graph, person, ended),
        component=founders(unguarded, graph.first_seen, graph.node_id),
        is_blocked=is_blocked,
        is_ended=ended.is_ended,
        has_passed=has_passed,
        guarded=guarded,
    )


def _founders_of_people(graph: Graph, labels: Indices, has_passed: Flags) -> Indices:
    """The founder of each person; a value that passed on is one only if the person has no other."""
    first_seen = graph.first_seen
    if has_passed.any():
        first_seen = first_seen.copy()
        first_seen[has_passed] = np.iinfo(np.int64).max
    return founders(labels, first_seen, graph.node_id)


def _former_values(graph: Graph, person: Indices, ended: Handovers) -> Ints:
    """Per node, the value that its person had before any identifier that it has now.

    A value belongs to the past of the person of its first link.
    """
    former = np.full(len(person), -1, np.int64)
    if not len(ended.value):
        return former
    order = np.lexsort((graph.link_id[ended.edge], graph.seen[ended.edge], ended.value))
    values, first = np.unique(ended.value[order], return_index=True)
    edge = ended.edge[order][first]
    other = np.where(graph.left[edge] == values, graph.right[edge], graph.left[edge])
    own = person[other].astype(np.int64)
    is_past = (own != person[values]) & _precedes(graph, values, own)
    values, own = values[is_past], own[is_past]
    order = np.lexsort((graph.node_id[values], graph.first_seen[values], own))
    founder, first = np.unique(own[order], return_index=True)
    former[founder] = values[order][first]
    return former[person]


def _precedes(graph: Graph, nodes: Ints, others: Ints) -> Flags:
    """Whether each node was seen before another one, ties by node."""
    one, other = graph.first_seen[nodes], graph.first_seen[others]
    precedes: Flags = (one < other) | (
        (one == other) & (graph.node_id[nodes] < graph.node_id[others])
    )
    return precedes


def person_keys(graph: Graph, people: People) -> Ints:
    """The key of each node's person: that of its founder, or of a value that it had before and that
    passed to another person."""
    keys: Ints = graph.founder_key[people.person]
    if people.has_passed.any():
        founded = people.has_passed[people.person]
        keys[founded] = [_mix(key) for key in keys[founded].tolist()]
        had = people.former >= 0
        keys[had] = graph.founder_key[people.former[had]]
    return keys


def _forbidden_pairs(graph: Graph, rules: GuardRules) -> tuple[Ints, Ints] | None:
    """The pairs to keep apart of which the graph has both nodes, as indices; null if none."""
    pairs = [
        (a, b)
        for one, other in rules.apart
        if len(a := graph.indices_of(np.array([one])))
        and len(b := graph.indices_of(np.array([other])))
    ]
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    return (ends[:, 0], ends[:, 1]) if len(ends) else None


def with_reassigned_ids(
    graph: Graph, people: People, split_candidates: Ints
) -> tuple[Graph, dict[int, int]]:
    """The graph with founder keys changed so that the largest part of a split person keeps its id.

    Parts are compared by how many identifiers of the old person they have, then by which was seen
    first. If the largest part now has the founder of another, older person, it keeps that one's id.
    Splits by guards need no new keys: guards apply from the start, so the parts were never one
    person.

    Args:
        split_candidates: keys of people who lost a link or an identifier.

    Returns:
        The graph with the new keys, and the new keys by node.
    """
    if not len(split_candidates):
        return graph, {}
    keys, reassigned = graph.founder_key.copy(), dict[int, int]()
    current = person_keys(graph, people)
    theirs = np.flatnonzero(
        graph.is_known & people.is_assigned & np.isin(graph.person_key, split_candidates)
    )
    members_of = _indices_by_key(graph.person_key, theirs)
    founders_of = _indices_by_key(keys, np.flatnonzero(np.isin(keys, split_candidates)))
    for key, members in sorted(members_of.items()):
        parts: dict[int, int] = {}
        for member in members:
            founder = int(people.person[member])
            parts[founder] = parts.get(founder, 0) + 1
        largest = min(
            parts, key=lambda f: (-parts[f], int(graph.first_seen[f]), int(graph.node_id[f]))
        )
        is_own = bool(graph.is_known[largest]) and int(graph.person_key[largest]) == key
        if int(current[largest]) == key or not is_own:
            continue
        for index in founders_of.get(key, []):
            node = int(graph.node_id[index])
            keys[index] = reassigned[node] = _mix(key ^ _mix(node))
        for node in graph.deleted_node[graph.deleted_founder_key == key].tolist():
            # If the node returns later, it founds a new person.
            reassigned[node] = _mix(key ^ _mix(node))
        keys[largest] = reassigned[int(graph.node_id[largest])] = key
    return replace(graph, founder_key=keys), reassigned


def _indices_by_key(keys: Ints, indices: Ints) -> dict[int, list[int]]:
    by_key: dict[int, list[int]] = {}
    for index in indices.tolist():
        by_key.setdefault(int(keys[index]), []).append(index)
    return by_key


def _mix(number: int) -> int:
    """A pseudo-random 64-bit number that depends only on `number` (SplitMix64's finaliser)."""
    mask = (1 << 64) - 1
    mixed = (number + 0x9E3779B97F4A7C15) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    mixed ^= mixed >> 31
    return mixed - (1 << 64) if mixed >= 1 << 63 else mixed


def _without_aliases(graph: Graph, is_alias: Flags) -> NDArray[np.uint8]:
    """Namespace codes in which, of accounts that aliases connect, only one counts for limits.

    Args:
        is_alias: the aliases that count: those between assigned nodes, because accounts with the
            same shared identifier as their previous one are different people.
    """
    if not is_alias.any():
        return graph.namespace
    left, right = graph.left[is_alias], graph.right[is_alias]
    ends = np.unique(np.concatenate([left, right]))
    label = component_labels(len(ends), np.searchsorted(ends, left), np.searchsorted(ends, right))
    is_further = np.ones(len(ends), np.bool_)
    is_further[np.unique(label, return_index=True)[1]] = False
    namespace = graph.namespace.copy()
    namespace[ends[is_further]] = NO_NAMESPACE
    return namespace
