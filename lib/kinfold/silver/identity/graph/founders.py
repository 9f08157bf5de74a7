"""The founder of a person: the identifier that the person's id derives from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Ints
from kinfold.core.jit import compiled
from kinfold.silver.identity.graph.components import Indices, checked_ends


def founders(labels: NDArray[Any], first_seen: Ints, node_key: Ints) -> Indices:
    """The index of the founder of each node's person: its node seen first, ties by smallest key.

    The result depends only on which nodes form a person, not on the order in which they arrived.

    Args:
        labels: the person of each node, as the index of one of its nodes.
        first_seen: per node, for example in microseconds since 1970.
        node_key: per node, all different.

    Raises:
        ValueError: the arrays differ in length, or a label is not a node.
    """
    if not len(labels) == len(first_seen) == len(node_key):
        raise ValueError(
            f"founders: {len(labels)} labels, {len(first_seen)} instants and {len(node_key)} keys, "
            "expected arrays of equal length."
        )
    people, _ = checked_ends(len(labels), labels, labels)
    founder = np.full(len(people), -1, dtype=np.int32)
    _write_founders(
        people,
        np.ascontiguousarray(first_seen, dtype=np.int64),
        np.ascontiguousarray(node_key, dtype=np.int64),
        founder,
    )
    founder_of_node: Indices = founder[people]
    return founder_of_node


@compiled
def _write_founders(people, first_seen, node_key, founder):  # type: ignore[no-untyped-def]  # compiled
    """Writes the founder of each person to `founder`, at the index of the person's label."""
    for node in range(len(people)):
        person = people[node]
        best = founder[person]
        if (
            best < 0
            or first_seen[node] < first_seen[best]
            or (first_seen[node] == first_seen[best] and node_key[node] < node_key[best])
        ):
            founder[person] = node
