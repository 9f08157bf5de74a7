"""Paths and bridges of a graph that fits in the memory of the driver."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Ints
from kinfold.core.jit import compiled
from kinfold.silver.identity.graph.components import checked_ends, component_labels, dense


def widest_path(
    left: Ints, right: Ints, strength: NDArray[Any], *, tie: Ints, source: int, target: int
) -> list[int] | None:
    """The path whose weakest edge is the strongest; of those, one with the fewest edges.

    Among equal paths the one whose ties, read from `source`, are the smallest. If all ties differ,
    the order of the edges does not matter.

    Args:
        left, right: the ends of each edge, any integers.

    Returns:
        The indices of the edges from `source` to `target`; null if no path connects them.
    """
    if source == target:
        return []
    weakest = _bottleneck(left, right, strength, source, target)
    if weakest is None:
        return None
    neighbours: dict[int, list[tuple[int, int, int]]] = {}
    for edge in np.flatnonzero(strength >= weakest).tolist():
        a, b = int(left[edge]), int(right[edge])
        neighbours.setdefault(a, []).append((int(tie[edge]), edge, b))
        neighbours.setdefault(b, []).append((int(tie[edge]), edge, a))
    hops = {target: 0}
    queue = deque([target])
    while queue:
        node = queue.popleft()
        for _, _, other in neighbours.get(node, []):
            if other not in hops:
                hops[other] = hops[node] + 1
                queue.append(other)
    path, node = [], source
    while node != target:
        _, edge, node = min(step for step in neighbours[node] if hops[step[2]] == hops[node] - 1)
        path.append(edge)
    return path


def _bottleneck(
    left: Ints, right: Ints, strength: NDArray[Any], source: int, target: int
) -> float | None:
    """The strength of the edge that, added in descending strength, first connects two nodes."""
    parent: dict[int, int] = {source: source, target: target}

    def root(node: int) -> int:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for edge in np.argsort(-strength, kind="stable").tolist():
        parent[root(int(left[edge]))] = root(int(right[edge]))
        if root(source) == root(target):
            return float(strength[edge])
    return None


def bridges(left: Ints, right: Ints) -> Ints:
    """Per edge the number of nodes on its smaller side once it is removed; 0 = not a bridge.

    Depth-first search in compiled code: one pass over the edges.

    Args:
        left, right: the ends of each edge, any integers. Two edges between the same nodes are not
            bridges.
    """
    nodes, a, b = dense(left, right)
    a, b = checked_ends(len(nodes), a, b)
    ends = np.concatenate([a, b])
    order = np.argsort(ends, kind="stable")
    starts = np.zeros(len(nodes) + 1, np.int64)
    np.cumsum(np.bincount(ends, minlength=len(nodes)), out=starts[1:])
    edge_of = order % max(len(a), 1)
    below = np.zeros(len(a), np.int64)
    _count_below_bridges(starts, np.concatenate([b, a])[order], edge_of, below)
    labels = component_labels(len(nodes), a, b)
    whole = np.bincount(labels, minlength=len(nodes))[labels[a]] if len(a) else below
    return np.where(below > 0, np.minimum(below, whole - below), 0)


@compiled
def _count_below_bridges(starts, neighbours, edge_of, below):  # type: ignore[no-untyped-def]  # compiled
    """Writes the number of nodes below each bridge to `below`.

    Tarjan's low links, with a stack in place of recursion.
    """
    count = len(starts) - 1
    visited_at = np.full(count, -1, dtype=np.int64)
    low = np.zeros(count, dtype=np.int64)
    size = np.ones(count, dtype=np.int64)
    came_by = np.full(count, -1, dtype=np.int64)
    cursor = starts[:-1].copy()
    stack = np.empty(count, dtype=np.int64)
    clock = 0
    for root in range(count):
        if visited_at[root] >= 0:
            continue
        visited_at[root] = low[root] = clock
        clock += 1
        stack[0] = root
        top = 0
        while top >= 0:
            node = stack[top]
            if cursor[node] < starts[node + 1]:
                edge, other = edge_of[cursor[node]], neighbours[cursor[node]]
                cursor[node] += 1
                if edge == came_by[node]:
                    continue
                if visited_at[other] < 0:
                    visited_at[other] = low[other] = clock
                    clock += 1
                    came_by[other] = edge
                    top += 1
                    stack[top] = other
                else:
                    low[node] = min(low[node], visited_at[other])
            else:
                top -= 1
                if top >= 0:
                    above = stack[top]
                    low[above] = min(low[above], low[node])
                    size[above] += size[node]
                    if low[node] > visited_at[above]:
                        below[came_by[node]] = size[node]
