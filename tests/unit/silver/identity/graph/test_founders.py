"""The founder of a person."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.graph.founders import founders


def founders_of(labels, first_seen, node_key):
    arrays = (np.array(part, dtype=np.int64) for part in (labels, first_seen, node_key))
    return founders(*arrays).tolist()


def test_the_node_seen_first_is_the_founder():
    assert founders_of([0, 0, 2], [5, 3, 1], [1, 2, 3]) == [1, 1, 2]


def test_of_nodes_seen_at_the_same_instant_the_smallest_key_is_the_founder():
    assert founders_of([0, 0, 0], [4, 4, 9], [8, 7, 1]) == [1, 1, 1]


def test_no_nodes_have_no_founders():
    assert founders_of([], [], []) == []


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 labels, 1 instants and 2 keys"):
        founders_of([0, 0], [1], [1, 2])


def test_a_label_that_is_not_a_node_is_refused():
    with pytest.raises(ValueError, match="expected 0 to 1"):
        founders_of([0, 2], [1, 1], [1, 2])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(-3, 3)), max_size=20), st.randoms())
def test_founders_are_those_of_a_plain_loop(nodes, random):
    labels = [label % len(nodes) for label, _ in nodes]
    first_seen = [seen for _, seen in nodes]
    keys = random.sample(range(-50, 50), len(nodes))
    expected = [
        min(
            (node for node in range(len(nodes)) if labels[node] == label),
            key=lambda node: (first_seen[node], keys[node]),
        )
        for label in labels
    ]
    assert founders_of(labels, first_seen, keys) == expected
