"""Fixes: changes, declared in a file, that repair rejected events.

The file is a YAML list. Each fix applies to the native event at a JSON pointer, in the order of the
list:

    - rename: /properties/price
      to: /properties/amount_cents
    - cast: /properties/amount_cents
      to: integer
    - default: /properties/currency
      value: GBP
    - drop: /properties/debug

A fix does not change an event without the member that it names. The schema then decides whether the
event is valid, as for every event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from kinfold.core.errors import ConfError

_KINDS = {"rename": "to", "cast": "to", "default": "value", "drop": None}
"""The kinds of fixes, with the member that holds their argument."""


@dataclass(frozen=True)
class Fix:
    """One change of an event.

    Attributes:
        kind: rename, cast, default or drop.
        at: JSON pointer (RFC 6901) to the member that changes.
        argument: the new pointer, the type to cast to, or the value; null for drop.
    """

    kind: str
    at: str
    argument: Any = None

    def __str__(self) -> str:
        return f"{self.kind} {self.at}" + ("" if self.argument is None else f" {self.argument!r}")


def load_fixes(path: Path) -> tuple[Fix, ...]:
    """The fixes in a file.

    Raises:
        ConfError: the file cannot be read, or a fix is not valid. Names every problem.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfError(
            f"--fix {path}: cannot be read ({error.strerror}). Check the path and permissions."
        ) from error
    except yaml.YAMLError as error:
        raise ConfError(f"--fix {path}: is not YAML, expected a list of fixes.") from error
    if not isinstance(content, list):
        raise ConfError(f"--fix {path}: expected a list of fixes, such as '- drop: /properties/x'.")
    problems: list[str] = []
    fixes = [_fix(entry, number, problems) for number, entry in enumerate(content, start=1)]
    if problems:
        raise ConfError("\n".join(f"--fix {path}: {problem}" for problem in problems))
    return tuple(fix for fix in fixes if fix is not None)


def fixed(event: Any, fixes: Sequence[Fix]) -> Any:
    """The event after every fix; it is changed in place."""
    for fix in fixes:
        _APPLY[fix.kind](event, fix)
    return event


def _fix(entry: Any, number: int, problems: list[str]) -> Fix | None:
    """The fix that an entry of the list declares; None, and a problem, if it is not valid."""
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
            problems.append(
                f"fix {number} ({kind}): '{pointer}' is not a JSON pointer such as /a/b."
            )
            return None
    if kind == "cast" and entry["to"] not in _CASTS:
        problems.append(f"fix {number}: cast to one of {', '.join(_CASTS)}; seen: {entry['to']}.")
        return None
    return Fix(kind, entry[kind], entry[argument] if argument else None)


def _parent(event: Any, pointer: str, *, create: bool = False) -> tuple[Any, str]:
    """The object with the member that a pointer names (None if it does not exist), and its name.

    Args:
        create: add missing objects on the way.
    """
    segments = [s.replace("~1", "/").replace("~0", "~") for s in pointer[1:].split("/")]
    *path, name = segments
    node = event
    for segment in path:
        if isinstance(node, dict) and create and segment not in node:
            node[segment] = {}
        if isinstance(node, list):
            is_index = segment.isdigit() and int(segment) < len(node)
            node = node[int(segment)] if is_index else None
        else:
            node = node.get(segment) if isinstance(node, dict) else None
    return (node if isinstance(node, dict) else None), name


def _rename(event: Any, fix: Fix) -> None:
    parent, name = _parent(event, fix.at)
    if parent is None or name not in parent:
        return
    target, new_name = _parent(event, fix.argument, create=True)
    if target is not None and new_name not in target:
        target[new_name] = parent.pop(name)


def _default(event: Any, fix: Fix) -> None:
    parent, name = _parent(event, fix.at, create=True)
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


# A cast returns a value that it cannot convert unchanged, for the schema to refuse.


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
