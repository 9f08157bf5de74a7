"""Evaluation of predicted probabilities against outcomes."""

import math

import numpy as np
import pytest

from kinfold.core.errors import ModelDataError
from kinfold.gold.propensity.evaluation import calibration_bins, evaluate, ranking_metrics


def floats(*values):
    return np.array(values, dtype=np.float64)


def drawn(seed, people, distinct):
    """Scores with ties, and outcomes that depend on the score."""
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, distinct, people) / distinct
    return scores, (draw.random(people) < 0.1 + 0.7 * scores).astype(np.float64)


def auc_by_pairs(scores, labels):
    """The share of (positive, negative) pairs that the score orders correctly; a tie is half."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    wins = sum(float(np.sum(p > negatives) + 0.5 * np.sum(p == negatives)) for p in positives)
    return wins / (positives.size * negatives.size)


def average_precision_by_steps(scores, labels):
    """Precision at each distinct score, weighted by the recall that it adds."""
    total = 0.0
    for score in np.unique(scores):
        selected = scores >= score
        total += labels[selected].mean() * labels[scores == score].sum() / labels.sum()
    return float(total)


@pytest.mark.parametrize(("people", "distinct"), [(50, 4), (2_000, 37), (5_000, 10**9)])
def test_metrics_agree_with_their_definitions(people, distinct):
    scores, labels = drawn(people, people, distinct)
    actual = evaluate(scores, labels, baseline_scores=-scores)
    metrics = actual.metrics
    assert metrics["auc_roc"] == pytest.approx(auc_by_pairs(scores, labels), abs=1e-12)
    expected = average_precision_by_steps(scores, labels)
    assert metrics["average_precision"] == pytest.approx(expected, abs=1e-12)
    pairs = list(zip(scores.tolist(), labels.tolist(), strict=True))
    squares = [(score - label) ** 2 for score, label in pairs]
    assert metrics["brier"] == pytest.approx(math.fsum(squares) / people, abs=1e-12)
    costs = [-math.log(max(score if label else 1 - score, 2.0**-52)) for score, label in pairs]
    assert metrics["log_loss"] == pytest.approx(math.fsum(costs) / people, abs=1e-9)
    assert metrics["base_rate"] == labels.mean()
    assert actual.baseline_metrics["auc_roc"] == pytest.approx(1 - metrics["auc_roc"], abs=1e-12)


def test_the_metrics_of_four_people():
    labels, probabilities = floats(1, 0, 1, 0), floats(0.9, 0.6, 0.5, 0.2)
    metrics = evaluate(probabilities, labels, baseline_scores=probabilities).metrics
    assert metrics["auc_roc"] == pytest.approx(3 / 4)  # of 4 pairs, only (0.5, 0.6) is wrong
    assert metrics["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert metrics["brier"] == pytest.approx((0.01 + 0.36 + 0.25 + 0.04) / 4)
    logs = math.log(0.9) + math.log(0.4) + math.log(0.5) + math.log(0.8)
    assert metrics["log_loss"] == pytest.approx(-logs / 4)


def test_the_log_loss_of_a_wrong_certainty_is_finite():
    actual = evaluate(floats(0, 1), floats(1, 0), baseline_scores=floats(0, 1)).metrics
    assert actual["log_loss"] == pytest.approx(36.04, abs=0.01)


def test_a_perfect_order_has_an_auc_of_one_and_the_reverse_order_of_zero():
    labels = floats(1, 1, 0, 0)
    perfect, worst = (
        ranking_metrics(floats(4, 3, 2, 1), labels),
        ranking_metrics(floats(1, 2, 3, 4), labels),
    )
    assert (perfect.auc_roc, perfect.average_precision) == (1.0, 1.0)
    assert worst.auc_roc == 0.0
    assert worst.average_precision == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_lift_compares_the_top_tenth_with_all_people():
    labels = floats(1, 1, *[0] * 6, 1, 1, *[0] * 10)  # 4 of 20 buy, both of the top two
    assert ranking_metrics(np.arange(20, 0, -1.0), labels).lift_top_decile == pytest.approx(5.0)


def test_people_of_equal_score_share_their_outcomes_evenly_at_every_cut():
    one_score = ranking_metrics(np.zeros(20), floats(*[1] * 5, *[0] * 15))
    assert one_score.lift_top_decile == pytest.approx(1.0)
    assert one_score.auc_roc == pytest.approx(0.5)
    bins = calibration_bins(np.full(20, 0.3), floats(*[1] * 5, *[0] * 15))
    assert [b.observed_rate for b in bins] == pytest.approx([0.25] * 10)


def test_calibration_bins_have_equal_sizes_and_ece_is_the_weighted_gap_of_the_bins():
    probabilities = floats(*[0.1] * 10, *[0.5] * 11)
    labels = floats(1, *[0] * 9, *[1] * 11)
    first, second = calibration_bins(probabilities, labels, count=2)
    assert (first.count, second.count) == (11, 10)
    assert second.mean_probability == pytest.approx(0.5)
    assert second.observed_rate == pytest.approx(1.0)
    actual = evaluate(probabilities, labels, baseline_scores=probabilities)
    assert actual.metrics["ece"] == pytest.approx(11 * 0.5 / 21, abs=1e-12)
    assert sum(b.count for b in actual.calibration) == 21


def test_the_order_of_people_does_not_change_the_result():
    scores, labels = drawn(5, 3_000, 50)
    shuffled = np.random.default_rng(6).permutation(scores.size)
    one = evaluate(scores, labels, baseline_scores=scores**2).as_dict()
    two = evaluate(
        scores[shuffled], labels[shuffled], baseline_scores=scores[shuffled] ** 2
    ).as_dict()
    assert one["metrics"] == pytest.approx(two["metrics"], abs=1e-12)
    assert one["ranking"]["gain"] == two["ranking"]["gain"]


def test_curves_have_at_most_200_points_and_keep_both_ends():
    scores, labels = drawn(7, 5_000, 10**9)
    actual = ranking_metrics(scores, labels)
    for curve in (actual.roc, actual.gain):
        assert len(curve) <= 200
        assert curve[0] == (0.0, 0.0)
        assert curve[-1] == (1.0, 1.0)
    assert actual.precision_recall[-1] == (1.0, pytest.approx(labels.mean()))


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_people_with_one_outcome_cannot_be_evaluated(label):
    with pytest.raises(
        ModelDataError, match=r"hold-out: \d of 3 people bought, expected some but not all"
    ):
        evaluate(floats(0.1, 0.2, 0.3), np.full(3, label), baseline_scores=floats(1, 2, 3))


def test_scores_outside_zero_to_one_are_rejected():
    with pytest.raises(ModelDataError, match="2 of 3 scores are outside"):
        evaluate(floats(0.1, 1.2, np.nan), floats(0, 1, 0), baseline_scores=floats(1, 2, 3))
