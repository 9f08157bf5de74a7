"""Connected components under guards: limits that no person may break.

A guard is a maximum number of identifiers per namespace, a maximum size, or a pair of nodes that
are never one person. A component that breaks a guard is cut at its least trusted edges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Flags, Ints
from kinfold.core.jit import compiled
from kinfold.silver.identity.graph.components import Indices, checked_ends, component_labels

Codes = NDArray[np.uint8]

NOT_REFUSED = 0
FORBIDDEN = 254
TOO_MANY_IDENTIFIERS = 255
LARGEST_CODE = FORBIDDEN - 2


@dataclass(frozen=True)
class LimitViolations:
    """Limits that plain components break: one entry per component and limit.

    Attributes:
        component: the smallest node index of the component.
        code: the namespace code; `TOO_MANY_IDENTIFIERS` for the size, `FORBIDDEN` for pairs that
            must be kept apart.
        count: the nodes of that namespace, nodes, or pairs in the component before any cut.
    """

    component: Indices
    code: Codes
    count: Indices


@dataclass(frozen=True)
class GuardedComponents:
    """The people that edges form under guards, and the verdict on each edge.

    Attributes:
        labels: per node the smallest node index of its person.
        accepted: per edge, whether its ends are one person.
        refused_by: per edge `NOT_REFUSED`, else 1 + the code of the namespace whose limit it would
            break, `FORBIDDEN` or `TOO_MANY_IDENTIFIERS`.
        violations: the limits that the components broke before any cut.
    """

    labels: Indices
    accepted: Flags
    refused_by: Codes
    violations: LimitViolations


@dataclass(frozen=True)
class _Guards:
    """The limits of `guarded_components`; `apart` has both ends of each forbidden pair."""

    namespace: Codes
    limits: Mapping[int, int]
    max_size: int | None
    apart: tuple[Indices, Indices]


def guarded_components(
    node_count: int,
    left: NDArray[Any],
    right: NDArray[Any],
    *,
    namespace: Codes,
    limits: Mapping[int, int],
    max_size: int | None,
    trust: NDArray[np.float32],
    seen: Ints,
    tie: Ints,
    forbidden: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> GuardedComponents:
    """The people that edges form: edges are tried in descending trust, and one that would break a
    limit is refused.

    Kruskal's algorithm with counters. Only components that break a limit are recomputed, so the
    cost is that of plain components and of sorting the edges of those few. People only grow, so a
    limit that an edge would break stays broken: an edge is refused exactly if its ends are two
    people in the end.

    Args:
        node_count: nodes are 0 .. node_count - 1.
        left, right: the two ends of each edge.
        namespace: a code per node, 0 to 252.
        limits: how many different nodes of a namespace one person may have; 1 or more.
        max_size: how many nodes one person may have; null for any number.
        trust, seen, tie: per edge; higher trust goes first, then earlier seen, then smaller tie.
            If all ties differ, the result does not depend on the order of edges or nodes.
        forbidden: two arrays of nodes; the two nodes of each pair are never one person.

    Raises:
        ValueError: a limit, code or index is out of range, or the arrays differ in length.
    """
    left, right = checked_ends(node_count, left, right)
    apart = checked_ends(node_count, *forbidden) if forbidden else (left[:0], right[:0])
    guards = _Guards(namespace, limits, max_size, apart)
    _check(node_count, len(left), guards, (trust, seen, tie))
    labels = component_labels(node_count, left, right)
    violations = _violations(labels, guards)
    accepted = np.ones(len(left), dtype=np.bool_)
    refused_by = np.zeros(len(left), dtype=np.uint8)
    if len(violations.component) == 0:
        return GuardedComponents(labels, accepted, refused_by, violations)

    must_cut = np.zeros(node_count, dtype=np.bool_)
    must_cut[violations.component] = True
    nodes = np.flatnonzero(must_cut[labels]).astype(np.int32)
    own_index = np.full(node_count, -1, dtype=np.int32)
    own_index[nodes] = np.arange(len(nodes), dtype=np.int32)
    edges = np.flatnonzero(own_index[left] >= 0)
    a, b = own_index[left[edges]], own_index[right[edges]]
    order = _trial_order(trust[edges], seen[edges], tie[edges], a, b)
    edges, a, b = edges[order], a[order], b[order]
    roots, reasons = _joined_within_limits(nodes, own_index, a, b, labels, guards)
    refused_by[edges] = reasons
    accepted[edges] = reasons == NOT_REFUSED
    labels[nodes] = nodes[roots]
    return GuardedComponents(labels, accepted, refused_by, violations)


def _check(
    node_count: int, edge_count: int, guards: _Guards, order: tuple[NDArray[Any], ...]
) -> None:
    problems = []
    if len(guards.namespace) != node_count:
        problems.append(f"{len(guards.namespace)} namespace codes for {node_count} nodes")
    if any(len(part) != edge_count for part in order):
        lengths = ", ".join(str(len(part)) for part in order)
        problems.append(f"trust, seen, tie have {lengths} entries for {edge_count} edges")
    problems.extend(
        f"limit {limit} for namespace {code}, expected a code of 0 to {LARGEST_CODE} "
        "and a limit of 1 or more"
        for code, limit in guards.limits.items()
        if limit < 1 or not 0 <= code <= LARGEST_CODE
    )
    if guards.max_size is not None and guards.max_size < 1:
        problems.append(f"max_size {guards.max_size}, expected 1 or more")
    if (guards.apart[0] == guards.apart[1]).any():
        problems.append("a node is forbidden to be one person with itself")
    if problems:
        raise ValueError(f"guarded_components: {'; '.join(problems)}.")


def _violations(labels: Indices, guards: _Guards) -> LimitViolations:
    parts: list[tuple[NDArray[Any], int, NDArray[Any]]] = []

    def count(members: Indices, code: int, at_most: int) -> None:
        counts = np.zeros(len(labels), np.int32)
        _add_each(counts, members)
        over = np.flatnonzero(counts > at_most)
        parts.append((over, code, counts[over]))

    for code in sorted(guards.limits):
        count(labels[guards.namespace == code], code, guards.limits[code])
    one, other = guards.apart
    joined = labels[one][labels[one] == labels[other]]
    count(joined, FORBIDDEN, 0)
    if guards.max_size is not None:
        count(labels, TOO_MANY_IDENTIFIERS, guards.max_size)
    return LimitViolations(
        component=np.concatenate([over for over, _, _ in parts]).astype(np.int32),
        code=np.repeat([code for _, code, _ in parts], [len(o) for o, _, _ in parts]).astype(
            np.uint8
        ),
        count=np.concatenate([counts for _, _, counts in parts]).astype(np.int32),
    )


@compiled
def _add_each(counts, members):  # type: ignore[no-untyped-def]  # compiled: types are inferred
    """Adds 1 per member: np.bincount in a quarter of the memory."""
    for member in members:
        counts[member] += 1


def _trial_order(
    trust: NDArray[np.float32], seen: Ints, tie: Ints, a: Indices, b: Indices
) -> NDArray[np.intp]:
    """The indices of the edges in the order in which they are tried.

    Edges with equal ties are ordered by their ends, so that the input order never matters.
    """
    return np.lexsort((np.maximum(a, b), np.minimum(a, b), tie, seen, -trust))


def _joined_within_limits(
    nodes: Indices, own_index: Indices, a: Indices, b: Indices, labels: Indices, guards: _Guards
) -> tuple[Indices, Codes]:
    """Kruskal's algorithm on the nodes of the components that break a limit.

    Args:
        nodes: these nodes; `own_index` is the index of each node in it.
        a, b: the ends of their edges as indices in `nodes`, in the order in which they are tried.
        labels: the component of every node before any cut.

    Returns:
        The root of each of `nodes`; why each edge is refused (see `GuardedComponents.refused_by`).
    """
    codes = sorted(guards.limits)
    column = np.full(256, -1, dtype=np.int32)
    column[codes] = np.arange(len(codes))
    one, other = guards.apart
    is_joined = labels[one] == labels[other]
    partner_starts, partners = _partners(
        len(nodes), own_index[one[is_joined]], own_index[other[is_joined]]
    )
    parent = np.arange(len(nodes), dtype=np.int32)
    reasons = np.zeros(len(a), dtype=np.uint8)
    _kruskal(
        parent,
        a,
        b,
        column[guards.namespace[nodes]],
        np.array(codes, dtype=np.int32),
        np.array([guards.limits[code] for code in codes], dtype=np.int32),
        len(nodes) if guards.max_size is None else guards.max_size,
        partner_starts,
        partners,
        reasons,
    )
    return parent, reasons


def _partners(node_count: int, one: Indices, other: Indices) -> tuple[Ints, Indices]:
    """The nodes that each node must be kept apart from, as a compressed adjacency list.

    Returns:
        starts, partners: those of node n are partners[starts[n]:starts[n + 1]]. `starts` is empty
        if there are no pairs.
    """
    nodes, partners = np.concatenate([one, other]), np.concatenate([other, one])
    starts = np.zeros(node_count + 1 if len(nodes) else 0, dtype=np.int64)
    if len(nodes):
        np.cumsum(np.bincount(nodes, minlength=node_count), out=starts[1:])
    return starts, partners[np.argsort(nodes, kind="stable")]


@compiled
def _kruskal(  # type: ignore[no-untyped-def]  # compiled: types are inferred
    parent, left, right, column, codes, limits, max_size, partner_starts, partners, reasons
):
    """Joins `parent` along the edges in their order; writes why an edge is refused to `reasons`.

    Leaves the root of each node in `parent`.
    """
    node_count = len(parent)
    counts = np.zeros((node_count, len(codes)), dtype=np.int32)
    sizes = np.ones(node_count, dtype=np.int32)
    for node in range(node_count):
        if column[node] >= 0:
            counts[node, column[node]] = 1
    has_pairs = len(partner_starts) > 0
    head, tail, following, length = _partner_chains(node_count if has_pairs else 0, partner_starts)
    for edge in range(len(left)):
        a, b = _root(parent, left[edge]), _root(parent, right[edge])
        if a == b:
            continue
        if b < a:
            a, b = b, a
        reason = 0
        if has_pairs and length[a] > 0 and length[b] > 0:
            shorter, longer = (a, b) if length[a] <= length[b] else (b, a)
            if _has_partner(parent, head[shorter], following, longer, partner_starts, partners):
                reason = FORBIDDEN
        if reason == 0:
            for limit in range(len(codes)):
                if counts[a, limit] + counts[b, limit] > limits[limit]:
                    reason = 1 + codes[limit]
                    break
        if reason == 0 and sizes[a] + sizes[b] > max_size:
            reason = TOO_MANY_IDENTIFIERS
        if reason != 0:
            reasons[edge] = reason
            continue
        parent[b] = a
        sizes[a] += sizes[b]
        for limit in range(len(codes)):
            counts[a, limit] += counts[b, limit]
        if has_pairs and length[b] > 0:
            if length[a] > 0:
                following[tail[a]] = head[b]
            else:
                head[a] = head[b]
            tail[a] = tail[b]
            length[a] += length[b]
    for node in range(node_count):
        parent[node] = parent[parent[node]]


@compiled
def _root(parent, node):  # type: ignore[no-untyped-def]  # compiled: types are inferred
    """The root of a node; halves its path on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def _partner_chains(node_count, partner_starts):  # type: ignore[no-untyped-def]  # compiled
    """Per person a linked list of its nodes that have partners: head, tail, following, length.

    These nodes are few. At first each of them is a person of its own.
    """
    head = np.full(node_count, -1, dtype=np.int32)
    tail = np.full(node_count, -1, dtype=np.int32)
    following = np.full(node_count, -1, dtype=np.int32)
    length = np.zeros(node_count, dtype=np.int32)
    for node in range(node_count):
        if partner_starts[node + 1] > partner_starts[node]:
            head[node] = node
            tail[node] = node
            length[node] = 1
    return head, tail, following, length


@compiled
def _has_partner(  # type: ignore[no-untyped-def]  # compiled: types are inferred
    parent, first, following, person, partner_starts, partners
):
    """Whether a node of the list that starts at `first` has a partner in a person."""
    member = first
    while member >= 0:
        for index in range(partner_starts[member], partner_starts[member + 1]):
            if _root(parent, partners[index]) == person:
                return True
        member = following[member]
    return False
