"""Settings: every default in `conf/base.yaml`, an environment's differences beside it, `--set` for
one run.

This is the only module that reads the process environment, and the only place where a setting's
name, type and limits are spelled.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    ValidationError,
)

from kinfold.core.errors import ConfError, did_you_mean
from kinfold.core.settings.files import (
    flattened,
    nested,
    read_yaml,
    readable_problems,
    resolve_path,
    setting_names,
)
from kinfold.core.settings.models import Settings

HOME_VARIABLE = "KINFOLD_HOME"
PATH_KEYS = (
    "lake.root",
    "bronze.schemas",
    "kafka.properties_file",
    "metrics.textfile_folder",
    "report.folder",
)
"""Settings that hold a path. In a file a relative one is relative to the project, on the command
line to the current folder."""


def project_home() -> Path:
    """The folder that holds conf/: $KINFOLD_HOME, else above the current folder or the package."""
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
    """Whether spark-submit started this process, so that Spark's settings came with it."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def environments(home: Path) -> list[str]:
    """Names that `--env` takes: the files of `conf/` beside base.yaml."""
    return sorted(f.stem for f in (home / "conf").glob("*.yaml") if f.stem != "base")


def load_settings(home: Path, env: str, overrides: Mapping[str, Any]) -> Settings:
    """Settings of one environment with overrides by dotted key.

    Raises:
        ConfError: with every problem found.
    """
    if env not in environments(home):
        raise ConfError(
            f"--env {env}: conf/{env}.yaml does not exist.{did_you_mean(env, environments(home))} "
            f"There is: {', '.join(environments(home))}."
        )
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in ("base", env):
        relative = f"conf/{name}.yaml"
        layer = {k: v for k, v in flattened(read_yaml(home / relative, relative)).items()}
        values.update(layer)
        origin.update(dict.fromkeys(layer, relative))
    values.update(overrides)
    origin.update(dict.fromkeys(overrides, "--set"))
    for key in PATH_KEYS:
        if isinstance(values.get(key), str):
            base = Path.cwd() if origin[key] == "--set" else home
            values[key] = resolve_path(values[key], base)
    try:
        return Settings.model_validate(nested(values))
    except ValidationError as error:
        known = setting_names(Settings)
        raise ConfError(readable_problems(error, origin, known, "conf/base.yaml")) from error
