"""Evaluation of predicted probabilities against known outcomes.

Every metric is exact and depends only on the set of (probability, outcome) pairs, not on their
order. People with equal scores share their outcomes evenly wherever a cut falls between them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.errors import ModelDataError

Floats = NDArray[np.float64]
Curve = tuple[tuple[float, float], ...]

CALIBRATION_BINS = 10
TOP_SHARE = 0.1
CURVE_POINTS = 200


@dataclass(frozen=True)
class CalibrationBin:
    """People of similar predicted probability, with the rate of positives among them."""

    mean_probability: float
    observed_rate: float
    count: int


@dataclass(frozen=True)
class RankingMetrics:
    """How well a score orders people. The score need not be a probability.

    Attributes:
        lift_top_decile: rate of positives in the top tenth, divided by the rate among all people.
        roc: (false positive rate, true positive rate).
        precision_recall: (recall, precision).
        gain: (share of people selected from the top, share of the positives among them).
    """

    auc_roc: float
    average_precision: float
    lift_top_decile: float
    roc: Curve
    precision_recall: Curve
    gain: Curve


@dataclass(frozen=True)
class Evaluation:
    """A model and a baseline rule, evaluated on the same hold-out."""

    people: int
    positives: int
    metrics: Mapping[str, float]
    baseline_metrics: Mapping[str, float]
    ranking: RankingMetrics
    baseline_ranking: RankingMetrics
    calibration: tuple[CalibrationBin, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(probabilities: Floats, labels: Floats, *, baseline_scores: Floats) -> Evaluation:
    """Evaluates probabilities against outcomes.

    Args:
        labels: 1.0 for a positive (the person bought), 0.0 for a negative.
        baseline_scores: scores of the baseline rule for the same people; only their order matters.

    Raises:
        ModelDataError: all outcomes are the same, or a value is not a probability.
    """
    from sklearn import metrics  # imported here: it takes a second

    _check(probabilities, labels)
    ranking = ranking_metrics(probabilities, labels)
    baseline = ranking_metrics(baseline_scores, labels)
    bins = calibration_bins(probabilities, labels)
    gaps = [bin.count * abs(bin.mean_probability - bin.observed_rate) for bin in bins]
    return Evaluation(
        people=int(labels.size),
        positives=int(labels.sum()),
        metrics={
            **_by_name(ranking),
            "brier": float(metrics.brier_score_loss(labels, probabilities)),
            "log_loss": float(metrics.log_loss(labels, probabilities)),
            "ece": sum(gaps) / labels.size,
            "base_rate": float(labels.mean()),
        },
        baseline_metrics=_by_name(baseline),
        ranking=ranking,
        baseline_ranking=baseline,
        calibration=bins,
    )


def ranking_metrics(scores: Floats, labels: Floats) -> RankingMetrics:
    """Metrics of the order that `scores` gives, the highest first. Both outcomes must occur."""
    from sklearn import metrics

    fpr, tpr, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    positives, people = labels.sum(), float(labels.size)
    # Counts at each distinct score, from (0, 0) on; rounding removes the error of the division.
    true_positives = np.rint(tpr * positives)
    selected = true_positives + np.rint(fpr * (people - positives))
    top = np.ceil(people * TOP_SHARE)
    positives_in_top = float(np.interp(top, selected, true_positives))
    return RankingMetrics(
        auc_roc=float(metrics.roc_auc_score(labels, scores)),
        average_precision=float(metrics.average_precision_score(labels, scores)),
        lift_top_decile=float((positives_in_top / top) / (positives / people)),
        roc=_thinned(fpr, tpr),
        precision_recall=_thinned(tpr[1:], true_positives[1:] / selected[1:]),
        gain=_thinned(selected / people, tpr),
    )


def calibration_bins(
    probabilities: Floats, labels: Floats, *, count: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """Bins of people in order of probability; their sizes differ by at most one.

    People of equal probability share their outcomes evenly, so a bin that cuts between them does
    not depend on the order of the rows. `sklearn.calibration_curve` never cuts between them, and
    its bins may differ in size.
    """
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    _, group, sizes = np.unique(ordered, return_inverse=True, return_counts=True)
    rate_by_group = np.bincount(group, weights=labels[order]) / sizes
    bins = zip(
        np.array_split(ordered, min(count, ordered.size)),
        np.array_split(rate_by_group[group], min(count, ordered.size)),
        strict=True,
    )
    return tuple(
        CalibrationBin(float(predicted.mean()), float(observed.mean()), int(predicted.size))
        for predicted, observed in bins
    )


def _check(probabilities: Floats, labels: Floats) -> None:
    positives = int(labels.sum())
    if positives in (0, labels.size):
        raise ModelDataError(
            f"hold-out: {positives:,} of {labels.size:,} people bought, expected some but not all. "
            "Widen the horizon (propensity.horizon_days) or add more history."
        )
    # Written so that NaN counts as outside the range.
    is_probability = (probabilities >= 0.0) & (probabilities <= 1.0)
    if not is_probability.all():
        raise ModelDataError(
            f"hold-out: {int((~is_probability).sum()):,} of {labels.size:,} scores are outside "
            "[0, 1], expected probabilities. Check the features for values that are not finite."
        )


def _by_name(ranking: RankingMetrics) -> dict[str, float]:
    return {
        "auc_roc": ranking.auc_roc,
        "average_precision": ranking.average_precision,
        "lift_top_decile": ranking.lift_top_decile,
    }


def _thinned(x: Floats, y: Floats) -> Curve:
    """At most `CURVE_POINTS` points, evenly spread along the curve, with both ends."""
    kept = np.unique(np.linspace(0, x.size - 1, min(CURVE_POINTS, x.size)).round().astype(int))
    return tuple((float(a), float(b)) for a, b in zip(x[kept], y[kept], strict=True))
