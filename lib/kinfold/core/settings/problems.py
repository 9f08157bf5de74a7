"""Validation errors of Pydantic as messages that name the file, the key and the expected value."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ValidationError

from kinfold.core.errors import did_you_mean
from kinfold.core.masking import MASK, is_secret_name

_RETIRED = {
    "events.duplicates_within_days": (
        "is no longer a setting: events with the same id are duplicates at any distance. Remove it."
    ),
}
"""Settings of earlier versions, and what to do about them."""


def readable_problems(
    error: ValidationError, origin: Mapping[str, str], known: Sequence[str], default: str
) -> str:
    """Every problem of a settings object in one text: file, key, value seen, value expected.

    Args:
        origin: file by dotted key. A key below or above the problem's key matches too.
        known: existing keys, for "did you mean".
        default: file to name where `origin` has no match.
    """
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        # An element of a list has no origin of its own; the list has.
        matches = [
            k for k in origin if k == key or k.startswith(f"{key}.") or key.startswith(f"{k}.")
        ]
        # Of the values of a section, one that is not a default is more likely to be wrong.
        changed = [k for k in matches if origin[k] != default]
        where = origin[(changed or matches)[0]] if matches else default
        if problem["type"] == "extra_forbidden" and key in _RETIRED:
            lines.append(f"{where}: {key} {_RETIRED[key]}")
        elif problem["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key '{key}'.{did_you_mean(key, known)}")
        elif problem["type"] == "missing":
            lines.append(f"{where}: key '{key}' is missing.")
        else:
            seen = problem["input"] if not isinstance(problem["input"], dict) else "a section"
            if is_secret_name(key):
                seen = MASK
            expected = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
            lines.append(f"{where}: {key} is {seen}, expected: {expected}.")
    return " ".join(lines)


def setting_names(section: type[BaseModel], prefix: str = "") -> list[str]:
    """The dotted keys of a settings section and of the sections in it."""
    names = []
    for name, info in section.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names += setting_names(annotation, f"{prefix}{name}.")
        names.append(f"{prefix}{name}")
    return names
