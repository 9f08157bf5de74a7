"""Fixes: what a person declares to be wrong with rejected events, and how it is put right.

A file of fixes is a list; each is applied in order to the native event, at a JSON pointer:

    - rename: /properties/price
      to: /properties/amount_cents
    - cast: /properties/amount_cents
      to: integer
    - default: /properties/currency
      value: GBP
    - drop: /properties/debug

A fix whose place an event does not have leaves the event as it is; whether it then is valid, the
schema decides, as for every event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from kinfold.core.errors import ConfError

_KINDS = {"rename": "to", "cast": "to", "default": "value", "drop": None}


@dataclass(frozen=True)
class Fix:
    """One change of an event.

    Attributes:
        kind: rename, cast, default or drop.
        at: JSON pointer (RFC 6901) of the member it is about.
        argument: the new pointer, the type to cast to, or the value; null for drop.
    """

    kind: str
    at: str
    argument: Any = None

    def __str__(self) -> str:
        return f"{self.kind} {self.at}" + ("" if self.argument is None else f" {self.argument!r}")


def load_fixes(path: Path) -> tuple[Fix, ...]:
    """The fixes of a file.

    Raises:
        ConfError: it cannot be read, or a fix is not one of the four kinds; every problem is named.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfError(f"--fix {path}: cannot be read ({error.strerror}).") from error
    except yaml.YAMLError as error:
        raise ConfError(f"--fix {path}: is not YAML. Expected a list of fixes.") from error
    if not isinstance(content, list):
        raise ConfError(f"--fix {path}: expected a list of fixes, such as '- drop: /properties/x'.")
    problems: list[str] = []
    fixes = [_fix(entry, number, problems) for number, entry in enumerate(content, start=1)]
    if problems:
        raise ConfError("\n".join(f"--fix {path}: {problem}" for problem in problems))
    return tuple(fix for fix in fixes if fix is not None)


def fixed(event: Any, fixes: Sequence[Fix]) -> Any:
    """The event with every fix applied, changed in place."""
    for fix in fixes:
        _APPLY[fix.kind](event, fix)
    return event


def _fix(entry: Any, number: int, problems: list[str]) -> Fix | None:
    kinds = [kind for kind in _KINDS if isinstance(entry, dict) and kind in entry]
    if len(kinds) != 1:
        problems.append(f"fix {number}: expected exactly one of {', '.join(_KINDS)}.")
        return None
    kind = kinds[0]
    argument = _KINDS[kind]
    expected = {kind} | ({argument} if argument else set())
    if set(entry) != expected:
        problems.append(
            f"fix {number} ({kind}): expected the members {', '.join(sorted(expected))}; seen: "
            f"{', '.join(map(str, sorted(entry)))}."
        )
        return None
    pointers = [entry[kind]] + ([entry["to"]] if kind == "rename" else [])
    for pointer in pointers:
        if not isinstance(pointer, str) or not pointer.startswith("/") or pointer == "/":
            problems.append(f"fix {number} ({kind}): '{pointer}' is no JSON pointer such as /a/b.")
            return None
    if kind == "cast" and entry["to"] not in _CASTS:
        problems.append(f"fix {number}: cast to one of {', '.join(_CASTS)}; seen: {entry['to']}.")
        return None
    return Fix(kind, entry[kind], entry[argument] if argument else None)


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _parent(event: Any, pointer: str, *, is_made: bool = False) -> tuple[Any, str]:
    """The object that holds the member a pointer names, and its name; null if there is none."""
    *path, name = _parts(pointer)
    here = event
    for part in path:
        if isinstance(here, dict) and is_made and part not in here:
            here[part] = {}
        if isinstance(here, list):
            here = here[int(part)] if part.isdigit() and int(part) < len(here) else None
        else:
            here = here.get(part) if isinstance(here, dict) else None
    return (here if isinstance(here, dict) else None), name


def _rename(event: Any, fix: Fix) -> None:
    parent, name = _parent(event, fix.at)
    if parent is None or name not in parent:
        return
    target, new = _parent(event, fix.argument, is_made=True)
    if target is not None and new not in target:
        target[new] = parent.pop(name)


def _default(event: Any, fix: Fix) -> None:
    parent, name = _parent(event, fix.at, is_made=True)
    if parent is not None and parent.get(name) is None:
        parent[name] = fix.argument


def _drop(event: Any, fix: Fix) -> None:
    parent, name = _parent(event, fix.at)
    if parent is not None:
        parent.pop(name, None)


def _cast(event: Any, fix: Fix) -> None:
    parent, name = _parent(event, fix.at)
    if parent is not None and parent.get(name) is not None:
        parent[name] = _CASTS[fix.argument](parent[name])


def _as_number(value: Any) -> Any:
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return value
    if isinstance(value, bool) or not number.is_finite() or abs(number.adjusted()) > 300:
        return value
    return int(number) if number == number.to_integral_value() else float(number)


def _as_integer(value: Any) -> Any:
    number = _as_number(value)
    return number if isinstance(number, int) else value


def _as_boolean(value: Any) -> Any:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return words.get(str(value).strip().lower(), value)


def _as_string(value: Any) -> Any:
    return value if isinstance(value, dict | list | bool) else str(value)


_CASTS: dict[str, Callable[[Any], Any]] = {
    "integer": _as_integer,
    "number": _as_number,
    "string": _as_string,
    "boolean": _as_boolean,
}
_APPLY: dict[str, Callable[[Any, Fix], None]] = {
    "rename": _rename,
    "cast": _cast,
    "default": _default,
    "drop": _drop,
}
