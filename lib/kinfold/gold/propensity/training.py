"""Training of propensity: fit, evaluate, register, and promote the version if its gate passes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.ml import PipelineModel
from pyspark.sql import Column, DataFrame, functions as F

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
from kinfold.models.tracking import Tracking, TrainingRun, training_run
from kinfold.tables import gold
from kinfold.tables.collected import collected

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_ROWS_PER_OUTCOME = 10
"""Fewest buyers, and fewest other people, in the training rows and in the hold-out."""

_DEFAULT_BOOSTING = Boosting()


@dataclass(frozen=True)
class PropensityTraining:
    """The result of one training.

    Attributes:
        promoted: whether the version is now the champion.
        reasons: the failed checks of the gate, as sentences; empty if promoted.
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
    tracking: Tracking,
    name: str,
    gate: Gate,
    input_versions: Mapping[str, int],
    boosting: Boosting = _DEFAULT_BOOSTING,
    seed: int = 7,
    partitions: int = 2,
) -> PropensityTraining:
    """Fits and evaluates a model, registers it, and promotes it if the gate passes.

    Args:
        features: gold.features at every moment of `snapshots`; other moments are ignored.
        purchases: `purchases_within` of the same moments and horizon.
        as_of: the moment of the training; the labels of the hold-out are complete at that moment.
        name: registered model name.
        partitions: number of partitions of the training rows; the model depends on it. Use few for
            few rows, because each level of each tree is a Spark job.

    Raises:
        ModelDataError: too few people bought, or too few did not.
    """
    rows = _training_rows(features, purchases, snapshots=snapshots, partitions=partitions).cache()
    try:
        counts = _checked_counts(rows, snapshots=snapshots)
        train, holdout = (rows.where(is_part) for is_part in _is_train_and_holdout(snapshots))
        with training_run(tracking, name=name, input_versions=input_versions) as run:
            run.log(params=_params(snapshots, boosting, seed=seed, partitions=partitions))
            model = propensity_estimator(boosting=boosting, seed=seed).fit(train)
            evaluation = holdout_evaluation(model, holdout)
            run.log(metrics=_all_metrics(evaluation, counts))
            champion = registry.champion_metrics(
                tracking,
                holdout,
                name=name,
                evaluate=lambda m: holdout_evaluation(m, holdout).metrics,
            )
            verdict = gate.evaluate(
                evaluation.metrics, baseline=evaluation.baseline_metrics, champion=champion
            )
            _keep(run, evaluation, feature_importance(model), champion)
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
    """Evaluates a model and the baseline rule on rows with a `label`."""
    scored = with_probability(holdout, model=model).select(
        "probability", "label", baseline_score().alias("rule")
    )
    # A few million rows of three numbers fit on the driver, where every metric is exact.
    table = scored.toArrow()
    probabilities, labels, rule = (
        np.asarray(table.column(c), dtype=np.float64) for c in ("probability", "label", "rule")
    )
    return evaluate(probabilities, labels, baseline_scores=rule)


def evaluation_figures(
    evaluation: Evaluation, importance: Mapping[str, float]
) -> "dict[str, Figure]":
    """The figures of an evaluation, by file name."""
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


def _keep(
    run: TrainingRun,
    evaluation: Evaluation,
    importance: Mapping[str, float],
    champion: Mapping[str, float] | None,
) -> None:
    """Stores the figures and the documents of a training in its MLflow run."""
    run.log_files(
        figures=evaluation_figures(evaluation, importance),
        documents={
            "evaluation": evaluation.as_dict(),
            "feature_importance": importance,
            "champion_metrics": champion,
        },
    )


def _training_rows(
    features: DataFrame, purchases: DataFrame, *, snapshots: Snapshots, partitions: int
) -> DataFrame:
    """Labelled features at the moments of `snapshots`, in a fixed partitioning and order.

    Spark samples each partition to choose the split candidates of the trees, so another order
    would give another model.
    """
    is_snapshot = F.col("as_of").isin(list(snapshots.all))
    return (
        labelled_features(features.where(is_snapshot), purchases)
        .repartition(partitions, "profile_id")
        .sortWithinPartitions("profile_id", "as_of")
    )


def missing_outcomes(
    features: DataFrame, purchases: DataFrame, *, snapshots: Snapshots
) -> str | None:
    """Why no model can be trained on these rows, as a sentence; null if one can. Runs a Spark job.

    Args:
        features, purchases, snapshots: those of `train_propensity`.
    """
    rows = _training_rows(features, purchases, snapshots=snapshots, partitions=1)
    return _problem(_outcomes(rows, snapshots=snapshots), snapshots=snapshots)


def _checked_counts(rows: DataFrame, *, snapshots: Snapshots) -> dict[str, int]:
    """Numbers of rows and of buyers, in the training rows and in the hold-out."""
    counts = _outcomes(rows, snapshots=snapshots)
    problem = _problem(counts, snapshots=snapshots)
    if problem:
        raise ModelDataError(
            f"propensity: {problem}. Add events from before that day, or lower "
            "propensity.horizon_days, propensity.train_snapshots or propensity.step_days."
        )
    return {
        "train_rows": counts[False][0],
        "train_buyers": counts[False][1],
        "holdout_rows": counts[True][0],
        "holdout_buyers": counts[True][1],
    }


def _outcomes(rows: DataFrame, *, snapshots: Snapshots) -> dict[bool, tuple[int, int]]:
    """Numbers of rows and of buyers, by whether they are in the hold-out."""
    _, is_holdout = _is_train_and_holdout(snapshots)
    return {
        bool(row["is_holdout"]): (int(row["people"]), int(row["buyers"]))
        for row in collected(
            rows.groupBy(is_holdout.alias("is_holdout")).agg(
                F.count("*").alias("people"), F.sum("label").alias("buyers")
            )
        )
    }


def _problem(counts: Mapping[bool, tuple[int, int]], *, snapshots: Snapshots) -> str | None:
    problems = []
    for part, is_in_holdout in (("training", False), ("hold-out", True)):
        people, buyers = counts.get(is_in_holdout, (0, 0))
        if min(buyers, people - buyers) < MIN_ROWS_PER_OUTCOME:
            problems.append(f"{part}: {buyers:,} of {people:,} rows are buyers")
    if not problems:
        return None
    return (
        f"{'; '.join(problems)}, expected at least {MIN_ROWS_PER_OUTCOME} buyers and "
        f"{MIN_ROWS_PER_OUTCOME} others. The hold-out is {snapshots.holdout:%Y-%m-%d}, the "
        f"training moments start on {snapshots.train[0]:%Y-%m-%d}"
    )


def _is_train_and_holdout(snapshots: Snapshots) -> tuple[Column, Column]:
    """Two conditions on rows: is a training row, is in the hold-out."""
    is_holdout = F.col("as_of") == F.lit(snapshots.holdout)
    return ~is_holdout, is_holdout


def _params(
    snapshots: Snapshots, boosting: Boosting, *, seed: int, partitions: int
) -> dict[str, Any]:
    """The parameters of a training, for its MLflow run."""
    return {
        **asdict(boosting),
        "seed": seed,
        "partitions": partitions,
        "horizon_days": snapshots.horizon_days,
        "train_as_of": [moment.isoformat() for moment in snapshots.train],
        "holdout_as_of": snapshots.holdout.isoformat(),
    }


def _all_metrics(evaluation: Evaluation, counts: Mapping[str, int]) -> dict[str, float]:
    rule = {f"rule_{name}": value for name, value in evaluation.baseline_metrics.items()}
    return {**evaluation.metrics, **rule, **counts}
