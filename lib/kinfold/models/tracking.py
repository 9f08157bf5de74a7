"""Tracking: one MLflow run per training, with everything needed to understand and repeat it.

The import of MLflow takes seconds, so this module imports it at first use. `load_mlflow` does it
earlier, for example on a separate thread while Spark is busy.
"""

import contextlib
import json
import logging
import math
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyspark.ml import PipelineModel
from pyspark.sql import types as T

from kinfold.core.errors import ConfError
from kinfold.models.relocation import ARTIFACTS, relocate

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

MODEL_PATH = "model"
REPORT_PATH = "report"
_SQLITE = "sqlite:///"
AS_OF, INPUTS = "kinfold.as_of", "kinfold.inputs"


@dataclass(frozen=True)
class Tracking:
    """An MLflow experiment, its tracking server and its model registry.

    Attributes:
        uri: tracking server or database.
        registry_uri: registry of model versions; the same as `uri` by default.
        experiment_id: the experiment of the runs.
        spark_folder: a folder that the driver and all executors can reach, for copies of Spark
            models; None if they run on one machine.
    """

    uri: str
    registry_uri: str
    experiment_id: str
    spark_folder: str | None = None


def load_mlflow() -> Any:
    """The module mlflow, imported once, without log output and without telemetry."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that MLflow imports; nobody here can act
        import mlflow
        import mlflow.spark
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


@contextlib.contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Suppress MLflow's messages on the console and its libraries' deprecation warnings.

    Nobody can act on them here; errors are raised as usual. Also usable as a decorator.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that MLflow imports; nobody here can act
        load_mlflow()
        from mlflow.utils.logging_utils import MLFLOW_LOGGING_STREAM as stream

        was_enabled = stream.enabled
        stream.enabled = False
        try:
            yield
        finally:
            stream.enabled = was_enabled


@quiet_mlflow()
def open_tracking(
    uri: str,
    *,
    experiment: str,
    artifact_root: str | None = None,
    registry_uri: str | None = None,
    spark_folder: str | None = None,
) -> Tracking:
    """Open the tracking of an experiment; create the experiment if it is new.

    Args:
        uri: a tracking URI of MLflow: `sqlite:///...`, `http://...`, `databricks`.
        artifact_root: path or URI of the folder for the files of a new experiment; None = the
            server decides, and for an SQLite database it is the folder of the database.

    Raises:
        ConfError: MLflow does not know such a URI, or the server does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        database = _database(uri)
        if database is not None:
            relocate(database)
        client = _client(uri, registry_uri or uri)
        existing = client.get_experiment_by_name(experiment)
        if existing is not None:
            experiment_id = existing.experiment_id
        else:
            root = artifact_root or _beside_database(uri)
            location = None if root is None else f"{root.rstrip('/')}/{experiment}"
            experiment_id = client.create_experiment(experiment, artifact_location=location)
    except (MlflowException, OSError, sqlite3.Error) as error:
        # Only scheme and host, and not the text of the error: both can contain a password.
        server = f"{urlsplit(uri).scheme}://{urlsplit(uri).hostname or '...'}"
        if "out-of-date database schema" in str(error):
            raise ConfError(
                f"MLflow at {server}: another version of MLflow wrote its database. Make a copy of "
                f"it, then run: .venv/bin/mlflow db upgrade {uri}"
            ) from error
        raise ConfError(
            f"MLflow at {server}: cannot be opened ({type(error).__name__}). Use a URI such as "
            "sqlite:///FOLDER/mlflow.db, http://HOST:PORT or databricks, and check that it answers."
        ) from error
    return Tracking(uri, registry_uri or uri, experiment_id, spark_folder)


def _beside_database(uri: str) -> str | None:
    """The artifact folder of an SQLite file. MLflow's default is the current folder."""
    database = _database(uri)
    return None if database is None else str(database.resolve().parent / ARTIFACTS)


def _database(uri: str) -> Path | None:
    """The file of an SQLite URI; None for another kind of URI."""
    path = uri.removeprefix(_SQLITE)
    return None if path == uri else Path(path)


@quiet_mlflow()
def client_of(tracking: Tracking) -> "MlflowClient":
    """The MLflow client, for functions that this module does not wrap."""
    return _client(tracking.uri, tracking.registry_uri)


