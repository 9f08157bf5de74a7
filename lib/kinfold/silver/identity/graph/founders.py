"""Who founded a person: the identifier that the person's id derives from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Ints
from kinfold.core.jit import compiled
from kinfold.silver.identity.graph.components import Indices, checked_ends


def founders(labels: NDArray[Any], first_seen: Ints, node_key: Ints) -> Indices:
    """Per node the index of its person's founder: the first seen; of those, the smallest key.

    A pure function of who is together: the order in which nodes came or joined plays no part.

    Args:
        labels: the person of each node, as the index of one of its nodes.
        first_seen: per node, for example in microseconds since 1970.
        node_key: per node, all different.

    Raises:
        ValueError: arrays differ in length, or a label is no node.
    """
    if not len(labels) == len(first_seen) == len(node_key):
        raise ValueError(
            f"founders: {len(labels)} labels, {len(first_seen)} instants and {len(node_key)} keys, "
            "expected as many."
        )
    people, _ = checked_ends(len(labels), labels, labels)
    founder = np.full(len(people), -1, dtype=np.int32)
    _found(
        people,
        np.ascontiguousarray(first_seen, dtype=np.int64),
        np.ascontiguousarray(node_key, dtype=np.int64),
        founder,
    )
    found: Indices = founder[people]
    return found


@compiled
def _found(people, first_seen, node_key, founder):  # type: ignore[no-untyped-def]
    for node in range(len(people)):
        person = people[node]
        best = founder[person]
        if (
            best < 0
            or first_seen[node] < first_seen[best]
            or (first_seen[node] == first_seen[best] and node_key[node] < node_key[best])
        ):
            founder[person] = node
