"""truth: pairwise and B-cubed scores."""

import numpy as np
import pytest

from kinfold.silver.matching.files.truth import cluster_scores


def test_scores_of_a_small_case_computed_by_hand():
    # People {0,1,2} and {3}; clusters {0,1} and {2,3}: one of two predicted pairs is true.
    scores = cluster_scores(np.array([0, 0, 0, 1]), np.array([5, 5, 7, 7]))
    assert scores["precision"] == pytest.approx(1 / 2)
    assert scores["recall"] == pytest.approx(1 / 3)
    assert scores["f1"] == pytest.approx(0.4)
    # Per record: precision 1, 1, 1/2, 1/2; recall 2/3, 2/3, 1/3, 1.
    assert scores["bcubed_precision"] == pytest.approx(0.75)
    assert scores["bcubed_recall"] == pytest.approx(2 / 3)
    assert (scores["people"], scores["largest_profile"]) == (2, 2)


def test_records_that_stay_alone_have_perfect_scores():
    scores = cluster_scores(np.array([0, 1]), np.array([0, 1]))
    assert (scores["precision"], scores["recall"], scores["f1"]) == (1, 1, 1)
