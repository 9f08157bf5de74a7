"""Registry: the versions of a model, and which of them is the champion."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.ml import PipelineModel

from kinfold.core.errors import ModelGateError
from kinfold.models import tracking as runs
from kinfold.models.gates import Verdict
from kinfold.models.tracking import Tracking, TrainingRun

CHAMPION = "champion"


@dataclass(frozen=True)
class Champion:
    """The version in use: where it stands in the registry and which run made it."""

    name: str
    version: int
    run_id: str


def find_champion(tracking: Tracking, *, name: str) -> Champion | None:
    """The champion of a model; None when no version has passed its gate, or there is none."""
    from mlflow.exceptions import MlflowException

    try:
        found = runs.client_of(tracking).get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        # A missing model and a missing alias have different codes, by the kind of store.
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"):
            return None
        raise
    return Champion(name, int(found.version), str(found.run_id))


def get_champion(tracking: Tracking, *, name: str) -> Champion:
    """The champion of a model.

    Raises:
        ModelGateError: there is none.
    """
    champion = find_champion(tracking, name=name)
    if champion is None:
        raise ModelGateError(
            f"model {name}: no champion at {tracking.uri}, expected a version that passed its "
            "gate. Train one; if that ran, its run says why in report/verdict.json."
        )
    return champion


def load_model(tracking: Tracking, champion: Champion) -> PipelineModel:
    """The champion's Spark pipeline."""
    mlflow = runs.preload()
    mlflow.set_tracking_uri(tracking.uri)
    mlflow.set_registry_uri(tracking.registry_uri)
    source = f"models:/{champion.name}/{champion.version}"
    # Spark reads all of it at once, so the downloaded copy can go when this returns.
    with runs.silence(), tempfile.TemporaryDirectory(prefix="kinfold-model-") as folder:
        model: PipelineModel = mlflow.spark.load_model(
            source, dfs_tmpdir=tracking.spark_folder or folder, dst_path=folder
        )
    return model


def read_report(tracking: Tracking, *, run_id: str, document: str) -> Any:
    """Plain data a run kept: `evaluation`, `verdict`, `segments`, ..."""
    with tempfile.TemporaryDirectory() as folder:
        path = runs.client_of(tracking).download_artifacts(
            run_id, f"{runs.REPORT_PATH}/{document}.json", folder
        )
        return json.loads(Path(path).read_text(encoding="utf-8"))


def metrics_of(tracking: Tracking, *, run_id: str) -> Mapping[str, float]:
    """The metrics a run kept."""
    return dict(runs.client_of(tracking).get_run(run_id).data.metrics)


def settle(run: TrainingRun, *, name: str, version: int, verdict: Verdict) -> bool:
    """Write the verdict down, on the run and on the version, and move the alias if it passed.

    Returns:
        Whether the version is the champion now.
    """
    client = runs.client_of(run.tracking)
    outcome = "passed" if verdict.is_passed else "failed"
    run.tag({"kinfold.gate": outcome, "kinfold.gate.reasons": verdict.reasons})
    run.keep(documents={"verdict": verdict.as_dict()})
    client.set_model_version_tag(name, str(version), "gate", outcome)
    if verdict.is_passed:
        client.set_registered_model_alias(name, CHAMPION, str(version))
    return verdict.is_passed
