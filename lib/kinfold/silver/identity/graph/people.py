"""Who is who: people as a pure function of nodes, links and guards, as arrays on the driver.

Nothing here depends on the order in which anything arrived, so what grew in steps equals what is
made at once.
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

NO_NAMESPACE = 253
"""Code of nodes that no limit counts: second accounts of one person."""


@dataclass(frozen=True)
class GuardRules:
    """What keeps links from joining people.

    Attributes:
        limits: how many of a kind a person may have, by code.
        shared_by: with how many of another kind a value may be seen, by both codes.
        max_person_size: identifiers of a person, at most.
        released: nodes that an operator says are nobody's shared value.
        apart: pairs of nodes that are never one person.
    """

    limits: Mapping[int, int]
    shared_by: Mapping[tuple[int, int], int]
    max_person_size: int
    released: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    apart: Ints = field(default_factory=lambda: np.empty((0, 2), np.int64))


@dataclass(frozen=True)
class Graph:
    """A part of the identity graph that no link leaves, or all of it.

    Attributes:
        node_id: ascending.
        namespace: code of each node (see `Namespaces`).
        first_seen: microseconds since 1970.
        birth_key: the key under which the node founds a person: its id, or what a split gave it.
        person_key, component_id, is_known: what the map says so far; is_known = it has the node.
        link_id, left, right: links that are not withdrawn; ends are places in `node_id`.
        trust, seen: of each link; `seen` in microseconds.
        is_alias: two accounts of one person.
        is_sighting: counts as evidence that a value is shared.
        is_blocked: what the table says so far.
        is_inside: nodes all of whose links are here; the others are only known as neighbours of
            values that are set aside, and nothing is said of them.
        gone_node, gone_person, gone_birth: nodes that the map has and that are no more, whose they
            were, and under which key each would have founded a person.
    """

    node_id: Ints
    namespace: NDArray[np.uint8]
    first_seen: Ints
    birth_key: Ints
    person_key: Ints
    component_id: Ints
    is_known: Flags
    link_id: Ints
    left: Indices
    right: Indices
    trust: NDArray[np.float32]
    seen: Ints
    is_alias: Flags
    is_sighting: Flags
    is_blocked: Flags
    is_inside: Flags
    gone_node: Ints
    gone_person: Ints
    gone_birth: Ints

    def places(self, nodes: Ints) -> Ints:
        """Where nodes stand in `node_id`; those that are not there are left out."""
        (at,) = positions(self.node_id, nodes)
        return at[at >= 0].astype(np.int64)


@dataclass(frozen=True)
class SharedValues:
    """Values that too many share: place of the node, kind of sharers, how many, how many may."""

    node: Ints
    evidence: Ints
    count: Ints
    most: Ints


@dataclass(frozen=True)
class People:
    """Who is who.

    Attributes:
        belongs: nodes that belong to somebody: all but those set aside.
        person: place of each person's founder, by node.
        component: place of the earliest node of all that is linked, by node; blocked links count.
        is_blocked: links that join nobody.
        guarded: verdict of the guards.
    """

    belongs: Flags
    person: Indices
    component: Indices
    is_blocked: Flags
    guarded: GuardedComponents


def shared_values(graph: Graph, rules: GuardRules) -> SharedValues:
    """The values inside that more of another kind share than may, each with its worst case."""
    size, found = len(graph.node_id), [np.empty((0, 5), np.int64)]
    for place, ((code, other), most) in enumerate(sorted(rules.shared_by.items())):
        counts = np.zeros(size, np.int32)
        _count_sharers(
            graph.left, graph.right, graph.is_sighting, graph.namespace, code, other, counts
        )
        node = np.flatnonzero(counts > most)
        rest = (np.full(len(node), value) for value in (other, most, place))
        found.append(np.stack([node, counts[node], *rest], axis=1))
    every = np.concatenate(found)
    every = every[graph.is_inside[every[:, 0]]]
    every = every[~np.isin(every[:, 0], graph.places(rules.released))]
    node, count, _, most, place = every.T
    every = every[np.lexsort((place, -(count / most), node))]
    _, first = np.unique(every[:, 0], return_index=True)
    node, count, other, most, _ = every[first].T
    return SharedValues(node, other, count, most)


@compiled
def _count_sharers(  # type: ignore[no-untyped-def]
    left, right, is_sighting, namespace, code, other, counts
):
    """Adds to the counts of nodes of one kind how often each is seen with one of the other."""
    for edge in range(len(left)):
        if is_sighting[edge]:
            a, b = left[edge], right[edge]
            if namespace[a] == code and namespace[b] == other:
                counts[a] += 1
            if namespace[b] == code and namespace[a] == other:
                counts[b] += 1


def people_of(graph: Graph, shared: Ints, rules: GuardRules) -> People:
    """People as links and guards make them.

    Args:
        shared: places of nodes that are set aside.
    """
    size = len(graph.node_id)
    belongs = np.ones(size, np.bool_)
    belongs[shared] = False
    joins = belongs[graph.left] & belongs[graph.right]
    used = slice(None) if joins.all() else joins  # without a copy where it can be
    left, right = graph.left[used], graph.right[used]
    namespace = _without_aliases(graph)
    apart = [
        (a, b)
        for one, other in rules.apart
        if len(a := graph.places(np.array([one]))) and len(b := graph.places(np.array([other])))
    ]
    forbidden = np.array(apart, np.int64).reshape(-1, 2)
    guarded = guarded_components(
        size,
        left,
        right,
        namespace=namespace,
        limits=rules.limits,
        max_size=rules.max_person_size,
        trust=graph.trust[used],
        seen=graph.seen[used],
        tie=graph.link_id[used],
        forbidden=(forbidden[:, 0], forbidden[:, 1]) if len(forbidden) else None,
    )
    raw = component_labels(size, left, right)
    is_blocked = ~joins
    is_blocked[joins] = ~guarded.accepted
    return People(
        belongs=belongs,
        person=founders(guarded.labels, graph.first_seen, graph.node_id),
        component=founders(raw, graph.first_seen, graph.node_id),
        is_blocked=is_blocked,
        guarded=guarded,
    )


def with_reassigned_ids(graph: Graph, people: People, torn: Ints) -> tuple[Graph, dict[int, int]]:
    """Keys such that, where something was taken away, the largest part keeps the person's id.

    Parts are compared by how many of the old person's identifiers they hold, then by who was seen
    first. A part that is now led by somebody else's earlier identifier has that one's id: the older
    person survives. Splits that guards make need none of this: they are as if they had always been.

    Args:
        torn: keys of people who lost a link or an identifier.

    Returns:
        The graph with the new keys, and the new keys by node.
    """
    if not len(torn):
        return graph, {}
    birth, given = graph.birth_key.copy(), dict[int, int]()
    theirs = np.flatnonzero(graph.is_known & people.belongs & np.isin(graph.person_key, torn))
    held_by = _by_key(graph.person_key, theirs)
    born_as = _by_key(birth, np.flatnonzero(np.isin(birth, torn)))
    for key, places in sorted(held_by.items()):
        parts: dict[int, int] = {}
        for place in places:
            founder = int(people.person[place])
            parts[founder] = parts.get(founder, 0) + 1
        first = min(
            parts, key=lambda f: (-parts[f], int(graph.first_seen[f]), int(graph.node_id[f]))
        )
        is_own = bool(graph.is_known[first]) and int(graph.person_key[first]) == key
        if int(birth[first]) == key or not is_own:
            continue
        for place in born_as.get(key, []):
            node = int(graph.node_id[place])
            birth[place] = given[node] = _mix(key ^ _mix(node))
        for node in graph.gone_node[graph.gone_birth == key].tolist():
            # Should it come again, it founds somebody new.
            given[node] = _mix(key ^ _mix(node))
        birth[first] = given[int(graph.node_id[first])] = key
    return replace(graph, birth_key=birth), given


def _by_key(keys: Ints, places: Ints) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for place in places.tolist():
        found.setdefault(int(keys[place]), []).append(place)
    return found


def _mix(number: int) -> int:
    """Another 64-bit number, the same for the same one (the finaliser of SplitMix64)."""
    mask = (1 << 64) - 1
    mixed = (number + 0x9E3779B97F4A7C15) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    mixed ^= mixed >> 31
    return mixed - (1 << 64) if mixed >= 1 << 63 else mixed


def _without_aliases(graph: Graph) -> NDArray[np.uint8]:
    """Namespace codes in which all accounts but one that aliases join count for no limit."""
    if not graph.is_alias.any():
        return graph.namespace
    left, right = graph.left[graph.is_alias], graph.right[graph.is_alias]
    ends = np.unique(np.concatenate([left, right]))
    label = component_labels(len(ends), np.searchsorted(ends, left), np.searchsorted(ends, right))
    seconds = np.ones(len(ends), np.bool_)
    seconds[np.unique(label, return_index=True)[1]] = False
    namespace = graph.namespace.copy()
    namespace[ends[seconds]] = NO_NAMESPACE
    return namespace
