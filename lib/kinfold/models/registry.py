"""Registry: the versions of a model, and the champion among them."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, types as T

from kinfold.core.errors import ModelGateError
from kinfold.models import tracking as runs
from kinfold.models.gates import GateVerdict
from kinfold.models.tracking import Tracking, TrainingRun
from kinfold.tables.collected import first_row

CHAMPION = "champion"


@dataclass(frozen=True)
class Champion:
    """The version in use.

    Attributes:
        run_id: the run that trained it.
        as_of: the moment up to which its training data was known (UTC).
        inputs: the columns that it reads.
    """

    name: str
    version: int
    run_id: str
    as_of: datetime
    inputs: tuple[str, ...]


@runs.quiet_mlflow()
def find_champion(tracking: Tracking, *, name: str) -> Champion | None:
    """The champion of a model; None if no version has passed its gate, or no version exists."""
    from mlflow.exceptions import MlflowException

    try:
        version = runs.client_of(tracking).get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        # The code for a missing model or alias depends on the kind of store.
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
            return None
        raise
    return Champion(
        name=name,
        version=int(version.version),
        run_id=str(version.run_id),
        as_of=datetime.fromisoformat(version.tags[runs.AS_OF]),
        inputs=tuple(json.loads(version.tags[runs.INPUTS])),
    )


def get_champion(tracking: Tracking, *, name: str) -> Champion:
    """The champion of a model.

    Raises:
        ModelGateError: there is no champion.
    """
    champion = find_champion(tracking, name=name)
    if champion is None:
        raise ModelGateError(
            f"model {name}: no champion at {tracking.uri}, expected a version that passed its "
            "gate. Train one; if a training has run, its report/verdict.json has the reasons."
        )
    return champion


def is_due(
    tracking: Tracking, *, name: str, as_of: datetime, after_days: int, now: datetime
) -> bool:
    """Whether to train a model: it has no champion, a champion that is `after_days` older than
    `as_of` or more, or one of the future, made from a wrong clock.

    Args:
        now: when the run started.
    """
    champion = find_champion(tracking, name=name)
    if champion is None or champion.as_of > max(now, as_of):
        return True
    return as_of - champion.as_of >= timedelta(days=after_days)


@runs.quiet_mlflow()
def load_model(tracking: Tracking, champion: Champion) -> PipelineModel:
    """The champion's Spark pipeline."""
    mlflow = runs.load_mlflow()
    mlflow.set_tracking_uri(tracking.uri)
    mlflow.set_registry_uri(tracking.registry_uri)
    source = f"models:/{champion.name}/{champion.version}"
    # Spark reads the whole model here, so the downloaded copy is not needed afterwards.
    with (
        _readable_files(f"model {champion.name}, version {champion.version}"),
        tempfile.TemporaryDirectory(prefix="kinfold-model-") as folder,
    ):
        model: PipelineModel = mlflow.spark.load_model(
            source, dfs_tmpdir=tracking.spark_folder or folder, dst_path=folder
        )
    return model


@contextmanager
def _readable_files(owner: str) -> Iterator[None]:
    """Raises a `ModelGateError` if MLflow cannot read the files of a model or of a run."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        raise ModelGateError(
            f"{owner}: MLflow cannot read its files ({type(error).__name__}). Bring them back, "
            "or remove the alias `champion` in MLflow and train again."
        ) from error


def champion_metrics(
    tracking: Tracking,
    rows: DataFrame,
    *,
    name: str,
    evaluate: Callable[[PipelineModel], Mapping[str, float]],
) -> Mapping[str, float] | None:
    """The metrics of the champion on the rows that a candidate is evaluated on.

    Args:
        rows: the rows; only their column names are read here.
        evaluate: the metrics of a pipeline on these rows.

    Returns:
        None if there is no champion, or if it reads a column that `rows` does not have: such a
        champion cannot score anyone today.
    """
    champion = find_champion(tracking, name=name)
    if champion is None or not set(champion.inputs) <= set(rows.columns):
        return None
    return evaluate(load_model(tracking, champion))


def register_candidate(
    run: TrainingRun,
    model: PipelineModel,
    rows: DataFrame,
    *,
    name: str,
    columns: Sequence[str],
    declared: T.StructType,
    prediction_type: str,
    as_of: datetime,
) -> int:
    """Log the pipeline and register it as a new version of `name`; the first row is its example.

    Args:
        rows: rows that the model can score.
        columns: the columns that the model reads.
        declared: schema of the table that holds these columns; the signature takes their types.
        prediction_type: MLflow's type of the column `prediction`.
        as_of: see `TrainingRun.register`.

    Returns:
        The version.
    """
    row = first_row(rows.select(*columns))
    return run.register(
        model,
        name=name,
        inputs=T.StructType([field for field in declared.fields if field.name in columns]),
        outputs={"prediction": prediction_type},
        example={} if row is None else row.asDict(),
        as_of=as_of,
    )


def read_document(tracking: Tracking, *, run_id: str, document: str) -> Any:
    """A JSON document that a run logged: `evaluation`, `verdict`, `segments`, ..."""
    return json.loads(_read(tracking, run_id, f"{document}.json"))


def read_figure(tracking: Tracking, *, run_id: str, name: str) -> bytes:
    """A figure that a run logged, as PNG."""
    return _read(tracking, run_id, f"{name}.png")


@runs.quiet_mlflow()
def _read(tracking: Tracking, run_id: str, file: str) -> bytes:
    with _readable_files(f"MLflow run {run_id}"), tempfile.TemporaryDirectory() as folder:
        path = runs.client_of(tracking).download_artifacts(
            run_id, f"{runs.REPORT_PATH}/{file}", folder
        )
        return Path(path).read_bytes()


@runs.quiet_mlflow()
def metrics_of(tracking: Tracking, *, run_id: str) -> Mapping[str, float]:
    """The metrics that a run logged."""
    return dict(runs.client_of(tracking).get_run(run_id).data.metrics)


@runs.quiet_mlflow()
def apply_verdict(run: TrainingRun, *, name: str, version: int, verdict: GateVerdict) -> bool:
    """Record the verdict on the run and on the version; if it passed, make the version champion.

    Returns:
        Whether the version is the champion now.
    """
    client = runs.client_of(run.tracking)
    outcome = "passed" if verdict.is_passed else "failed"
    run.tag({"kinfold.gate": outcome, "kinfold.gate.reasons": verdict.reasons})
    run.log_files(documents={"verdict": verdict.as_dict()})
    client.set_model_version_tag(name, str(version), "gate", outcome)
    if verdict.is_passed:
        client.set_registered_model_alias(name, CHAMPION, str(version))
    return verdict.is_passed
