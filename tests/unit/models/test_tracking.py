"""tracking and registry: runs, versions and the champion, on a real MLflow."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.ml import Pipeline
from pyspark.ml.feature import SQLTransformer
from pyspark.sql import types as T

from frames import assert_rows, at
from kinfold.core.errors import ConfError, ModelGateError
from kinfold.models import plots, registry
from kinfold.models.gates import Check, GateVerdict
from kinfold.models.tracking import client_of, open_tracking, training_run

pytestmark = pytest.mark.xdist_group("propensity")  # on one worker, to share MLflow
NAME = "test-model"
AS_OF = at("2026-03-31")
INPUTS = T.StructType(
    [T.StructField("x", T.LongType(), False), T.StructField("y", T.DoubleType(), True)]
)
PASSED = GateVerdict((Check("auc_roc", 0.8, "at least", 0.6),))
FAILED = GateVerdict((Check("auc_roc", 0.5, "at least", 0.6),))


@pytest.fixture(scope="module")
def model(spark):
    doubled = SQLTransformer(statement="SELECT *, x * 2D AS prediction FROM __THIS__")
    return Pipeline(stages=[doubled]).fit(spark.range(1).selectExpr("id AS x", "0D AS y"))


def trained(tracking, model, verdict, *, as_of=AS_OF, name=NAME):
    """A run with everything that a training logs: (run id, version, promoted)."""
    with training_run(tracking, name=name, input_versions={"gold.features": 3}) as run:
        run.log(params={"trees": 20, "moments": ["a", "b"]}, metrics={"auc_roc": 0.8})
        run.log(metrics={"undefined": float("nan")})
        run.log_files(
            figures={"sizes": plots.plot_profile_sizes([[1, 2]])},
            documents={"evaluation": {"curve": [(0.0, 1.0)], "gap": float("inf")}},
        )
        version = run.register(
            model,
            name=name,
            inputs=INPUTS,
            outputs={"prediction": "double"},
            example={"x": 1, "y": None},
            as_of=as_of,
        )
        promoted = registry.apply_verdict(run, name=name, version=version, verdict=verdict)
    return run.run_id, version, promoted


@pytest.fixture(scope="module")
def first(tracking, model):
    return trained(tracking, model, PASSED)


def test_a_run_has_params_metrics_and_input_versions(tracking, first):
    run = client_of(tracking).get_run(first[0])
    assert run.info.status == "FINISHED"
    assert run.data.params["trees"] == "20"
    assert run.data.params["input.gold.features"] == "3"
    assert json.loads(run.data.tags["kinfold.input_versions"]) == {"gold.features": 3}
    assert run.data.tags["kinfold.gate"] == "passed"
    assert registry.metrics_of(tracking, run_id=first[0]) == {"auc_roc": 0.8}


def test_documents_and_figures_are_read_back(tracking, first):
    evaluation = registry.read_document(tracking, run_id=first[0], document="evaluation")
    assert evaluation == {"curve": [[0.0, 1.0]], "gap": None}
    assert registry.read_document(tracking, run_id=first[0], document="verdict")["is_passed"]
    assert registry.read_figure(tracking, run_id=first[0], name="sizes").startswith(b"\x89PNG")


def test_a_passed_candidate_is_the_champion_and_can_be_loaded(spark, tracking, first):
    assert first[1:] == (1, True)
    champion = registry.get_champion(tracking, name=NAME)
    assert champion == registry.Champion(NAME, 1, first[0], AS_OF, ("x", "y"))
    loaded = registry.load_model(tracking, champion)
    doubled = loaded.transform(spark.range(3).selectExpr("id AS x"))
    assert_rows(doubled, ["x", "prediction"], [(0, 0.0), (1, 2.0), (2, 4.0)])


def test_a_model_has_a_signature_and_an_example(tracking, first):
    import mlflow

    version = client_of(tracking).get_model_version(NAME, "1")
    info = mlflow.models.get_model_info(version.source)
    assert [(c.name, c.type.name, c.required) for c in info.signature.inputs] == [
        ("x", "long", True),
        ("y", "double", False),
    ]
    assert info.saved_input_example_info is not None


def test_a_failed_candidate_is_registered_with_its_reasons_and_the_champion_stays(
    tracking, model, first
):
    run_id, version, promoted = trained(tracking, model, FAILED)
    assert (version, promoted) == (2, False)
    assert registry.get_champion(tracking, name=NAME).version == 1
    tags = client_of(tracking).get_run(run_id).data.tags
    assert json.loads(tags["kinfold.gate.reasons"]) == ["auc_roc is 0.5, required at least 0.6"]
    assert client_of(tracking).get_model_version(NAME, "2").tags["gate"] == "failed"


def test_without_a_champion_the_error_names_the_next_step(tracking, model):
    assert registry.find_champion(tracking, name="unknown") is None
    trained(tracking, model, FAILED, name="never-passed")
    for name in ("unknown", "never-passed"):
        with pytest.raises(ModelGateError, match=f"model {name}: no champion at .* Train one"):
            registry.get_champion(tracking, name=name)


def test_training_is_due_without_a_champion_or_with_an_old_one(tracking, first):
    week = timedelta(days=7)
    due = dict(tracking=tracking, name=NAME, after_days=7, now=AS_OF + week)
    assert not registry.is_due(as_of=AS_OF, **due)
    assert not registry.is_due(as_of=AS_OF + week - timedelta(seconds=1), **due)
    assert registry.is_due(as_of=AS_OF + week, **due)
    assert not registry.is_due(as_of=AS_OF - week, **due)
    assert registry.is_due(as_of=AS_OF, **{**due, "name": "unknown"})


def test_training_is_due_with_a_champion_of_the_future(tracking, first):
    day = timedelta(days=1)
    due = dict(tracking=tracking, name=NAME, after_days=7)
    assert registry.is_due(as_of=AS_OF - 2 * day, now=AS_OF - day, **due)
    assert not registry.is_due(as_of=AS_OF - 2 * day, now=AS_OF, **due)


def test_a_run_that_raises_is_failed_and_keeps_its_params(tracking):
    runs = []

    def breaks():
        with training_run(tracking, name="breaks", input_versions={}) as run:
            runs.append(run.run_id)
            run.log(params={"trees": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    run = client_of(tracking).get_run(runs[0])
    assert run.info.status == "FAILED"
    assert run.data.params == {"trees": "1"}


def test_an_existing_experiment_is_opened_again(tracking):
    again = open_tracking(tracking.uri, experiment="made", artifact_root="/elsewhere")
    assert again == tracking


def test_nothing_is_printed(tracking, model, capfd):
    trained(tracking, model, PASSED, name="quiet")
    registry.load_model(tracking, registry.get_champion(tracking, name="quiet"))
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err == ""


@pytest.mark.parametrize("uri", ["nonsense://user:secret@host/x", "sqlite:////proc/none/mlflow.db"])
def test_a_uri_that_cannot_be_opened_is_one_line_without_its_password(uri):
    with pytest.raises(ConfError, match=r"MLflow at .*cannot be opened") as raised:
        open_tracking(uri, experiment="made")
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_copy_has_the_models_of_the_original_and_never_writes_into_it(tracking, first, tmp_path):
    original = Path(tracking.uri.removeprefix("sqlite:///")).parent
    copied = shutil.copytree(original, tmp_path / "copied")
    before = sorted(original.rglob("*"))
    copy = open_tracking(f"sqlite:///{copied}/mlflow.db", experiment="made")
    with training_run(copy, name="in the copy", input_versions={}) as run:
        run.log_files(documents={"evaluation": {}})
    assert list(copied.rglob(f"{run.run_id}/**/evaluation.json"))
    assert sorted(original.rglob("*")) == before
    version = client_of(copy).get_model_version(NAME, "1")
    assert version.source.startswith(str(copied))
    assert Path(version.source, "MLmodel").is_file()


def test_files_that_were_not_copied_are_one_line(tracking, first, tmp_path):
    shutil.copy(tracking.uri.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    (tmp_path / "artifacts" / "made").mkdir(parents=True)
    copy = open_tracking(f"sqlite:///{tmp_path}/mlflow.db", experiment="made")
    champion = registry.get_champion(copy, name=NAME)
    with pytest.raises(ModelGateError, match=r"version 1: MLflow cannot read its files"):
        registry.load_model(copy, champion)
    with pytest.raises(ModelGateError, match=r"MLflow run \w+: MLflow cannot read its files"):
        registry.read_document(copy, run_id=first[0], document="evaluation")


def test_a_database_of_another_version_of_mlflow_is_one_line(tracking, tmp_path):
    file = tmp_path / "mlflow.db"
    shutil.copy(tracking.uri.removeprefix("sqlite:///"), file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '3500859a5d39'")
    with pytest.raises(ConfError, match=r"mlflow db upgrade sqlite:.*mlflow\.db$"):
        open_tracking(f"sqlite:///{file}", experiment="made")


def test_files_of_a_run_are_beside_the_database(tmp_path):
    tracking = open_tracking(f"sqlite:///{tmp_path}/mlflow.db", experiment="made")
    experiment = client_of(tracking).get_experiment(tracking.experiment_id)
    assert experiment.artifact_location == str(tmp_path / "artifacts" / "made")
