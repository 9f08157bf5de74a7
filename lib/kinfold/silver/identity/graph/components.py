"""Connected components of a graph that fits the driver."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Flags, Ints
from kinfold.core.jit import compiled

Indices = NDArray[np.int32]

MAX_NODES = 2**31 - 1


def component_labels(node_count: int, left: NDArray[Any], right: NDArray[Any]) -> Indices:
    """The component of each node: the smallest index among its nodes.

    Compiled union-find in one thread: 0.1 s per million edges, 4 bytes a node beside the input.

    Args:
        node_count: nodes are 0 .. node_count - 1.
        left, right: the two ends of each edge; doubled edges and loops do no harm.

    Raises:
        ValueError: an end is no node, or the ends are not as many on both sides.
    """
    left, right = checked_ends(node_count, left, right)
    parent = np.arange(node_count, dtype=np.int32)
    _join(parent, left, right, np.empty(0, dtype=np.bool_))
    _flatten(parent)
    return parent


def spanning_forest(left: Ints, right: Ints) -> Flags:
    """Which edges are enough to keep the components as they are: at most one fewer than nodes.

    Among edges that close a circle the later one goes, so a given order gives a given forest. It
    keeps plain components only: under guards (see `guards`) a redundant edge may matter.

    Args:
        left, right: the two ends of each edge, any 64-bit numbers.
    """
    node_ids, left_index, right_index = dense(left, right)
    kept = np.zeros(len(left), dtype=np.bool_)
    _join(np.arange(len(node_ids), dtype=np.int32), left_index, right_index, kept)
    return kept


def dense(left: Ints, right: Ints) -> tuple[Ints, Indices, Indices]:
    """Nodes numbered 0, 1, 2 ... in the order of their ids.

    Args:
        left, right: the two ends of each edge, any 64-bit numbers.

    Returns:
        The ids of the nodes, ascending; the number of each left end; of each right end.

    Raises:
        ValueError: more nodes than 32 bits can number.
    """
    node_ids = np.concatenate([left, right]).astype(np.int64, copy=False)
    node_ids.sort()
    node_count = _squeeze(node_ids)
    if node_count > MAX_NODES:
        raise ValueError(f"dense: {node_count} nodes, at most {MAX_NODES} can be numbered.")
    node_ids = node_ids[:node_count].copy()
    left_index, right_index = positions(node_ids, left, right)
    return node_ids, left_index, right_index


def positions(node_ids: Ints, *wanted: Ints) -> tuple[Indices, ...]:
    """Where each wanted id stands among the ascending `node_ids`; -1 where it does not.

    As a binary search, but each starts in the few ids that share the leading bits: hashes and
    running numbers take one or two steps instead of twenty-odd, ids in lumps no more than before.
    """
    if len(node_ids) == 0:
        return tuple(np.full(len(ids), -1, dtype=np.int32) for ids in wanted)
    span = int(node_ids[-1]) - int(node_ids[0])
    shift = max(0, span.bit_length() - max(1, len(node_ids).bit_length()))
    starts = np.empty((span >> shift) + 2, dtype=np.int32)
    _starts(node_ids, np.uint64(shift), starts)
    found = []
    for ids in wanted:
        places = np.empty(len(ids), dtype=np.int32)
        _look_up(node_ids, np.uint64(shift), starts, np.asarray(ids, dtype=np.int64), places)
        found.append(places)
    return tuple(found)


def checked_ends(
    node_count: int, left: NDArray[Any], right: NDArray[Any]
) -> tuple[Indices, Indices]:
    """Both ends as 32-bit indices, each of them a node."""
    if node_count > MAX_NODES:
        raise ValueError(f"{node_count} nodes, at most {MAX_NODES} can be numbered.")
    if len(left) != len(right):
        raise ValueError(f"{len(left)} left ends and {len(right)} right ends, expected as many.")
    for ends in (left, right):
        # Compiled code does not check where it writes.
        if len(ends) and not (ends.min() >= 0 and ends.max() < node_count):
            raise ValueError(
                f"Edges end at {ends.min()} to {ends.max()}, expected 0 to {node_count - 1}."
            )
    return (
        np.ascontiguousarray(left, dtype=np.int32),
        np.ascontiguousarray(right, dtype=np.int32),
    )


@compiled
def _join(parent, left, right, kept):  # type: ignore[no-untyped-def]
    """Unites the ends of each edge under the smaller root; marks in `kept` the edges it took."""
    marks = len(kept) > 0
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
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
        if marks:
            kept[edge] = True


@compiled
def _flatten(parent):  # type: ignore[no-untyped-def]
    """Roots in place of parents: a parent is smaller than its child, so one pass is enough."""
    for node in range(len(parent)):
        parent[node] = parent[parent[node]]


@compiled
def _squeeze(ascending):  # type: ignore[no-untyped-def]
    """Moves the distinct values to the front, and says how many."""
    count = 0
    for place in range(len(ascending)):
        if place == 0 or ascending[place] != ascending[count - 1]:
            ascending[count] = ascending[place]
            count += 1
    return count


@compiled
def _starts(node_ids, shift, starts):  # type: ignore[no-untyped-def]
    """Where the ids of each bucket begin: those whose way from the first id shares leading bits."""
    first = np.uint64(node_ids[0])
    bucket = 0
    for place in range(len(node_ids)):
        # Unsigned, so the way from the smallest to the largest number wraps around correctly.
        own = np.int64((np.uint64(node_ids[place]) - first) >> shift)
        while bucket <= own:
            starts[bucket] = place
            bucket += 1
    while bucket < len(starts):
        starts[bucket] = len(node_ids)
        bucket += 1


@compiled
def _look_up(node_ids, shift, starts, wanted, places):  # type: ignore[no-untyped-def]
    first = np.uint64(node_ids[0])
    for row in range(len(wanted)):
        value = wanted[row]
        places[row] = -1
        if value < node_ids[0] or value > node_ids[-1]:
            continue
        bucket = np.int64((np.uint64(value) - first) >> shift)
        low, high = starts[bucket], starts[bucket + 1]
        while low < high:
            middle = (low + high) >> 1
            if node_ids[middle] < value:
                low = middle + 1
            else:
                high = middle
        if low < len(node_ids) and node_ids[low] == value:
            places[row] = low
