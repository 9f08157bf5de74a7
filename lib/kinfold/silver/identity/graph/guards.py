"""Components cut where they would say something impossible of one person."""

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
    """What plain components would have joined: one entry per component and limit it breaks.

    Attributes:
        component: the smallest node index of the component.
        code: the namespace code; `TOO_MANY_IDENTIFIERS` for the size, `FORBIDDEN` for pairs to be
            kept apart.
        count: nodes of that namespace, nodes, or pairs in the component, before anything is cut.
    """

    component: Indices
    code: Codes
    count: Indices


@dataclass(frozen=True)
class GuardedComponents:
    """People and what was done to each edge.

    Attributes:
        labels: per node the smallest node index of its person.
        accepted: per edge, whether its ends are one person.
        refused_by: per edge `NOT_REFUSED`, else 1 + the code of the namespace whose limit it would
            break, `FORBIDDEN` or `TOO_MANY_IDENTIFIERS`.
        alarms: what was found before cutting.
    """

    labels: Indices
    accepted: Flags
    refused_by: Codes
    alarms: LimitViolations


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
    """People: edges are taken in descending trust, each unless it would break a limit.

    Kruskal's algorithm with counters. Only components that break a limit are taken apart; all
    others stay as they are, so the cost is that of plain components and of sorting the few. What
    breaks a limit once breaks it for good, as people only grow: so an edge is refused exactly if
    its ends are two people in the end.

    Args:
        node_count: nodes are 0 .. node_count - 1.
        left, right: the two ends of each edge.
        namespace: a code per node, 0 to 252.
        limits: how many different nodes of a namespace one person may have; 1 or more.
        max_size: how many nodes one person may have; null for any number.
        trust, seen, tie: per edge; higher trust goes first, then earlier seen, then smaller tie.
            With ties that differ the outcome does not depend on the order of edges or nodes.
        forbidden: two arrays of nodes; the first and the second of each pair are never one person.

    Raises:
        ValueError: a limit, code or index is out of range, or arrays do not match in length.
    """
    left, right = checked_ends(node_count, left, right)
    apart = checked_ends(node_count, *forbidden) if forbidden else (left[:0], right[:0])
    _check(node_count, len(left), namespace, limits, max_size, (trust, seen, tie), apart)
    labels = component_labels(node_count, left, right)
    alarms = _alarms(labels, namespace, limits, max_size, apart)
    accepted = np.ones(len(left), dtype=np.bool_)
    refused_by = np.zeros(len(left), dtype=np.uint8)
    if len(alarms.component) == 0:
        return GuardedComponents(labels, accepted, refused_by, alarms)

    is_broken = np.zeros(node_count, dtype=np.bool_)
    is_broken[alarms.component] = True
    nodes = np.flatnonzero(is_broken[labels]).astype(np.int32)
    own_index = np.full(node_count, -1, dtype=np.int32)
    own_index[nodes] = np.arange(len(nodes), dtype=np.int32)
    edges = np.flatnonzero(own_index[left] >= 0)
    a, b = own_index[left[edges]], own_index[right[edges]]
    first = _order(trust[edges], seen[edges], tie[edges], a, b)
    edges, a, b = edges[first], a[first], b[first]

    parent = np.arange(len(nodes), dtype=np.int32)
    column = np.full(256, -1, dtype=np.int32)
    codes = sorted(limits)
    column[codes] = np.arange(len(codes))
    is_apart = labels[apart[0]] == labels[apart[1]]
    partner_starts, partners = _partners(
        len(nodes), own_index[apart[0][is_apart]], own_index[apart[1][is_apart]]
    )
    reasons = np.zeros(len(edges), dtype=np.uint8)
    _kruskal(
        parent,
        a,
        b,
        column[namespace[nodes]],
        np.array(codes, dtype=np.int32),
        np.array([limits[code] for code in codes], dtype=np.int32),
        len(nodes) if max_size is None else max_size,
        partner_starts,
        partners,
        reasons,
    )
    refused_by[edges] = reasons
    accepted[edges] = reasons == NOT_REFUSED
    labels[nodes] = nodes[parent]
    return GuardedComponents(labels, accepted, refused_by, alarms)


def _check(
    node_count: int,
    edge_count: int,
    namespace: Codes,
    limits: Mapping[int, int],
    max_size: int | None,
    order: tuple[NDArray[Any], ...],
    apart: tuple[Indices, Indices],
) -> None:
    wrong = []
    if len(namespace) != node_count:
        wrong.append(f"{len(namespace)} namespace codes for {node_count} nodes")
    if any(len(part) != edge_count for part in order):
        lengths = ", ".join(str(len(part)) for part in order)
        wrong.append(f"trust, seen, tie have {lengths} entries for {edge_count} edges")
    wrong.extend(
        f"limit {limit} for namespace {code}, expected a code of 0 to {LARGEST_CODE} "
        "and a limit of 1 or more"
        for code, limit in limits.items()
        if limit < 1 or not 0 <= code <= LARGEST_CODE
    )
    if max_size is not None and max_size < 1:
        wrong.append(f"max_size {max_size}, expected 1 or more")
    if (apart[0] == apart[1]).any():
        wrong.append("a node is forbidden to be one person with itself")
    if wrong:
        raise ValueError(f"guarded_components: {'; '.join(wrong)}.")


