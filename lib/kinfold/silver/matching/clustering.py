"""People out of scored pairs: groups of records are joined on the mean weight between all of them.

Plain closure joins two people because of one wrong link. Here two groups become one only while the
mean match weight over *all* pairs between them stays above the threshold: a pair that disagrees
speaks against, and a pair that shares no blocking key counts as a little against too. Unions go in
descending order of that mean, so the outcome does not depend on the order of the input, and a union
that would break a limit is refused. It is average linkage with Fellegi-Sunter weights, on a sparse
graph.
"""

import heapq
from typing import Any

import numba as nb
import numpy as np
from numba import types
from numba.typed import Dict
from numpy.typing import NDArray

OUTWEIGHED = "outweighed by the other records of the two groups"
TOO_LARGE = "the union would exceed max_cluster_size"


def clusters(
    node_count: int,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    weights: NDArray[Any],
    *,
    threshold: float,
    unseen_weight: float,
    weight_limit: float,
    max_cluster_size: int,
) -> NDArray[np.int64]:
    """The cluster of each node, named by its smallest node.

    Args:
        left, right: node numbers of each pair, each pair once, left < right.
        weights: of the pairs, in bits.
        threshold: mean weight above which two groups are one.
        unseen_weight: of pairs that are not given.
        weight_limit: weights are cut to this size.
        max_cluster_size: no union beyond it.
    """
    order = np.lexsort((right, left))
    limited = np.clip(weights[order].astype(np.float64), -weight_limit, weight_limit)
    labels = _average_linkage(
        node_count,
        left[order].astype(np.int64),
        right[order].astype(np.int64),
        limited,
        float(threshold),
        float(unseen_weight),
        max_cluster_size,
    )
    smallest = np.full(node_count, node_count, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(node_count))
    return smallest[labels]


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _root(parent: Any, node: int) -> Any:  # pragma: no cover - compiled
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _average_linkage(
    node_count: int,
    left: Any,
    right: Any,
    weights: Any,
    threshold: float,
    unseen: float,
    max_size: int,
) -> Any:  # pragma: no cover - compiled
    pair_count = len(left)
    size = np.ones(node_count, np.int64)
    parent = np.arange(node_count)
    version = np.zeros(node_count, np.int64)
    is_alive = np.ones(node_count, np.bool_)
    total = weights.copy()
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
        if weights[i] > threshold:
            heap.append((-weights[i], a, b, np.int64(0), np.int64(0)))
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
                mean = (total[at] + unseen * (all_pairs - seen[at])) / all_pairs
                if mean > threshold:
                    low, high = min(a, c), max(a, c)
                    heapq.heappush(heap, (-mean, low, high, version[low], version[high]))
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
