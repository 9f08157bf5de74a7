"""pair_scores: pairwise precision, recall and F1."""

import numpy as np
import pytest
from sklearn.metrics.cluster import pair_confusion_matrix

from kinfold.core.pair_scores import PairScores, harmonic_mean, pair_count, pair_scores


def test_scores_of_a_small_case_computed_by_hand():
    # Entities {0, 1, 2} and {3}; clusters {0, 1} and {2, 3}: one of two predicted pairs is true,
    # one of three true pairs is predicted.
    scores = pair_scores(np.array(["A", "A", "A", "B"]), np.array([5, 5, 7, 7]))
    assert scores == PairScores(1 / 2, 1 / 3)
    assert scores.f1 == pytest.approx(0.4)


def test_a_perfect_clustering_scores_one():
    scores = pair_scores(np.array([1, 1, 2]), np.array(["x", "x", "y"]))
    assert (scores.precision, scores.recall, scores.f1) == (1.0, 1.0, 1.0)


def test_precision_and_recall_without_pairs_are_one():
    assert pair_scores(np.array([0, 1]), np.array([0, 1])) == PairScores(1.0, 1.0)
    assert pair_scores(np.array([]), np.array([])) == PairScores(1.0, 1.0)
    assert pair_scores(np.array([0, 0]), np.array([0, 1])) == PairScores(1.0, 0.0)
    assert pair_scores(np.array([0, 1]), np.array([0, 0])) == PairScores(0.0, 1.0)


def test_random_clusterings_score_as_in_scikit_learn():
    generator = np.random.default_rng(7)
    for _ in range(20):
        truth, predicted = generator.integers(0, 9, 200), generator.integers(0, 12, 200)
        (_, wrong), (missed, right) = pair_confusion_matrix(truth, predicted)
        scores = pair_scores(truth, predicted)
        assert scores.precision == pytest.approx(right / (right + wrong))
        assert scores.recall == pytest.approx(right / (right + missed))


def test_a_group_of_one_has_no_pair_and_a_group_of_four_has_six():
    assert pair_count([1, 4, 1]) == 6
    assert pair_count([]) == 0


def test_the_harmonic_mean_of_two_zeros_is_zero():
    assert harmonic_mean(0.0, 0.0) == 0.0
    assert harmonic_mean(1.0, 0.5) == pytest.approx(2 / 3)