def _alarms(
    labels: Indices,
    namespace: Codes,
    limits: Mapping[int, int],
    max_size: int | None,
    apart: tuple[Indices, Indices],
) -> LimitViolations:
    found: list[tuple[NDArray[Any], int, NDArray[Any]]] = []

    def count(members: Indices, code: int, at_most: int) -> None:
        counts = np.zeros(len(labels), np.int32)
        _add_each(counts, members)
        over = np.flatnonzero(counts > at_most)
        found.append((over, code, counts[over]))

    for code in sorted(limits):
        count(labels[namespace == code], code, limits[code])
    joined = labels[apart[0]][labels[apart[0]] == labels[apart[1]]]
    count(joined, FORBIDDEN, 0)
    if max_size is not None:
        count(labels, TOO_MANY_IDENTIFIERS, max_size)
    return LimitViolations(
        component=np.concatenate([over for over, _, _ in found]).astype(np.int32),
        code=np.repeat([code for _, code, _ in found], [len(o) for o, _, _ in found]).astype(
            np.uint8
        ),
        count=np.concatenate([counts for _, _, counts in found]).astype(np.int32),
    )


@compiled
def _add_each(counts, members):  # type: ignore[no-untyped-def]
    """np.bincount in a quarter of the memory."""
    for member in members:
        counts[member] += 1


def _order(
    trust: NDArray[np.float32], seen: Ints, tie: Ints, a: Indices, b: Indices
) -> NDArray[np.intp]:
    """Positions of the edges in the order in which they are tried.

    Edges of one tie are told apart by their ends, so that input order never decides.
    """
    return np.lexsort((np.maximum(a, b), np.minimum(a, b), tie, seen, -trust))


def _partners(node_count: int, one: Indices, other: Indices) -> tuple[Ints, Indices]:
    """Who node n is kept apart from: partners[starts[n]:starts[n + 1]]; no starts if nobody is."""
    nodes, partners = np.concatenate([one, other]), np.concatenate([other, one])
    starts = np.zeros(node_count + 1 if len(nodes) else 0, dtype=np.int64)
    if len(nodes):
        np.cumsum(np.bincount(nodes, minlength=node_count), out=starts[1:])
    return starts, partners[np.argsort(nodes, kind="stable")]


@compiled
def _kruskal(  # type: ignore[no-untyped-def]
    parent, left, right, column, codes, limits, max_size, partner_starts, partners, reasons
):
    """Joins `parent` along the edges in their order; writes why an edge was refused to `reasons`.

    Leaves each node's root in `parent`.
    """
    node_count = len(parent)
    counts = np.zeros((node_count, len(codes)), dtype=np.int32)
    sizes = np.ones(node_count, dtype=np.int32)
    for node in range(node_count):
        if column[node] >= 0:
            counts[node, column[node]] = 1
    # The nodes of a person that have somebody to be kept apart from, as a chain. They are few.
    guards_pairs = len(partner_starts) > 0
    chained = node_count if guards_pairs else 0
    head = np.full(chained, -1, dtype=np.int32)
    tail = np.full(chained, -1, dtype=np.int32)
    following = np.full(chained, -1, dtype=np.int32)
    length = np.zeros(chained, dtype=np.int32)
    for node in range(chained):
        if partner_starts[node + 1] > partner_starts[node]:
            head[node] = node
            tail[node] = node
            length[node] = 1

    for edge in range(len(left)):
        a, b = left[edge], right[edge]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a == b:
            continue
        if b < a:
            a, b = b, a
        reason = 0
        if guards_pairs and length[a] > 0 and length[b] > 0:
            shorter, longer = (a, b) if length[a] <= length[b] else (b, a)
            member = head[shorter]
            while member >= 0 and reason == 0:
                for place in range(partner_starts[member], partner_starts[member + 1]):
                    other = partners[place]
                    while parent[other] != other:
                        parent[other] = parent[parent[other]]
                        other = parent[other]
                    if other == longer:
                        reason = 254
                        break
                member = following[member]
        if reason == 0:
            for limit in range(len(codes)):
                if counts[a, limit] + counts[b, limit] > limits[limit]:
                    reason = 1 + codes[limit]
                    break
        if reason == 0 and sizes[a] + sizes[b] > max_size:
            reason = 255
        if reason != 0:
            reasons[edge] = reason
            continue
        parent[b] = a
        sizes[a] += sizes[b]
        for limit in range(len(codes)):
            counts[a, limit] += counts[b, limit]
        if guards_pairs and length[b] > 0:
            if length[a] > 0:
                following[tail[a]] = head[b]
            else:
                head[a] = head[b]
            tail[a] = tail[b]
            length[a] += length[b]
    for node in range(node_count):
        parent[node] = parent[parent[node]]
