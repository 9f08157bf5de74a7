"""clustering: groups are joined on the evidence of all pairs between them."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from kinfold.silver.matching.clustering import clusters, within_components
from kinfold.silver.matching.model.parameters import Evidence


def labels_of(nodes, *pairs, **changed):
    """The cluster of each node, from pairs (left, right, bits...); None for a missing value."""
    bits = np.array([[0 if b is None else b for b in p[2:]] for p in pairs], dtype=np.float32)
    known = np.array([[b is not None for b in p[2:]] for p in pairs], dtype=bool)
    options = dict(
        prior=0.0, threshold=0.0, corroboration=0.0, unseen_weight=-4.0, max_cluster_size=100
    )
    left, right = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    household = np.empty((len(pairs), 0), dtype=np.float32)
    evidence = Evidence(bits, household, known)
    return list(clusters(nodes, left, right, evidence, **(options | changed)))


def test_a_link_above_the_threshold_joins():
    assert labels_of(3, (0, 1, 5.0), (1, 2, -1.0)) == [0, 0, 2]


def test_a_pair_that_disagrees_keeps_two_groups_apart():
    # Pair 1-2 alone would join everything; pair 0-2 is strong evidence for two people.
    assert labels_of(3, (0, 1, 6.0), (1, 2, 4.0), (0, 2, -9.0)) == [0, 0, 2]


def test_a_pair_without_a_blocking_key_counts_a_little_against_a_union():
    assert labels_of(3, (0, 1, 6.0), (1, 2, 3.0)) == [0, 0, 2]
    assert labels_of(3, (0, 1, 6.0), (1, 2, 5.0)) == [0, 0, 0]


def test_a_record_without_a_value_is_compared_by_the_values_of_its_group():
    # The second attribute is missing between 1 and 2; that of 0 and 2 counts for the group.
    weak = (1, 2, 1.0, None)
    assert labels_of(3, (0, 1, 6.0, 6.0), weak, (0, 2, 1.0, 8.0), prior=-5.0) == [0, 0, 0]
    assert labels_of(3, (0, 1, 6.0, 6.0), weak, (0, 2, 1.0, -8.0), prior=-5.0) == [0, 0, 2]


def test_many_pairs_count_for_more_than_one():
    pairs = [(0, 1, 9.0), (0, 2, 4.0), (1, 2, 4.0)]
    assert labels_of(3, *pairs, prior=-4.5) == [0, 0, 2]
    assert labels_of(3, *pairs, prior=-4.5, corroboration=0.5) == [0, 0, 0]


def test_a_pair_that_was_not_compared_in_a_crowded_block_counts_as_unknown():
    pairs = (0, 1, 6.0), (1, 2, 3.0)
    assert labels_of(3, *pairs, is_crowded=np.array([True, False, True])) == [0, 0, 0]
    assert labels_of(3, *pairs, is_crowded=np.array([True, True, False])) == [0, 0, 2]


def test_pairs_that_connect_nothing_count_only_within_a_component():
    left, right = np.array([4, 2, 1, 1, 0]), np.array([5, 4, 3, 2, 5])
    connects = np.array([True, True, True, False, False])
    assert list(within_components(6, left, right, connects)) == [0, 1, 2]
    connects[3] = True
    assert list(within_components(6, left, right, connects)) == [0, 1, 2, 3]


def test_no_union_exceeds_the_largest_size():
    assert labels_of(3, (0, 1, 6.0), (1, 2, 5.0), (0, 2, 5.0), max_cluster_size=2) == [0, 0, 2]


def test_records_without_pairs_stay_alone():
    nothing = np.empty((0, 1), dtype=np.float32)
    none = np.array([], dtype=np.int64)
    labels = clusters(
        3,
        none,
        none,
        Evidence(nothing, nothing, nothing.astype(bool)),
        prior=0,
        threshold=0,
        corroboration=0,
        unseen_weight=-1,
        max_cluster_size=9,
    )
    assert list(labels) == [0, 1, 2]


def generated_world(seed, *, nodes, pairs):
    """Pairs of records of few people, with the weights of two attributes; some are missing.

    Weights are random integers of six digits: two unions hardly ever tie, and sums are exact.
    """
    generator = np.random.default_rng(seed)
    person = generator.integers(0, max(nodes // 3, 1), nodes)
    every = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    # Pairs within a person are five times as likely to be candidates as others.
    odds = np.array([5.0 if person[a] == person[b] else 1.0 for a, b in every])
    chosen = generator.choice(
        len(every), min(pairs, len(every)), replace=False, p=odds / odds.sum()
    )
    rows = []
    for a, b in (every[number] for number in sorted(chosen)):
        mean = 40_000 if person[a] == person[b] else -40_000
        bits = (int(w) for w in generator.normal(mean, 60_000, 2).clip(-200_000, 200_000))
        rows.append((a, b, *(None if generator.random() < 0.2 else w for w in bits)))
    return rows


def plain_linkage(nodes, pairs, *, prior, threshold, corroboration, unseen_weight, max_size):
    """The best union first, every weight computed from the pairs of records, in exact fractions.

    Returns:
        The clusters, and the smallest gap between the best union and another one or the threshold:
        a gap of 0 is a tie, which has two right answers.
    """
    bits = {(a, b): weights for a, b, *weights in pairs}

    def weight(one, other):
        between = [(min(a, b), max(a, b)) for a in one for b in other]
        seen = [bits[pair] for pair in between if pair in bits]
        if not seen:
            return None
        total = Fraction(prior)
        for values in zip(*seen, strict=True):
            known = [value for value in values if value is not None]
            if known:
                total += sum(known) * (1 + corroboration) / (len(known) + corroboration)
        missing = len(between) - len(seen)
        return (total * len(seen) + unseen_weight * missing) / len(between)

    groups, smallest_gap = [frozenset({n}) for n in range(nodes)], Fraction(1_000_000)
    while True:
        unions = []
        for one, other in combinations(groups, 2):
            if len(one) + len(other) > max_size or (value := weight(one, other)) is None:
                continue
            unions.append((value, one, other))
        unions.sort(key=lambda union: -union[0])
        values = [value for value, *_ in unions] + [Fraction(threshold)]
        smallest_gap = min([smallest_gap, *(abs(values[0] - v) for v in values[1:])])
        if not unions or unions[0][0] <= threshold:
            return set(groups), smallest_gap
        _, one, other = unions[0]
        groups = [group for group in groups if group not in (one, other)] + [one | other]


OPTIONS = dict(prior=-9_000, threshold=0, corroboration=Fraction(3, 10), unseen_weight=-20_000)


def clusters_of(nodes, pairs, *, max_size, corroboration, **options):
    labels = labels_of(
        nodes, *pairs, max_cluster_size=max_size, corroboration=float(corroboration), **options
    )
    return {frozenset(n for n in range(nodes) if labels[n] == c) for c in set(labels)}


@pytest.mark.parametrize("corroboration", [Fraction(0), Fraction(3, 10)])
@pytest.mark.parametrize("max_size", [100, 4])
@pytest.mark.parametrize(
    ("nodes", "pairs"), [(2, 1), (4, 4), (5, 9), (8, 15), (12, 40), (20, 60), (30, 90), (30, 435)]
)
def test_it_equals_average_linkage_computed_from_all_pairs(nodes, pairs, max_size, corroboration):
    options = OPTIONS | dict(max_size=max_size, corroboration=corroboration)
    for seed in range(5):
        world = generated_world(seed, nodes=nodes, pairs=pairs)
        expected, gap = plain_linkage(nodes, world, **options)
        assert gap > 1e-6, "the world has a tie: choose another seed"
        assert clusters_of(nodes, world, **options) == expected


def test_the_generated_worlds_have_large_clusters_and_refused_unions():
    """What the comparison above needs: unions of unions, and strong pairs left apart."""
    options = OPTIONS | dict(max_size=100)
    world = generated_world(0, nodes=30, pairs=90)
    clusters, _ = plain_linkage(30, world, **options)
    cluster_of = {node: cluster for cluster in clusters for node in cluster}
    assert max(len(cluster) for cluster in clusters) >= 4
    assert sum(len(cluster) > 1 for cluster in clusters) >= 4
    strong = [(a, b) for a, b, *bits in world if sum(w or 0 for w in bits) > 9_000]
    assert any(cluster_of[a] != cluster_of[b] for a, b in strong)


@given(st.integers(0, 2**32 - 1), st.integers(2, 14), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_any_small_world_equals_average_linkage_computed_from_all_pairs(seed, nodes, pairs):
    options = OPTIONS | dict(max_size=100)
    world = generated_world(seed, nodes=nodes, pairs=pairs)
    expected, gap = plain_linkage(nodes, world, **options)
    assume(gap > 1e-6)
    assert clusters_of(nodes, world, **options) == expected


@st.composite
def graphs(draw):
    nodes = draw(st.integers(2, 9))
    every = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    chosen = draw(st.lists(st.sampled_from(every), unique=True, min_size=1))
    weights = draw(st.permutations(range(-len(chosen), len(chosen))))
    return nodes, [(a, b, w + 0.37) for (a, b), w in zip(chosen, weights, strict=False)]


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_pairs_does_not_matter(graph, random):
    nodes, pairs = graph
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert labels_of(nodes, *pairs) == labels_of(nodes, *shuffled)


def test_a_cluster_is_named_by_its_smallest_record():
    assert labels_of(4, (2, 3, 5.0), (1, 3, 5.0), (1, 2, 5.0)) == [0, 1, 1, 1]
