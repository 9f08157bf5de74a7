"""People out of scored pairs: groups of records are joined on the evidence of all their pairs.

Plain closure joins two people because of one wrong link. Here two groups become one only while all
pairs between them, taken together, say so. For each attribute the mean weight over the pairs that
know it counts, so a record without a birth date is judged by the birth dates of its group, and a
pair that disagrees speaks against. Several pairs corroborate each other up to a limit; a pair that
shares no blocking key counts a little against. Unions go in descending order of that weight, so the
outcome does not depend on the order of the input, and a union that would break a limit is refused.
"""

import heapq
from typing import Any

import numpy as np
from numba import types
from numba.typed import Dict
from numpy.typing import NDArray

from kinfold.core.jit import compiled

OUTWEIGHED = "outweighed by the other records of the two groups"
TOO_LARGE = "the union would exceed max_cluster_size"


def clusters(
    node_count: int,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    evidence: NDArray[np.float32],
    known: NDArray[np.bool_],
    *,
    prior: float,
    threshold: float,
    corroboration: float,
    unseen_weight: float,
    max_cluster_size: int,
) -> NDArray[np.int64]:
    """The cluster of each node, named by its smallest node.

    Args:
        left, right: node numbers of each pair, each pair once, left < right.
        evidence: bits that each attribute (column) of each pair (row) adds; 0 where not known.
        known: whether both records of the pair know the attribute.
        prior: bits for or against before anything is compared.
        threshold: weight in bits above which two groups are one.
        corroboration: k pairs count for (1 + corroboration) k / (k + corroboration) of them.
        unseen_weight: of pairs that are not given, in bits.
        max_cluster_size: no union beyond it.
    """
    order = np.lexsort((right, left))
    labels = _linkage(
        node_count,
        left[order].astype(np.int64),
        right[order].astype(np.int64),
        evidence[order].astype(np.float32),
        known[order].astype(np.float32),
        float(prior),
        float(threshold),
        float(corroboration),
        float(unseen_weight),
        max_cluster_size,
    )
    smallest = np.full(node_count, node_count, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(node_count))
    return np.asarray(smallest[labels])


@compiled
def _root(parent: Any, node: int) -> Any:  # pragma: no cover - compiled
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def _group_weight(
    total: Any,
    known: Any,
    prior: float,
    corroboration: float,
    unseen: float,
    seen: float,
    pairs: float,
) -> float:  # pragma: no cover - compiled
    weight = prior
    for number in range(len(total)):
        if known[number] > 0:
            weight += total[number] * (1 + corroboration) / (known[number] + corroboration)
    return float((weight * seen + unseen * (pairs - seen)) / pairs)


@compiled
def _linkage(
    node_count: int,
    left: Any,
    right: Any,
    evidence: Any,
    are_known: Any,
    prior: float,
    threshold: float,
    corroboration: float,
    unseen: float,
    max_size: int,
) -> Any:  # pragma: no cover - compiled
    pair_count = len(left)
    size = np.ones(node_count, np.int64)
    parent = np.arange(node_count)
    version = np.zeros(node_count, np.int64)
    is_alive = np.ones(node_count, np.bool_)
    total, known = evidence.copy(), are_known.copy()
    seen = np.ones(pair_count)
    # Neighbours of a group: a linked list of entries 2i and 2i + 1, the two ends of pair i.
    head = np.full(node_count, -1, np.int64)
    tail = np.full(node_count, -1, np.int64)
    degree = np.zeros(node_count, np.int64)
    following = np.full(2 * pair_count, -1, np.int64)
    other = np.zeros(2 * pair_count, np.int64)
    slot = Dict.empty(types.int64, types.int64)
    heap = [(0.0, np.int64(0), np.int64(0), np.int64(0), np.int64(0))]
    heap.pop()
    for i in range(pair_count):
        a, b = left[i], right[i]
        slot[(a << 32) | b] = i
        for end in range(2):
            entry = 2 * i + end
            here, there = (a, b) if end == 0 else (b, a)
            other[entry] = there
            following[entry] = head[here]
            if head[here] < 0:
                tail[here] = entry
            head[here] = entry
            degree[here] += 1
        weight = _group_weight(total[i], known[i], prior, corroboration, unseen, 1.0, 1.0)
        if weight > threshold:
            heap.append((-weight, a, b, np.int64(0), np.int64(0)))
    heapq.heapify(heap)
    while len(heap) > 0:
        _, a, b, version_a, version_b = heapq.heappop(heap)
        if not (is_alive[a] and is_alive[b]):
            continue
        if version[a] != version_a or version[b] != version_b:
            continue
        if size[a] + size[b] > max_size:
            continue
        if degree[a] < degree[b]:
            a, b = b, a
        is_alive[b] = False
        parent[b] = a
        version[a] += 1
        entry = head[b]
        while entry >= 0:
            c = _root(parent, other[entry])
            if c != a:
                old = (min(b, c) << 32) | max(b, c)
                if old in slot:
                    new = (min(a, c) << 32) | max(a, c)
                    from_slot = slot[old]
                    del slot[old]
                    if new in slot:
                        to_slot = slot[new]
                        total[to_slot] += total[from_slot]
                        known[to_slot] += known[from_slot]
                        seen[to_slot] += seen[from_slot]
                    else:
                        slot[new] = from_slot
            entry = following[entry]
        if head[b] >= 0:
            if head[a] < 0:
                head[a] = head[b]
            else:
                following[tail[a]] = head[b]
            tail[a] = tail[b]
        size[a] += size[b]
        # Score against all neighbours anew, and unlink entries that lead nowhere new.
        met = Dict.empty(types.int64, types.boolean)
        entry, before, count = head[a], np.int64(-1), 0
        while entry >= 0:
            after = following[entry]
            c = _root(parent, other[entry])
            if c != a and c not in met:
                met[c] = True
                count += 1
                at = slot[(min(a, c) << 32) | max(a, c)]
                all_pairs = float(size[a] * size[c])
                weight = _group_weight(
                    total[at], known[at], prior, corroboration, unseen, seen[at], all_pairs
                )
                if weight > threshold:
                    low, high = min(a, c), max(a, c)
                    heapq.heappush(heap, (-weight, low, high, version[low], version[high]))
                before = entry
            else:
                if before < 0:
                    head[a] = after
                else:
                    following[before] = after
                if after < 0:
                    tail[a] = before
            entry = after
        degree[a] = count
    labels = np.empty(node_count, np.int64)
    for i in range(node_count):
        labels[i] = _root(parent, i)
    return labels
