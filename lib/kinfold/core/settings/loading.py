"""Loads settings: defaults from `conf/base.yaml`, then the environment's file, then `--set`.

Only this module reads the process environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.masking import has_password, remember_secret, remember_secrets
from kinfold.core.settings.files import read_yaml, resolve_path
from kinfold.core.settings.layers import Layers
from kinfold.core.settings.models import Settings
from kinfold.core.settings.problems import readable_problems, setting_names

HOME_VARIABLE = "KINFOLD_HOME"
DEFAULTS, COMMAND_LINE = "conf/base.yaml", "--set"
"""Origins of a setting, besides the environment's file."""
PATH_KEYS = (
    "lake.root",
    "bronze.schemas",
    "kafka.properties_file",
    "money.rates",
    "metrics.textfile_folder",
    "report.folder",
)
"""Settings that contain a path. A relative path in a file is relative to the project's folder; on
the command line it is relative to the current folder."""

_SECRET_VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
)
"""Variables of libraries that kinfold uses, whose values no message may contain."""


def project_home() -> Path:
    """The folder that contains conf/: $KINFOLD_HOME, else the nearest one above the current folder
    or above this package.

    Raises:
        ConfError: there is no such folder.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        candidates = [Path(named)]
    else:
        here = Path.cwd()
        candidates = [here, *here.parents, *Path(__file__).resolve().parents]
    for folder in candidates:
        if (folder / "conf" / "base.yaml").is_file():
            return folder.absolute()
    raise ConfError(
        f"conf/base.yaml was not found in {candidates[0]} or above. Start from the project's "
        f"folder or set {HOME_VARIABLE} to it."
    )


def is_submitted() -> bool:
    """Whether spark-submit started this process, so that Spark's settings are already set."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def environment_value(name: str) -> str | None:
    """The value of an environment variable that a setting names; None if it is not set."""
    return os.environ.get(name) or None


def mlflow_tracking_uri() -> str | None:
    """MLflow's variable MLFLOW_TRACKING_URI, for a job without a lake; None if it is not set."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def environments(home: Path) -> list[str]:
    """Valid values of `--env`: the files of `conf/` except base.yaml."""
    return sorted(f.stem for f in (home / "conf").glob("*.yaml") if f.stem != "base")


def load_settings(home: Path, env: str, overrides: Mapping[str, Any]) -> Settings:
    """The settings of one environment; see `loaded_settings`."""
    return loaded_settings(home, env, overrides)[0]


def loaded_settings(
    home: Path, env: str, overrides: Mapping[str, Any]
) -> tuple[Settings, Mapping[str, str]]:
    """The settings of one environment, and where each value comes from.

    Args:
        overrides: values by dotted key; they take precedence over the files.

    Returns:
        The settings; by dotted key `conf/base.yaml`, the environment's file or `--set`.

    Raises:
        ConfError: with every problem found, each with its file and key.
    """
    if env not in environments(home):
        raise ConfError(
            f"--env {env}: conf/{env}.yaml does not exist.{did_you_mean(env, environments(home))} "
            f"Existing environments: {', '.join(environments(home))}."
        )
    layers = Layers(Settings)
    for file in (DEFAULTS, f"conf/{env}.yaml"):
        layers.merge(read_yaml(home / file, file), layer=file)
    for key, value in overrides.items():
        layers.set(key, value, layer=COMMAND_LINE)
    for key in PATH_KEYS:
        text = layers.get(tuple(key.split(".")))
        if isinstance(text, str):
            where = layers.origin[key]
            base = Path.cwd() if where == COMMAND_LINE else home
            layers.set(key, resolve_path(text, base), layer=where)
    for uri in (layers.get(("tracking", "uri")), layers.get(("metrics", "push_gateway"))):
        if isinstance(uri, str) and has_password(uri):
            remember_secret(uri)
    remember_secrets({name: os.environ.get(name) for name in _SECRET_VARIABLES})
    try:
        return Settings.model_validate(layers.values), layers.origin
    except ValidationError as error:
        known = setting_names(Settings)
        raise ConfError(readable_problems(error, layers.origin, known, DEFAULTS)) from error
