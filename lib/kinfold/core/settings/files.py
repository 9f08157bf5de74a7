"""Settings: every default in `conf/base.yaml`, an environment's differences beside it, `--set` for
one run.

This is the only module that reads the process environment, and the only place where a setting's
name, type and limits are spelled.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    BaseModel,
    ValidationError,
)

from kinfold.core.errors import ConfError, did_you_mean


def read_yaml(path: Path, shown_as: str) -> dict[str, Any]:
    """The mapping in a YAML file; empty for an empty file.

    Raises:
        ConfError: not readable, not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfError(f"{shown_as}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise ConfError(
            f"{shown_as}{place}: is not valid YAML. Check indent and quotes."
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfError(f"{shown_as}: holds a {type(content).__name__}, expected keys with values.")
    return content


def resolve_path(text: str, base: Path) -> str:
    """`text` made absolute against `base`; a URI with a scheme stays as it is."""
    return text if "://" in text else str((base / Path(text).expanduser()).absolute())


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(flattened(value, f"{dotted}."))
        else:
            flat[dotted] = value
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
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


def readable_problems(
    error: ValidationError, origin: Mapping[str, str], known: Sequence[str], default: str
) -> str:
    """Every problem of a settings object as people read it: file, key, seen, expected.

    Args:
        origin: file by dotted key; keys of it that lie below a problem's key count too.
        known: keys that exist, for "did you mean".
        default: file named where `origin` has none.
    """
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        # A part of a list stands where the list does.
        near = [k for k in origin if k == key or k.startswith(f"{key}.") or key.startswith(f"{k}.")]
        where = origin[near[0]] if near else default
        if problem["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key '{key}'.{did_you_mean(key, known)}")
        elif problem["type"] == "missing":
            lines.append(f"{where}: key '{key}' is missing.")
        else:
            seen = problem["input"] if not isinstance(problem["input"], dict) else "a section"
            expected = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            lines.append(f"{where}: {key} is {seen}, expected: {expected}.")
    return " ".join(lines)


def setting_names(section: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name, info in section.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names += setting_names(annotation, f"{prefix}{name}.")
        names.append(f"{prefix}{name}")
    return names