class TrainingRun:
    """An open run. What is logged to it stays even if the training fails."""

    def __init__(self, tracking: Tracking, run_id: str) -> None:
        self.tracking = tracking
        self.run_id = run_id

    @quiet_mlflow()
    def log(
        self, *, params: Mapping[str, Any] | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Log params and metrics, except metrics that are not finite: MLflow cannot store them."""
        mlflow = load_mlflow()
        if params:
            mlflow.log_params({name: _as_text(value) for name, value in params.items()})
        finite = {n: float(v) for n, v in (metrics or {}).items() if math.isfinite(v)}
        if finite:
            mlflow.log_metrics(finite)

    @quiet_mlflow()
    def tag(self, tags: Mapping[str, Any]) -> None:
        load_mlflow().set_tags({name: _as_text(value) for name, value in tags.items()})

    @quiet_mlflow()
    def log_files(
        self,
        *,
        figures: "Mapping[str, Figure] | None" = None,
        documents: Mapping[str, Any] | None = None,
    ) -> None:
        """Log figures as `report/<name>.png` and plain data as `report/<name>.json`."""
        with tempfile.TemporaryDirectory() as folder:
            for name, figure in (figures or {}).items():
                figure.savefig(Path(folder, f"{name}.png"), dpi=110)
            for name, document in (documents or {}).items():
                text = json.dumps(_plain(document), indent=1)
                Path(folder, f"{name}.json").write_text(text, encoding="utf-8")
            load_mlflow().log_artifacts(folder, REPORT_PATH)

    @quiet_mlflow()
    def register(
        self,
        model: PipelineModel,
        *,
        name: str,
        inputs: T.StructType,
        outputs: Mapping[str, str],
        example: Mapping[str, Any],
        as_of: datetime,
    ) -> int:
        """Log the pipeline and register it as a new version of `name`; return the version.

        Args:
            inputs: the columns that the pipeline reads. Declared and not inferred: inference has
                returned wrong signatures, and a registry can require one.
            outputs: MLflow type by output column.
            example: one row of the inputs.
            as_of: the moment up to which the training data was known; stored with the version.
        """
        mlflow = load_mlflow()
        requirements = [f"{package}=={_version_of(package)}" for package in ("pyspark", "numpy")]
        with _spark_folder(self.tracking) as folder:
            mlflow.spark.log_model(
                model,
                artifact_path=MODEL_PATH,
                dfs_tmpdir=folder,
                signature=_signature(inputs, outputs),
                input_example=_example(example, inputs),
                pip_requirements=requirements,  # to infer them takes many seconds
            )
        client = client_of(self.tracking)
        _ensure_model(client, name)
        source = mlflow.get_artifact_uri(MODEL_PATH)
        tags = {AS_OF: as_of.isoformat(), INPUTS: json.dumps(inputs.fieldNames())}
        version = client.create_model_version(name, source, run_id=self.run_id, tags=tags)
        return int(version.version)


@contextlib.contextmanager
def training_run(
    tracking: Tracking, *, name: str, input_versions: Mapping[str, int]
) -> Iterator[TrainingRun]:
    """A run that ends with the block: as finished, or as failed if the block raises.

    Args:
        input_versions: version of each input table, logged as params and as one tag.
    """
    mlflow = load_mlflow()
    with quiet_mlflow():
        mlflow.set_tracking_uri(tracking.uri)
        mlflow.set_registry_uri(tracking.registry_uri)
        active = mlflow.start_run(experiment_id=tracking.experiment_id, run_name=name)
    status = "FAILED"
    try:
        run = TrainingRun(tracking, active.info.run_id)
        run.log(params={f"input.{table}": v for table, v in input_versions.items()})
        run.tag({"kinfold.input_versions": json.dumps(dict(input_versions), sort_keys=True)})
        yield run
        status = "FINISHED"
    finally:
        with quiet_mlflow():
            mlflow.end_run(status)


@contextlib.contextmanager
def _spark_folder(tracking: Tracking) -> Iterator[str]:
    """The folder in which Spark writes a model before MLflow uploads it.

    Not MLflow's default, `/tmp/mlflow`, which two users of a machine would share.
    """
    if tracking.spark_folder is not None:
        yield tracking.spark_folder
        return
    folder = tempfile.mkdtemp(prefix="kinfold-model-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _client(uri: str, registry_uri: str) -> "MlflowClient":
    mlflow = load_mlflow()
    client: MlflowClient = mlflow.MlflowClient(tracking_uri=uri, registry_uri=registry_uri)
    return client


def _ensure_model(client: "MlflowClient", name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise


def _signature(inputs: T.StructType, outputs: Mapping[str, str]) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    types = {"bigint": "long", "string": "string", "double": "double", "timestamp": "datetime"}
    input_columns = [
        ColSpec(types[field.dataType.simpleString()], field.name, required=not field.nullable)
        for field in inputs.fields
    ]
    output_columns = [ColSpec(DataType[kind], column) for column, kind in outputs.items()]
    return ModelSignature(inputs=Schema(input_columns), outputs=Schema(output_columns))


def _example(row: Mapping[str, Any], inputs: T.StructType) -> Any:
    import pandas as pd

    return pd.DataFrame([{field.name: row[field.name] for field in inputs.fields}])


def _version_of(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _as_text(value: Any) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(_plain(value))
    return str(value)


def _plain(value: Any) -> Any:
    """`value` in types of JSON; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
