"""estimates: precision and recall from the model's probabilities."""

import numpy as np
import pytest

from kinfold.silver.matching.estimates import estimated_scores

# Weights in bits: 0 is probability 1/2, log2(3) is 3/4, -log2(3) is 1/4.
EVEN, THREE_QUARTERS, ONE_QUARTER = 0.0, np.log2(3), -np.log2(3)


def scores(labels, *pairs):
    left, right, weights = (np.array([pair[n] for pair in pairs]) for n in range(3))
    return estimated_scores(np.array(labels), left, right, weights)


def test_precision_is_the_mean_probability_inside_and_recall_counts_what_is_left_outside():
    # One cluster of three: two of its three pairs were scored, with 3/4 and 1/2. The third is
    # connected by both, so it has the weaker: precision (3/4 + 1/2 + 1/2) / 3 = 7/12.
    # Correct pairs inside: 7/4. Missed outside: 1/4. Recall 7/8.
    result = scores([0, 0, 0, 3], (0, 1, THREE_QUARTERS), (0, 2, EVEN), (2, 3, ONE_QUARTER))
    assert result["estimated_precision"] == pytest.approx(7 / 12)
    assert result["estimated_recall"] == pytest.approx(7 / 8)
    assert result["estimated_f1"] == pytest.approx(2 * (7 / 12) * (7 / 8) / (7 / 12 + 7 / 8))
    assert result["estimated_blocking_recall"] == pytest.approx(2 / 3)


def test_a_pair_that_says_little_is_as_certain_as_the_records_that_connect_it():
    # 0-1 and 1-2 have 3/4, 0-2 alone has 1/4: three pairs with 3/4 each.
    result = scores([0, 0, 0], (0, 1, THREE_QUARTERS), (0, 2, ONE_QUARTER), (1, 2, THREE_QUARTERS))
    assert result["estimated_precision"] == pytest.approx(3 / 4)
    assert result["estimated_recall"] == 1.0


def test_without_clusters_precision_is_one_and_likely_pairs_are_missed():
    result = scores([0, 1], (0, 1, THREE_QUARTERS))
    assert (result["estimated_precision"], result["estimated_recall"]) == (1.0, 0.0)
    assert result["estimated_f1"] == 0.0
    assert result["estimated_blocking_recall"] == 1.0


def test_without_pairs_nothing_is_wrong_and_nothing_is_missed():
    empty = np.array([], dtype=np.int64)
    result = estimated_scores(np.array([0]), empty, empty, empty.astype(float))
    assert set(result.values()) == {1.0}


def test_a_pair_of_equal_records_stands_for_all_their_pairs_and_unknown_matches_are_missed():
    # 3/4 for 3 pairs inside, 1/4 for 6 outside, and 0.75 matches that nobody compared.
    result = estimated_scores(
        np.array([0, 0, 0, 3]),
        np.array([0, 0]),
        np.array([1, 3]),
        np.array([THREE_QUARTERS, ONE_QUARTER]),
        pair_counts=np.array([3.0, 6.0]),
        unknown_matches=0.75,
    )
    assert result["estimated_precision"] == pytest.approx(3 / 4)
    assert result["estimated_recall"] == pytest.approx(2.25 / (2.25 + 1.5 + 0.75))
    assert result["estimated_blocking_recall"] == 1.0
