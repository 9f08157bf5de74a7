"""Who founded a person."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.graph.founders import founders


def found(labels, first_seen, node_key):
    arrays = (np.array(part, dtype=np.int64) for part in (labels, first_seen, node_key))
    return founders(*arrays).tolist()


def test_the_first_seen_founds_a_person():
    assert found([0, 0, 2], [5, 3, 1], [1, 2, 3]) == [1, 1, 2]


def test_of_those_seen_at_the_same_instant_the_smallest_key_does():
    assert found([0, 0, 0], [4, 4, 9], [8, 7, 1]) == [1, 1, 1]


def test_nobody_has_no_founder():
    assert found([], [], []) == []


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 labels, 1 instants and 2 keys"):
        found([0, 0], [1], [1, 2])


def test_a_label_that_is_no_node_is_refused():
    with pytest.raises(ValueError, match="expected 0 to 1"):
        found([0, 2], [1, 1], [1, 2])


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
    assert found(labels, first_seen, keys) == expected
