"""Evaluation: how good probabilities are."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from kinfold.core.errors import ModelDataError
from kinfold.gold.propensity.evaluation import calibration_bins, evaluate, rank


def floats(*values):
    return np.array(values, dtype=np.float64)


def drawn(seed, people, distinct):
    """Scores with many ties, and outcomes that follow them."""
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, distinct, people) / distinct
    return scores, (draw.random(people) < 0.1 + 0.7 * scores).astype(np.float64)


@pytest.mark.parametrize(("people", "distinct"), [(50, 4), (2_000, 37), (5_000, 10**9)])
def test_metrics_agree_with_scikit_learn(people, distinct):
    scores, labels = drawn(people, people, distinct)
    found = evaluate(scores, labels, baseline_scores=-scores).metrics
    assert found["auc_roc"] == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)
    expected = oracle.average_precision_score(labels, scores)
    assert found["average_precision"] == pytest.approx(expected, abs=1e-12)
    assert found["brier"] == pytest.approx(oracle.brier_score_loss(labels, scores), abs=1e-12)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, scores), abs=1e-9)
    assert found["base_rate"] == labels.mean()


def test_a_certainty_that_fails_costs_much_but_not_everything():
    found = evaluate(floats(0, 1), floats(1, 0), baseline_scores=floats(0, 1)).metrics
    assert found["log_loss"] == pytest.approx(36.04, abs=0.01)


def test_a_perfect_order_and_its_reverse():
    labels = floats(1, 1, 0, 0)
    perfect, worst = rank(floats(4, 3, 2, 1), labels), rank(floats(1, 2, 3, 4), labels)
    assert (perfect.auc_roc, perfect.average_precision) == (1.0, 1.0)
    assert worst.auc_roc == 0.0
    assert worst.average_precision == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_lift_compares_the_top_tenth_with_everyone():
    labels = floats(1, 1, *[0] * 6, 1, 1, *[0] * 10)  # 4 of 20 act, both of the top two
    assert rank(np.arange(20, 0, -1.0), labels).lift_top_decile == pytest.approx(5.0)


def test_people_of_equal_score_share_their_outcomes_wherever_a_cut_splits_them():
    everyone_alike = rank(np.zeros(20), floats(*[1] * 5, *[0] * 15))
    assert everyone_alike.lift_top_decile == pytest.approx(1.0)
    assert everyone_alike.auc_roc == pytest.approx(0.5)
    bins = calibration_bins(np.full(20, 0.3), floats(*[1] * 5, *[0] * 15))
    assert [b.observed_rate for b in bins] == pytest.approx([0.25] * 10)


def test_calibration_groups_are_of_equal_size_and_their_gap_is_the_error():
    said = floats(*[0.1] * 10, *[0.5] * 11)
    labels = floats(1, *[0] * 9, *[1] * 11)
    first, second = calibration_bins(said, labels, count=2)
    assert (first.count, second.count) == (11, 10)
    assert second.mean_probability == pytest.approx(0.5)
    assert second.observed_rate == pytest.approx(1.0)
    found = evaluate(said, labels, baseline_scores=said)
    assert found.metrics["ece"] == pytest.approx(11 * 0.5 / 21, abs=1e-12)
    assert sum(b.count for b in found.calibration) == 21


def test_the_order_of_people_changes_nothing():
    scores, labels = drawn(5, 3_000, 50)
    shuffled = np.random.default_rng(6).permutation(scores.size)
    one = evaluate(scores, labels, baseline_scores=scores**2).as_dict()
    two = evaluate(
        scores[shuffled], labels[shuffled], baseline_scores=scores[shuffled] ** 2
    ).as_dict()
    assert one["metrics"] == pytest.approx(two["metrics"], abs=1e-12)
    assert one["ranking"]["gain"] == two["ranking"]["gain"]


def test_curves_are_short_and_keep_both_ends():
    scores, labels = drawn(7, 5_000, 10**9)
    found = rank(scores, labels)
    for curve in (found.roc, found.gain):
        assert len(curve) <= 200
        assert curve[0] == (0.0, 0.0)
        assert curve[-1] == (1.0, 1.0)
    assert found.precision_recall[-1] == (1.0, pytest.approx(labels.mean()))


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_outcome_only_cannot_be_judged(label):
    with pytest.raises(ModelDataError, match=r"hold-out: \d of 3 people acted, expected some and"):
        evaluate(floats(0.1, 0.2, 0.3), np.full(3, label), baseline_scores=floats(1, 2, 3))


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(ModelDataError, match="2 of 3 scores are outside"):
        evaluate(floats(0.1, 1.2, np.nan), floats(0, 1, 0), baseline_scores=floats(1, 2, 3))
