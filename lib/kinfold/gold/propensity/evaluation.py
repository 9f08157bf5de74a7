"""Evaluation: how good probabilities are, judged on people whose outcome is known.

Everything is exact and depends only on the set of (probability, outcome) pairs, never on their
order: people with equal scores share their outcomes evenly wherever a cut would split them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.errors import ModelDataError

Floats = NDArray[np.float64]
Points = tuple[tuple[float, float], ...]

CALIBRATION_BINS = 10
TOP_SHARE = 0.1
CURVE_POINTS = 200


@dataclass(frozen=True)
class CalibrationBin:
    """People of similar probability: what was said of them and what came true."""

    mean_probability: float
    observed_rate: float
    count: int


@dataclass(frozen=True)
class RankingMetrics:
    """How well a score orders people; nothing here needs it to be a probability.

    Attributes:
        roc: (false positive rate, true positive rate).
        precision_recall: (recall, precision).
        gain: (share of people taken from the top, share of the buyers among them).
    """

    auc_roc: float
    average_precision: float
    lift_top_decile: float
    roc: Points
    precision_recall: Points
    gain: Points


@dataclass(frozen=True)
class Evaluation:
    """A model judged on a hold-out, beside a one-line rule judged on the same people."""

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
    """Judge probabilities against outcomes.

    Args:
        labels: 1.0 for who acted, 0.0 for who did not.
        baseline_scores: the rule's score of the same people; only its order matters.

    Raises:
        ModelDataError: only one outcome occurs, or a probability is not one.
    """
    _check(probabilities, labels)
    ranking = rank(probabilities, labels)
    baseline = rank(baseline_scores, labels)
    bins = calibration_bins(probabilities, labels)
    gaps = [bin.count * abs(bin.mean_probability - bin.observed_rate) for bin in bins]
    metrics = {
        **_ranking_metrics(ranking),
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "log_loss": _log_loss(probabilities, labels),
        "ece": sum(gaps) / labels.size,
        "base_rate": float(labels.mean()),
    }
    return Evaluation(
        people=int(labels.size),
        positives=int(labels.sum()),
        metrics=metrics,
        baseline_metrics=_ranking_metrics(baseline),
        ranking=ranking,
        baseline_ranking=baseline,
        calibration=bins,
    )


def rank(scores: Floats, labels: Floats) -> RankingMetrics:
    """How well `scores` puts the people with label 1.0 first; both outcomes must occur."""
    found, taken = _cumulative(scores, labels)
    positives, people = found[-1], taken[-1]
    negatives = people - positives
    tpr, fpr = found / positives, (taken - found) / negatives
    precision = np.divide(found, taken, out=np.ones_like(found), where=taken > 0)
    top = np.ceil(people * TOP_SHARE)
    found_in_top = float(np.interp(top, taken, found))
    return RankingMetrics(
        auc_roc=float(np.trapezoid(tpr, fpr)),
        average_precision=float(np.sum(np.diff(tpr) * precision[1:])),
        lift_top_decile=float((found_in_top / top) / (positives / people)),
        roc=_thinned(fpr, tpr),
        precision_recall=_thinned(tpr[1:], precision[1:]),
        gain=_thinned(taken / people, tpr),
    )


def calibration_bins(
    probabilities: Floats, labels: Floats, *, count: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """People in order of probability, cut into groups whose sizes differ by at most one."""
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    _, group, sizes = np.unique(ordered, return_inverse=True, return_counts=True)
    shared = np.bincount(group, weights=labels[order]) / sizes
    groups = zip(
        np.array_split(ordered, min(count, ordered.size)),
        np.array_split(shared[group], min(count, ordered.size)),
        strict=True,
    )
    return tuple(
        CalibrationBin(float(said.mean()), float(seen.mean()), int(said.size))
        for said, seen in groups
    )


def _check(probabilities: Floats, labels: Floats) -> None:
    positives = int(labels.sum())
    if positives in (0, labels.size):
        raise ModelDataError(
            f"hold-out: {positives:,} of {labels.size:,} people acted, expected some and not all. "
            "Widen the horizon (propensity.horizon_days) or bring more history."
        )
    # A NaN is not in the range either.
    is_probability = (probabilities >= 0.0) & (probabilities <= 1.0)
    if not is_probability.all():
        raise ModelDataError(
            f"hold-out: {int((~is_probability).sum()):,} of {labels.size:,} scores are outside "
            "[0, 1], expected probabilities. Check the features for values that are not finite."
        )


def _cumulative(scores: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """(buyers found, people taken) from the top, one step per distinct score, from (0, 0) on."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), scores.size - 1)
    found = np.cumsum(labels[order])[ends]
    return np.insert(found, 0, 0.0), np.insert(ends + 1.0, 0, 0.0)


def _log_loss(probabilities: Floats, labels: Floats) -> float:
    smallest = float(np.finfo(np.float64).eps)  # a certainty that fails would cost infinitely much
    p = np.clip(probabilities, smallest, 1.0 - smallest)
    return float(-np.mean(labels * np.log(p) + (1.0 - labels) * np.log1p(-p)))


def _ranking_metrics(ranking: RankingMetrics) -> dict[str, float]:
    return {
        "auc_roc": ranking.auc_roc,
        "average_precision": ranking.average_precision,
        "lift_top_decile": ranking.lift_top_decile,
    }


def _thinned(x: Floats, y: Floats) -> Points:
    """At most `CURVE_POINTS` points, evenly spread along the curve, both ends kept."""
    kept = np.unique(np.linspace(0, x.size - 1, min(CURVE_POINTS, x.size)).round().astype(int))
    return tuple((float(a), float(b)) for a, b in zip(x[kept], y[kept], strict=True))
