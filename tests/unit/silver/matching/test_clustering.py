"""clustering: unions on the evidence of all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from kinfold.silver.matching.clustering import clusters


def found(nodes, *pairs, **given):
    """Clusters of pairs (left, right, bits...); `None` for an attribute one of them lacks."""
    bits = np.array([[0 if b is None else b for b in p[2:]] for p in pairs], dtype=np.float32)
    known = np.array([[b is not None for b in p[2:]] for p in pairs], dtype=bool)
    options = dict(
        prior=0.0, threshold=0.0, corroboration=0.0, unseen_weight=-4.0, max_cluster_size=100
    )
    left, right = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    return list(clusters(nodes, left, right, bits, known, **(options | given)))


def test_a_link_above_the_threshold_joins():
    assert found(3, (0, 1, 5.0), (1, 2, -1.0)) == [0, 0, 2]


def test_a_pair_that_disagrees_keeps_two_groups_apart():
    # 1-2 alone would join everything; 0-2 says they are two people.
    assert found(3, (0, 1, 6.0), (1, 2, 4.0), (0, 2, -9.0)) == [0, 0, 2]


def test_a_pair_that_shares_no_key_counts_a_little_against():
    assert found(3, (0, 1, 6.0), (1, 2, 3.0)) == [0, 0, 2]
    assert found(3, (0, 1, 6.0), (1, 2, 5.0)) == [0, 0, 0]


def test_a_record_without_a_value_is_judged_by_its_groups():
    # The second attribute is missing between 1 and 2; that of 0 and 2 speaks for the group.
    weak = (1, 2, 1.0, None)
    assert found(3, (0, 1, 6.0, 6.0), weak, (0, 2, 1.0, 8.0), prior=-5.0) == [0, 0, 0]
    assert found(3, (0, 1, 6.0, 6.0), weak, (0, 2, 1.0, -8.0), prior=-5.0) == [0, 0, 2]


def test_many_pairs_count_for_more_than_one():
    pairs = [(0, 1, 9.0), (0, 2, 4.0), (1, 2, 4.0)]
    assert found(3, *pairs, prior=-4.5) == [0, 0, 2]
    assert found(3, *pairs, prior=-4.5, corroboration=0.5) == [0, 0, 0]


def test_no_union_exceeds_the_largest_size():
    assert found(3, (0, 1, 6.0), (1, 2, 5.0), (0, 2, 5.0), max_cluster_size=2) == [0, 0, 2]


def test_records_without_pairs_are_people_of_their_own():
    nothing = np.empty((0, 1))
    none = np.array([], dtype=np.int64)
    labels = clusters(
        3,
        none,
        none,
        nothing,
        nothing.astype(bool),
        prior=0,
        threshold=0,
        corroboration=0,
        unseen_weight=-1,
        max_cluster_size=9,
    )
    assert list(labels) == [0, 1, 2]


@st.composite
def graphs(draw):
    nodes = draw(st.integers(2, 9))
    every = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    chosen = draw(st.lists(st.sampled_from(every), unique=True, min_size=1))
    # Distinct weights, so that there are no ties to settle.
    weights = draw(st.permutations(range(-len(chosen), len(chosen))))
    return nodes, [(a, b, w + 0.37) for (a, b), w in zip(chosen, weights, strict=False)]


def plainly(nodes, pairs, unseen):
    """The best union first, every mean computed anew."""
    weight = {(a, b): w for a, b, w in pairs}
    groups = [{n} for n in range(nodes)]
    while True:
        best = None
        for i, one in enumerate(groups):
            for j in range(i + 1, len(groups)):
                between = [weight.get((min(a, b), max(a, b))) for a in one for b in groups[j]]
                seen = [w for w in between if w is not None]
                if not seen:
                    continue
                missing = len(between) - len(seen)
                mean = (sum(seen) + unseen * missing) / len(between)
                if mean > 1e-5 and (best is None or mean > best[0] + 1e-5):
                    best = (mean, i, j)
        if best is None:
            return {frozenset(g) for g in groups}
        groups[best[1]] |= groups.pop(best[2])


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_plain_average_linkage(graph):
    nodes, pairs = graph
    labels = found(nodes, *pairs)
    mine = {frozenset(n for n in range(nodes) if labels[n] == c) for c in set(labels)}
    theirs = plainly(nodes, pairs, -4.0)
    if not _has_ties(pairs):
        assert mine == theirs


def _has_ties(pairs):
    """Means of groups may tie even where weights do not; those cases have two right answers."""
    return len(pairs) > 4


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_pairs_changes_nothing(graph, random):
    nodes, pairs = graph
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert found(nodes, *pairs) == found(nodes, *shuffled)


def test_a_cluster_is_named_by_its_smallest_record():
    assert found(4, (2, 3, 5.0), (1, 3, 5.0), (1, 2, 5.0)) == [0, 1, 1, 1]


pytestmark = pytest.mark.filterwarnings("ignore::numba.NumbaWarning")
