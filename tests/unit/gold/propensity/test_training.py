"""Training of propensity: fit, evaluate, register, and promote if the gate passes."""

import pytest

from frames import at
from kinfold.core.errors import ModelDataError
from kinfold.gold.propensity.estimator import FEATURE_COLUMNS, Boosting
from kinfold.gold.propensity.training import missing_outcomes, train_propensity
from kinfold.gold.propensity.training_set import snapshot_times
from kinfold.models import registry
from kinfold.models.gates import Gate
from kinfold.models.tracking import client_of
from made_people import made_features, made_purchases

pytestmark = pytest.mark.xdist_group("propensity")  # on one worker, to share its fixtures
NOW = at("2026-03-31")
MOMENTS = snapshot_times(NOW, horizon_days=30, train_count=2, step_days=7)


@pytest.fixture(scope="module")
def features(spark):
    return made_features(spark, people=300, as_ofs=[*MOMENTS.all, NOW]).cache()


def train(tracking, features, purchases, *, gate, **more):
    settings = dict(
        as_of=NOW,
        snapshots=MOMENTS,
        tracking=tracking,
        name="buys",
        input_versions={"silver.events": 5},
        boosting=Boosting(trees=3, depth=2),
        partitions=1,
    )
    return train_propensity(features, purchases, gate=gate, **{**settings, **more})


@pytest.fixture(scope="module")
def first(tracking, features):
    gate = Gate(at_least={"auc_roc": 0.6}, tolerance={"auc_roc": 0.01})
    return train(tracking, features, made_purchases(features), gate=gate)


def test_a_model_that_passes_its_gate_is_promoted(tracking, first):
    assert (first.version, first.promoted, first.reasons) == (1, True, ())
    assert first.metrics["auc_roc"] > 0.7
    assert first.evaluation.people == 300
    champion = registry.get_champion(tracking, name="buys")
    assert (champion.version, champion.run_id) == (1, first.run_id)
    assert (champion.as_of, champion.inputs) == (NOW, FEATURE_COLUMNS)


def test_the_run_records_the_moments_the_counts_and_the_baseline(tracking, first):
    data = client_of(tracking).get_run(first.run_id).data
    assert data.params["holdout_as_of"] == "2026-03-01T00:00:00+00:00"
    assert data.metrics["train_rows"] == 600
    assert data.metrics["holdout_rows"] == 300
    assert data.metrics["rule_auc_roc"] == first.evaluation.baseline_metrics["auc_roc"]
    document = registry.read_document(tracking, run_id=first.run_id, document="evaluation")
    assert document["metrics"] == pytest.approx(first.metrics)
    assert len(document["calibration"]) == 10
    for figure in ("roc_curve", "precision_recall", "calibration", "gain", "feature_importance"):
        assert registry.read_figure(tracking, run_id=first.run_id, name=figure)


def test_a_second_training_gives_the_same_model_and_is_compared_with_the_champion(
    tracking, features, first
):
    too_high = Gate(at_least={"auc_roc": 0.999}, tolerance={"auc_roc": 0.0})
    again = train(tracking, features.repartition(3), made_purchases(features), gate=too_high)
    assert again.metrics == first.metrics
    assert (again.version, again.promoted) == (2, False)
    assert len(again.reasons) == 1
    verdict = registry.read_document(tracking, run_id=again.run_id, document="verdict")
    check = verdict["checks"][-1]
    assert check["name"] == "auc_roc against the champion"
    assert check["required"] == pytest.approx(first.metrics["auc_roc"])
    assert registry.get_champion(tracking, name="buys").version == 1


def test_too_few_buyers_are_reported_with_counts_and_days(tracking, features):
    none = made_purchases(features).limit(0)
    with pytest.raises(
        ModelDataError,
        match=r"training: 0 of 600 rows are buyers; hold-out: 0 of 300 rows .* "
        "The hold-out is 2026-03-01, the training moments start on 2026-01-23",
    ):
        train(tracking, features, none, gate=Gate())
    reason = missing_outcomes(features, none, snapshots=MOMENTS)
    assert reason.startswith("training: 0 of 600 rows are buyers; hold-out: 0 of 300 rows are ")
    assert missing_outcomes(features, made_purchases(features), snapshots=MOMENTS) is None


def test_missing_features_at_the_moments_are_reported(tracking, features):
    empty = features.where(f"as_of > timestamp '{MOMENTS.holdout:%Y-%m-%d}'")
    with pytest.raises(ModelDataError, match="training: 0 of 0 rows"):
        train(tracking, empty, made_purchases(features), gate=Gate())
