"""truth: scores of identity resolution and of propensity against the truth."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics.cluster import pair_confusion_matrix

from kinfold.core.errors import ConfError
from kinfold.reporting.truth import Truth, future_buyers, identity_result, load_truth


def frame(rows, columns):
    return pd.DataFrame(rows, columns=columns.split())


def owners(**person_by_value):
    rows = [("user_id", v, p) for v, people in person_by_value.items() for p in people.split("+")]
    return Truth(
        frame(rows, "namespace value person_id"),
        frame([("A", True), ("B", False)], "person_id buys"),
    )


def identity_map(**profile_by_value):
    rows = [("user_id", v, p) for v, p in profile_by_value.items()]
    return frame(rows, "namespace value profile_id")


def test_a_perfect_map_has_precision_and_recall_of_one():
    result = identity_result(identity_map(a="1", b="1", c="2"), owners(a="A", b="A", c="B"))
    assert (result.precision, result.recall, result.f1) == (1.0, 1.0, 1.0)


def test_merging_two_people_costs_precision_and_splitting_one_costs_recall():
    truth = owners(a="A", b="A", c="B", d="B")
    merged = identity_result(identity_map(a="1", b="1", c="1", d="1"), truth)
    assert (merged.precision, merged.recall) == (2 / 6, 1.0)
    split = identity_result(identity_map(a="1", b="2", c="3", d="3"), truth)
    assert (split.precision, split.recall) == (1.0, 0.5)
    assert (split.whole_people, split.pure_profiles) == (1, 3)


def test_an_identifier_of_two_people_is_not_counted_in_pairs():
    result = identity_result(identity_map(a="1", b="1", s="1"), owners(a="A", b="A", s="A+B"))
    assert (result.identifiers, result.shared_identifiers, result.precision) == (2, 1, 1.0)


def test_random_maps_score_as_in_scikit_learn():
    generator = np.random.default_rng(7)
    profiles, people = generator.integers(0, 9, 200), generator.integers(0, 9, 200)
    names = [f"v{i}" for i in range(200)]
    result = identity_result(
        identity_map(**dict(zip(names, map(str, profiles), strict=True))),
        owners(**dict(zip(names, map(str, people), strict=True))),
    )
    (_, wrong), (missed, right) = pair_confusion_matrix(people, profiles)
    assert result.precision == pytest.approx(right / (right + wrong))
    assert result.recall == pytest.approx(right / (right + missed))


def test_a_profile_buys_when_a_person_in_it_buys():
    scores = frame([("1", 0.9), ("2", 0.1), ("3", 0.5)], "profile_id probability")
    probabilities, labels = future_buyers(
        scores, identity_map(a="1", b="2", c="1"), owners(a="A", b="B", c="B")
    )
    assert probabilities.tolist() == [0.9, 0.1]
    assert labels.tolist() == [1.0, 0.0]


def test_without_scores_the_arrays_are_empty():
    """Without enough buyers, there is no model and no score."""
    scores = frame([("1", 0.9)], "profile_id probability").head(0)
    probabilities, labels = future_buyers(scores, identity_map(a="1"), owners(a="A"))
    assert (probabilities.tolist(), labels.tolist()) == ([], [])


def test_a_folder_without_truth_is_an_error(tmp_path):
    with pytest.raises(ConfError, match="leave --truth out"):
        load_truth(tmp_path)
