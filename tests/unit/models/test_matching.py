"""matching: a matching of person records as an MLflow run."""

from types import SimpleNamespace

import pytest

from kinfold.models import registry
from kinfold.models.matching import track_matching
from kinfold.models.tracking import client_of
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import AttributeModel, MatchModel
from kinfold.silver.matching.settings import MatchingSettings

pytestmark = pytest.mark.xdist_group("propensity")  # on the worker that has MLflow open

MODEL = MatchModel(
    -3.0, (AttributeModel("sex", Kind.GENDER, (0.125, 0.875), (0.5, 0.4375), 0.4),), 12
)
MATCHING = SimpleNamespace(
    model=MODEL,
    settings=MatchingSettings(),
    seconds={"compare": 1.5},
    metrics=lambda: {"records": 4, "estimated_precision": 0.75},
)


def test_estimates_and_real_scores_have_names_side_by_side(tracking):
    run_id = track_matching(tracking, MATCHING, name="people.csv", scores={"precision": 0.5})
    assert registry.metrics_of(tracking, run_id=run_id) == {
        "records": 4.0,
        "estimated_precision": 0.75,
        "real_precision": 0.5,
        "seconds_compare": 1.5,
    }


def test_a_run_names_its_model_its_settings_and_its_weights(tracking):
    versions = {"silver.records": 7}
    run_id = track_matching(tracking, MATCHING, name="people.csv", input_versions=versions)
    run = client_of(tracking).get_run(run_id)
    assert run.data.tags["kinfold.model_version"] == MODEL.version
    assert run.data.params["input.silver.records"] == "7"
    assert '"link_at": 0.5' in run.data.params["clustering"]
    weights = registry.read_document(tracking, run_id=run_id, document="weights_in_bits")
    assert weights == {"sex": {"else": -2.0, "equal": 1.0}}
