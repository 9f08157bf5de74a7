"""Training: from labelled features to a judged version in the registry, in use if it passes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, functions as F

from kinfold.core.errors import ModelDataError
from kinfold.gold.propensity.estimator import (
    FEATURE_COLUMNS,
    Boosting,
    baseline_score,
    feature_importance,
    propensity_estimator,
    with_probability,
)
from kinfold.gold.propensity.evaluation import Evaluation, evaluate
from kinfold.gold.propensity.training_set import Snapshots, labelled_features
from kinfold.models import plots, registry
from kinfold.models.gates import Gate
from kinfold.models.tracking import Tracking, training_run
from kinfold.tables import gold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_ACTS = 10  # buyers, and people who did not buy, below which nothing can be learnt or judged


@dataclass(frozen=True)
class PropensityTraining:
    """What one training led to.

    Attributes:
        promoted: whether the version is the champion now.
        reasons: the checks it failed, as sentences; empty when promoted.
    """

    name: str
    version: int
    run_id: str
    promoted: bool
    reasons: tuple[str, ...]
    evaluation: Evaluation

    @property
    def metrics(self) -> Mapping[str, float]:
        return self.evaluation.metrics


def train_propensity(
    features: DataFrame,
    purchases: DataFrame,
    *,
    as_of: datetime,
    snapshots: Snapshots,
    horizon_days: int,
    tracking: Tracking,
    name: str,
    gate: Gate,
    input_versions: Mapping[str, int],
    boosting: Boosting | None = None,
    seed: int = 7,
    partitions: int = 2,
) -> PropensityTraining:
    """Train on the earlier moments, judge on the hold-out, register, promote if the gate passes.

    Args:
        features: gold.features at every moment of `snapshots`; further moments are ignored.
        purchases: `purchases_within` of the same moments and horizon.
        as_of: the moment of the training; the outcome of the hold-out is complete by then.
        name: registered model name.
        partitions: pieces the training rows are cut into; few for few rows, as each tree costs a
            round trip per level. The model is the same for the same number.

    Raises:
        ModelDataError: too few people bought, or too few did not.
    """
    boosting = boosting or Boosting()
    wanted = F.col("as_of").isin(list(snapshots.all))
    # Rows in a fixed place and order: the trees' cut points are taken from samples of partitions.
    rows = (
        labelled_features(features.where(wanted), purchases)
        .repartition(partitions, "profile_id")
        .sortWithinPartitions("profile_id", "as_of")
        .cache()
    )
    try:
        counts = _checked_counts(rows, snapshots=snapshots)
        is_holdout = F.col("as_of") == F.lit(snapshots.holdout)
        holdout = rows.where(is_holdout)
        with training_run(tracking, name=name, input_versions=input_versions) as run:
            settings = {"horizon_days": horizon_days, "seed": seed, "partitions": partitions}
            run.describe(params={**settings, **asdict(boosting), **_moments(snapshots)})
            estimator = propensity_estimator(boosting=boosting, seed=seed)
            model = estimator.fit(rows.where(~is_holdout))
            evaluation = holdout_evaluation(model, holdout)
            run.describe(metrics=_all_metrics(evaluation, counts))
            champion = registry.champion_metrics(
                tracking,
                holdout,
                name=name,
                evaluate=lambda model: holdout_evaluation(model, holdout).metrics,
            )
            verdict = gate.judge(
                evaluation.metrics, baseline=evaluation.baseline_metrics, champion=champion
            )
            importance = feature_importance(model)
            run.keep(
                figures=figures_of(evaluation, importance),
                documents={
                    "evaluation": evaluation.as_dict(),
                    "feature_importance": importance,
                    "champion_metrics": champion,
                },
            )
            version = registry.register_candidate(
                run,
                model,
                holdout,
                name=name,
                columns=FEATURE_COLUMNS,
                declared=gold.FEATURES.schema,
                prediction_type="double",
                as_of=as_of,
            )
            promoted = registry.apply_verdict(run, name=name, version=version, verdict=verdict)
    finally:
        rows.unpersist()
    return PropensityTraining(name, version, run.run_id, promoted, verdict.reasons, evaluation)


def holdout_evaluation(model: PipelineModel, holdout: DataFrame) -> Evaluation:
    """A model's evaluation on people whose `label` is known."""
    scored = with_probability(holdout, model=model).select(
        "probability", "label", baseline_score().alias("rule")
    )
    # A few million rows of three numbers fit on the driver, and there every metric is exact.
    table = scored.toArrow()
    probabilities, labels, rule = (
        np.asarray(table.column(c), dtype=np.float64) for c in ("probability", "label", "rule")
    )
    return evaluate(probabilities, labels, baseline_scores=rule)


def figures_of(evaluation: Evaluation, importance: Mapping[str, float]) -> "dict[str, Figure]":
    """The pictures of an evaluation, by file name."""
    model, rule = evaluation.ranking, evaluation.baseline_ranking
    base_rate = evaluation.metrics["base_rate"]
    bins = [(b.mean_probability, b.observed_rate, b.count) for b in evaluation.calibration]
    return {
        "roc_curve": plots.plot_roc_curve(
            model.roc, rule.roc, auc=model.auc_roc, rule_auc=rule.auc_roc
        ),
        "precision_recall": plots.plot_precision_recall(
            model.precision_recall,
            rule.precision_recall,
            average_precision=model.average_precision,
            rule_average_precision=rule.average_precision,
            base_rate=base_rate,
        ),
        "calibration": plots.plot_calibration(bins, ece=evaluation.metrics["ece"]),
        "gain": plots.plot_gain(
            model.gain, rule.gain, lift_top_decile=model.lift_top_decile, base_rate=base_rate
        ),
        "feature_importance": plots.plot_feature_importance(importance),
    }


def _checked_counts(rows: DataFrame, *, snapshots: Snapshots) -> dict[str, int]:
    """Rows and buyers to learn from and to judge on."""
    is_holdout = F.col("as_of") == F.lit(snapshots.holdout)
    found = {
        bool(row["is_holdout"]): (int(row["people"]), int(row["buyers"]))
        for row in rows.groupBy(is_holdout.alias("is_holdout"))
        .agg(F.count("*").alias("people"), F.sum("label").alias("buyers"))
        .collect()
    }
    problems = []
    for part, at in (("training", False), ("hold-out", True)):
        people, buyers = found.get(at, (0, 0))
        if min(buyers, people - buyers) < LEAST_ACTS:
            problems.append(f"{part}: {buyers:,} of {people:,} rows are of people who bought")
    if problems:
        raise ModelDataError(
            f"propensity: {'; '.join(problems)}, expected at least {LEAST_ACTS} who bought and "
            f"{LEAST_ACTS} who did not. The hold-out is {snapshots.holdout:%Y-%m-%d}, the training "
            f"moments begin on {snapshots.train[0]:%Y-%m-%d}: bring events from before that day "
            "on, or lower propensity.horizon_days, train_count or step_days."
        )
    return {
        "train_rows": found[False][0],
        "train_buyers": found[False][1],
        "holdout_rows": found[True][0],
        "holdout_buyers": found[True][1],
    }


def _moments(snapshots: Snapshots) -> dict[str, Any]:
    return {
        "train_as_of": [moment.isoformat() for moment in snapshots.train],
        "holdout_as_of": snapshots.holdout.isoformat(),
    }


def _all_metrics(evaluation: Evaluation, counts: Mapping[str, int]) -> dict[str, float]:
    rule = {f"rule_{name}": value for name, value in evaluation.baseline_metrics.items()}
    return {**evaluation.metrics, **rule, **counts}
