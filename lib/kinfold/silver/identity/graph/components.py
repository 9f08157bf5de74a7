"""Connected components of a graph that fits in the memory of the driver."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Flags, Ints
from kinfold.core.jit import compiled

Indices = NDArray[np.int32]

MAX_NODES = 2**31 - 1


def component_labels(node_count: int, left: NDArray[Any], right: NDArray[Any]) -> Indices:
    """The component of each node: the smallest index among its nodes.

    Compiled union-find on one thread: 0.1 s per million edges, 4 bytes per node beside the input.

    Args:
        node_count: nodes are 0 .. node_count - 1.
        left, right: the two ends of each edge. Duplicate edges and loops are allowed.

    Raises:
        ValueError: an end is not a node, or the two arrays differ in length.
    """
    left, right = checked_ends(node_count, left, right)
    parent = np.arange(node_count, dtype=np.int32)
    _join(parent, left, right, np.empty(0, dtype=np.bool_))
    _flatten(parent)
    return parent


def spanning_forest(left: Ints, right: Ints) -> Flags:
    """Which edges suffice to keep the components as they are: at most one fewer than nodes.

    Of the edges of a cycle the last one is dropped, so the same order gives the same forest. Only
    plain components are preserved: with guards (see `guards`) a redundant edge may matter.

    Args:
        left, right: the two ends of each edge, any 64-bit integers.
    """
    node_ids, left_index, right_index = dense(left, right)
    kept = np.zeros(len(left), dtype=np.bool_)
    _join(np.arange(len(node_ids), dtype=np.int32), left_index, right_index, kept)
    return kept


def dense(left: Ints, right: Ints) -> tuple[Ints, Indices, Indices]:
    """Edges whose nodes are numbered 0, 1, 2 ... in the order of their ids.

    Args:
        left, right: the two ends of each edge, any 64-bit integers.

    Returns:
        The node ids, ascending; the number of each left end; the number of each right end.

    Raises:
        ValueError: there are more nodes than 32 bits can number.
    """
    node_ids = np.concatenate([left, right]).astype(np.int64, copy=False)
    node_ids.sort()
    node_count = _unique_in_place(node_ids)
    if node_count > MAX_NODES:
        raise ValueError(f"dense: {node_count} nodes, at most {MAX_NODES} can be numbered.")
    node_ids = node_ids[:node_count].copy()
    left_index, right_index = positions(node_ids, left, right)
    return node_ids, left_index, right_index


def positions(node_ids: Ints, *wanted: Ints) -> tuple[Indices, ...]:
    """The index of each wanted id in the ascending `node_ids`; -1 where it is absent.

    A binary search within the bucket of ids that share the leading bits. Hashes and consecutive
    numbers take one or two steps instead of more than twenty; clustered ids take at most as many
    steps as a plain binary search.
    """
    if len(node_ids) == 0:
        return tuple(np.full(len(ids), -1, dtype=np.int32) for ids in wanted)
    span = int(node_ids[-1]) - int(node_ids[0])
    shift = max(0, span.bit_length() - max(1, len(node_ids).bit_length()))
    starts = np.empty((span >> shift) + 2, dtype=np.int32)
    _bucket_starts(node_ids, np.uint64(shift), starts)
    results = []
    for ids in wanted:
        indices = np.empty(len(ids), dtype=np.int32)
        _look_up(node_ids, np.uint64(shift), starts, np.asarray(ids, dtype=np.int64), indices)
        results.append(indices)
    return tuple(results)


def checked_ends(
    node_count: int, left: NDArray[Any], right: NDArray[Any]
) -> tuple[Indices, Indices]:
    """Both ends as 32-bit indices, each of them a node.

    Raises:
        ValueError: an end is not a node, or the two arrays differ in length.
    """
    if node_count > MAX_NODES:
        raise ValueError(f"{node_count} nodes, at most {MAX_NODES} can be numbered.")
    if len(left) != len(right):
        raise ValueError(
            f"{len(left)} left ends and {len(right)} right ends, expected as many left as right."
        )
    for ends in (left, right):
        # Compiled code does not check array bounds.
        if len(ends) and not (ends.min() >= 0 and ends.max() < node_count):
            raise ValueError(
                f"Edges end at {ends.min()} to {ends.max()}, expected 0 to {node_count - 1}."
            )
    return (
        np.ascontiguousarray(left, dtype=np.int32),
        np.ascontiguousarray(right, dtype=np.int32),
    )


@compiled
def _join(parent, left, right, kept):  # type: ignore[no-untyped-def]  # compiled: types are inferred
    """Unites the ends of each edge under the smaller root; marks in `kept` the edges that it used.

    `kept` is empty if the caller does not need the marks.
    """
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
def _flatten(parent):  # type: ignore[no-untyped-def]  # compiled: types are inferred
    """Replaces each parent by its root. A parent is smaller than its child: one pass suffices."""
    for node in range(len(parent)):
        parent[node] = parent[parent[node]]


@compiled
def _unique_in_place(ascending):  # type: ignore[no-untyped-def]  # compiled: types are inferred
    """Moves the distinct values to the front and returns their number."""
    count = 0
    for index in range(len(ascending)):
        if index == 0 or ascending[index] != ascending[count - 1]:
            ascending[count] = ascending[index]
            count += 1
    return count


@compiled
def _bucket_starts(node_ids, shift, starts):  # type: ignore[no-untyped-def]  # compiled
    """Writes where each bucket starts: ids whose distance to the first id shares leading bits."""
    first = np.uint64(node_ids[0])
    bucket = 0
    for index in range(len(node_ids)):
        # Unsigned, so that the distance from the smallest to the largest number does not overflow.
        own = np.int64((np.uint64(node_ids[index]) - first) >> shift)
        while bucket <= own:
            starts[bucket] = index
            bucket += 1
    while bucket < len(starts):
        starts[bucket] = len(node_ids)
        bucket += 1


@compiled
def _look_up(node_ids, shift, starts, wanted, indices):  # type: ignore[no-untyped-def]  # compiled
    """Writes the index of each wanted id, or -1, to `indices`."""
    first = np.uint64(node_ids[0])
    for row in range(len(wanted)):
        value = wanted[row]
        indices[row] = -1
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
            indices[row] = low
