"""Loads settings: defaults from `conf/base.yaml`, then the environment's file, then `--set`.

Only this module reads the process environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.files import read_yaml, resolve_path
from kinfold.core.settings.models import Settings
from kinfold.core.settings.problems import readable_problems, setting_names

HOME_VARIABLE = "KINFOLD_HOME"
PATH_KEYS = (
    "lake.root",
    "bronze.schemas",
    "kafka.properties_file",
    "metrics.textfile_folder",
    "report.folder",
)
"""Settings that contain a path. A relative path in a file is relative to the project's folder; on
the command line it is relative to the current folder."""


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


def mlflow_tracking_uri() -> str | None:
    """MLflow's variable MLFLOW_TRACKING_URI, for a job without a lake; None if it is not set."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def environments(home: Path) -> list[str]:
    """Valid values of `--env`: the files of `conf/` except base.yaml."""
    return sorted(f.stem for f in (home / "conf").glob("*.yaml") if f.stem != "base")


def load_settings(home: Path, env: str, overrides: Mapping[str, Any]) -> Settings:
    """The settings of one environment.

    Args:
        overrides: values by dotted key; they take precedence over the files.

    Raises:
        ConfError: with every problem found, each with its file and key.
    """
    if env not in environments(home):
        raise ConfError(
            f"--env {env}: conf/{env}.yaml does not exist.{did_you_mean(env, environments(home))} "
            f"Existing environments: {', '.join(environments(home))}."
        )
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in ("base", env):
        relative = f"conf/{name}.yaml"
        layer = _by_dotted_key(read_yaml(home / relative, relative))
        values.update(layer)
        origin.update(dict.fromkeys(layer, relative))
    values.update(overrides)
    origin.update(dict.fromkeys(overrides, "--set"))
    for key in PATH_KEYS:
        if isinstance(values.get(key), str):
            base = Path.cwd() if origin[key] == "--set" else home
            values[key] = resolve_path(values[key], base)
    try:
        return Settings.model_validate(_nested(values))
    except ValidationError as error:
        known = setting_names(Settings)
        raise ConfError(readable_problems(error, origin, known, "conf/base.yaml")) from error


def _by_dotted_key(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested sections by dotted key: `{"lake": {"root": x}}` gives `lake.root`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(_by_dotted_key(value, f"{dotted}."))
        else:
            flat[dotted] = value
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Inverse of `_by_dotted_key`."""
    tree: dict[str, Any] = {}
    for dotted, value in flat.items():
        *parents, leaf = dotted.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise ConfError(f"--set {dotted}: '{parent}' is a single value, not a section.")
        branch[leaf] = value
    return tree
