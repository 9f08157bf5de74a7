"""Clusters of records from scored pairs: average linkage on the evidence of all pairs.

Connected components would join two people because of one wrong link. Here two groups of records are
joined only if all pairs between them support it together. For each attribute, the mean weight over
the pairs with a value on both sides counts. So a record without a birth date is compared by the
birth dates of its group, and a pair that disagrees counts against the union. Several pairs
corroborate each other up to a limit, and a pair that shares no blocking key counts a little against
the union. The union with the highest weight comes first, so the result does not depend on the order
of the input. A union that would exceed the maximum size is refused.

Pairs that may be one person connect records to components; pairs below that weight connect nothing,
and count only within a component (`within_components`). So a changed record affects only people of
its component, and most candidate pairs are not clustered at all.
"""

import heapq
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.typed import Dict
from numpy.typing import NDArray

from kinfold.core.jit import compiled
from kinfold.silver.matching.model.parameters import Evidence

OUTWEIGHED = "outweighed by the other records of the two groups"
TOO_LARGE = "the union would exceed max_cluster_size"


def clusters(
    node_count: int,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    evidence: Evidence,
    *,
    prior: float,
    household_prior: float | None = None,
    threshold: float,
    corroboration: float,
    unseen_weight: float,
    max_cluster_size: int,
    is_crowded: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """The cluster of each node, named by its smallest node.

    Args:
        left, right: node numbers of each pair, each pair once, left < right.
        evidence: of each pair.
        prior: weight in bits before any comparison.
        household_prior: the same weight for one household; null = there is no evidence about
            households.
        threshold: two groups are joined above this weight, in bits.
        corroboration: k pairs count for (1 + corroboration) k / (k + corroboration) of them.
        unseen_weight: weight in bits of another pair that is absent from left and right.
        max_cluster_size: no union is larger.
        is_crowded: by node, whether it is in a crowded block (see `blocking`): a pair of two such
            nodes that is absent from left and right was not compared, so it counts as unknown;
            null = none is.
    """
    if is_crowded is None:
        is_crowded = np.zeros(node_count, dtype=bool)
    order = np.lexsort((right, left))
    labels = _linkage(
        is_crowded.astype(np.int64),
        left[order].astype(np.int64),
        right[order].astype(np.int64),
        *(part[order].astype(np.float32, copy=False) for part in evidence),
        _Weighing(
            float(prior),
            -np.inf if household_prior is None else float(household_prior),
            float(threshold),
            float(corroboration),
            float(unseen_weight),
        ),
        max_cluster_size,
    )
    smallest = np.full(node_count, node_count, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(node_count))
    return np.asarray(smallest[labels])


def within_components(
    node_count: int,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    connects: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The positions of the pairs within a connected component.

    Args:
        connects: whether a pair connects its two records to one component.
    """
    component = _component_labels(node_count, left[connects], right[connects])
    return np.flatnonzero(component[left] == component[right])


@compiled
def _component_labels(
    node_count: int, left: Any, right: Any
) -> Any:  # pragma: no cover  # compiled
    parent = np.arange(node_count)
    for i in range(len(left)):
        a, b = _root(parent, left[i]), _root(parent, right[i])
        parent[max(a, b)] = min(a, b)
    for node in range(node_count):
        parent[node] = parent[parent[node]]  # a parent is smaller, so it is final already
    return parent


class _Weighing(NamedTuple):
    """How the pairs between two groups make one weight; see `clusters`."""

    prior: float
    household_prior: float
    threshold: float
    corroboration: float
    unseen: float


class _Groups(NamedTuple):
    """The groups of records so far, and the evidence between neighbouring groups.

    A group is known by one of its nodes, its root. Two groups are neighbours if a pair connects
    them. The evidence between two neighbours is in one row of `total`, `known` and `seen`.

    Attributes:
        parent: union-find forest of the nodes.
        size: number of records of a group.
        crowded: how many of them are in a crowded block.
        version: number of unions that a group has absorbed; a heap entry of an older version is
            out of date.
        is_alive: whether the node is still a root.
        head, tail: first and last entry in the list of a group's neighbours, -1 if it is empty.
        degree: number of entries in that list.
        following: the next entry of an entry, -1 at the end. Entries 2i and 2i + 1 are the two ends
            of pair i.
        other: the node at the other end of an entry.
        total: by pair of neighbours and attribute, the sum of the evidence for one person.
        household: the same for one household.
        known: by pair of neighbours and attribute, the number of pairs with a value.
        seen: by pair of neighbours, the number of pairs of records between them.
    """

    parent: Any
    size: Any
    crowded: Any
    version: Any
    is_alive: Any
    head: Any
    tail: Any
    degree: Any
    following: Any
    other: Any
    total: Any
    household: Any
    known: Any
    seen: Any


@compiled
def _root(parent: Any, node: int) -> Any:  # pragma: no cover  # compiled
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def _key(one: int, other: int) -> Any:  # pragma: no cover  # compiled
    """The two groups of a pair of neighbours as one number."""
    return (min(one, other) << 32) | max(one, other)


@compiled
def _weight(
    groups: _Groups, row: int, a: int, b: int, weighing: _Weighing
) -> float:  # pragma: no cover  # compiled
    """The weight of the union of a and b in bits, from the row of its evidence."""
    weight, odds = weighing.prior, weighing.household_prior
    total, household, known = groups.total[row], groups.household[row], groups.known[row]
    for number in range(len(total)):
        if known[number] > 0:
            # k pairs that sum to t count for (1 + c) t / (k + c).
            share = (1 + weighing.corroboration) / (known[number] + weighing.corroboration)
            weight += total[number] * share
            if len(household) > 0:
                odds += household[number] * share
    # See MatchModel.pair_weights: minus log2(1 + household odds).
    weight -= max(odds, 0.0) + np.log2(1 + 2.0 ** -abs(odds))
    seen = groups.seen[row]
    unknown = groups.crowded[a] * groups.crowded[b]
    pair_count = max(float(groups.size[a] * groups.size[b] - unknown), seen)
    return float((weight * seen + weighing.unseen * (pair_count - seen)) / pair_count)


@compiled
def _single_records(
    crowded: Any, left: Any, right: Any, evidence: Any, household: Any, known: Any
) -> _Groups:  # pragma: no cover  # compiled
    """Every record as a group, with the records that it has a pair with as neighbours."""
    node_count, pair_count = len(crowded), len(left)
    groups = _Groups(
        np.arange(node_count),
        np.ones(node_count, np.int64),
        crowded.copy(),
        np.zeros(node_count, np.int64),
        np.ones(node_count, np.bool_),
        np.full(node_count, -1, np.int64),
        np.full(node_count, -1, np.int64),
        np.zeros(node_count, np.int64),
        np.full(2 * pair_count, -1, np.int64),
        np.zeros(2 * pair_count, np.int64),
        evidence,
        household,
        known,
        np.ones(pair_count),
    )
    for i in range(pair_count):
        for end in range(2):
            entry = 2 * i + end
            node, neighbour = (left[i], right[i]) if end == 0 else (right[i], left[i])
            groups.other[entry] = neighbour
            groups.following[entry] = groups.head[node]
            if groups.head[node] < 0:
                groups.tail[node] = entry
            groups.head[node] = entry
            groups.degree[node] += 1
    return groups


@compiled
def _move_evidence(
    groups: _Groups, rows: Any, a: int, b: int
) -> None:  # pragma: no cover  # compiled
    """Add the evidence between b and its neighbours to that between a and them."""
    entry = groups.head[b]
    while entry >= 0:
        c = _root(groups.parent, groups.other[entry])
        old = _key(b, c)
        if c != a and old in rows:
            new = _key(a, c)
            source = rows[old]
            del rows[old]
            if new in rows:
                target = rows[new]
                groups.total[target] += groups.total[source]
                groups.household[target] += groups.household[source]
                groups.known[target] += groups.known[source]
                groups.seen[target] += groups.seen[source]
            else:
                rows[new] = source
        entry = groups.following[entry]


@compiled
def _join_neighbours(groups: _Groups, a: int, b: int) -> None:  # pragma: no cover  # compiled
    """Append the list of b's neighbours to that of a."""
    if groups.head[b] >= 0:
        if groups.head[a] < 0:
            groups.head[a] = groups.head[b]
        else:
            groups.following[groups.tail[a]] = groups.head[b]
        groups.tail[a] = groups.tail[b]


@compiled
def _score_neighbours(
    groups: _Groups, rows: Any, heap: Any, a: int, weighing: _Weighing
) -> None:  # pragma: no cover  # compiled
    """Push the unions of a with its neighbours; remove entries that lead to a neighbour twice."""
    scored = Dict.empty(types.int64, types.boolean)
    entry, before, count = groups.head[a], np.int64(-1), 0
    while entry >= 0:
        after = groups.following[entry]
        c = _root(groups.parent, groups.other[entry])
        if c != a and c not in scored:
            scored[c] = True
            count += 1
            weight = _weight(groups, rows[_key(a, c)], a, c, weighing)
            if weight > weighing.threshold:
                low, high = min(a, c), max(a, c)
                versions = groups.version[low], groups.version[high]
                heapq.heappush(heap, (-weight, low, high, versions[0], versions[1]))
            before = entry
        else:
            if before < 0:
                groups.head[a] = after
            else:
                groups.following[before] = after
            if after < 0:
                groups.tail[a] = before
        entry = after
    groups.degree[a] = count


@compiled
def _linkage(
    crowded: Any,
    left: Any,
    right: Any,
    evidence: Any,
    household: Any,
    known: Any,
    weighing: _Weighing,
    max_size: int,
) -> Any:  # pragma: no cover  # compiled
    """The root of each node after all unions, the best first."""
    node_count = len(crowded)
    groups = _single_records(crowded, left, right, evidence, household, known)
    rows = Dict.empty(types.int64, types.int64)
    heap = [(0.0, np.int64(0), np.int64(0), np.int64(0), np.int64(0))]
    heap.pop()  # The entry only declared the type of the list.
    for i in range(len(left)):
        rows[_key(left[i], right[i])] = i
        weight = _weight(groups, i, left[i], right[i], weighing)
        if weight > weighing.threshold:
            heap.append((-weight, left[i], right[i], np.int64(0), np.int64(0)))
    heapq.heapify(heap)
    while len(heap) > 0:
        _, a, b, version_a, version_b = heapq.heappop(heap)
        if not (groups.is_alive[a] and groups.is_alive[b]):
            continue
        if groups.version[a] != version_a or groups.version[b] != version_b:
            continue
        if groups.size[a] + groups.size[b] > max_size:
            continue
        if groups.degree[a] < groups.degree[b]:
            a, b = b, a
        groups.is_alive[b] = False
        groups.parent[b] = a
        groups.version[a] += 1
        _move_evidence(groups, rows, a, b)
        _join_neighbours(groups, a, b)
        groups.size[a] += groups.size[b]
        groups.crowded[a] += groups.crowded[b]
        _score_neighbours(groups, rows, heap, a, weighing)
    labels = np.empty(node_count, np.int64)
    for i in range(node_count):
        labels[i] = _root(groups.parent, i)
    return labels
