"""Trials: how well a number of segments separates people."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from kinfold.gold.segmentation.trials import (
    Trial,
    best_trial,
    squared_silhouette,
    trial_of,
    trials_of,
)


@pytest.fixture
def points():
    """Three clouds of 30, 20 and 10 people."""
    draw = np.random.default_rng(3)
    clouds = [(0.0, 30), (8.0, 20), (-9.0, 10)]
    return np.concatenate([draw.normal(centre, 1.0, (size, 4)) for centre, size in clouds])


def test_the_silhouette_is_that_of_all_pairs(points):
    for labels in (np.arange(60) % 3, np.repeat([4, 7, 9], [30, 29, 1]), np.repeat([0, 1], 30)):
        of_pairs = silhouette_score(points, labels, metric="sqeuclidean")
        assert squared_silhouette(points, labels) == pytest.approx(of_pairs)


def test_one_cluster_and_equal_points_have_a_silhouette(points):
    assert squared_silhouette(points, np.zeros(60, dtype=np.int64)) == -1.0
    assert squared_silhouette(np.ones((4, 2)), np.array([0, 0, 1, 1])) == 0.0


def test_the_true_number_of_clouds_has_the_best_trial(points):
    trials = trials_of(points, range(2, 6), seed=7, iterations=20)
    assert [trial.k for trial in trials] == [2, 3, 4, 5]
    best = best_trial(trials, smallest_share=0.02)
    assert (best.k, best.smallest_share) == (3, pytest.approx(1 / 6))
    assert trials == trials_of(points, range(2, 6), seed=7, iterations=20)


def test_fewer_kinds_of_people_than_clusters_leave_one_empty():
    [trial] = trials_of(np.repeat([[0.0], [1.0]], 5, axis=0), [3], seed=7, iterations=5)
    assert trial.smallest_share == 0.0
    assert trial_of(np.array([[0.0], [1.0]]), np.array([0, 2]), k=3).smallest_share == 0.0


def test_a_number_with_a_tiny_segment_is_avoided_unless_every_number_has_one():
    tiny, usable, worse = Trial(2, 0.9, 0.01), Trial(3, 0.5, 0.2), Trial(4, 0.4, 0.2)
    assert best_trial([tiny, usable, worse], smallest_share=0.02) is usable
    assert best_trial([tiny], smallest_share=0.02) is tiny
    assert best_trial([Trial(5, 0.5, 0.2), usable], smallest_share=0.02) is usable
    assert best_trial([Trial(2, 0.99, 0.0), tiny], smallest_share=0.02) is tiny
