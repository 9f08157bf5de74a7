"""Casts: values of mapped events that become the type that their schema asks for.

A mapping often has texts where the schema asks for numbers, and numbers where it asks for texts. A
value is cast only if nothing is lost; otherwise the schema rejects it.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from kinfold.bronze.schemas.spelled_json import Number, json_text, json_value
from kinfold.bronze.schemas.validation import CompiledSchemas

_MAX_DIGITS = 38
_UNCHANGED = object()


def cast_event(text: bytes, schemas: CompiledSchemas) -> bytes | None:
    """The event with its values cast; None if no cast helps. Never raises."""
    try:
        version = schemas.version_validator(orjson.loads(text))
        if version is None:
            return None
        wrong = [
            (error.instance_path, error.kind.as_dict()["types"])
            for error in version.validator.iter_errors(orjson.loads(text))
            if error.kind.name == "type" and error.instance_path
        ]
        event, _ = json_value(text.decode()) if wrong else (None, None)
        casts = [_cast_member(event, path, types) for path, types in wrong]
        return json_text(event).encode() if any(casts) else None
    except (ValueError, RecursionError):
        return None  # not JSON, or nested too deeply: the verdict says so


def _cast_member(event: Any, path: Sequence[str | int], types: Sequence[str]) -> bool:
    """Cast one value of an event, in place; whether it has changed."""
    *above, last = path
    for step in above:
        event = event[step]
    value = cast_value(event[last], types)
    if value is _UNCHANGED:
        return False
    event[last] = value
    return True


def cast_value(value: Any, types: Sequence[str]) -> Any:
    """A value as one of some JSON types; a special object if something would be lost.

    Args:
        value: a number is a `Number`.
    """
    for name in types:
        cast = _CASTS.get(name)
        result = cast(value) if cast else _UNCHANGED
        if result is not _UNCHANGED:
            return result
    return _UNCHANGED


def _as_integer(value: Any) -> Any:
    number = _decimal(value)
    is_whole = number is not None and number == number.to_integral_value()
    return Number(int(number)) if number is not None and is_whole else _UNCHANGED


def _as_number(value: Any) -> Any:
    number = _decimal(value)
    return Number(format(number, "f")) if number is not None else _UNCHANGED


def _as_text(value: Any) -> Any:
    if not isinstance(value, Number):
        return _UNCHANGED
    whole = _as_integer(value)
    return str(value if whole is _UNCHANGED else whole)


def _as_boolean(value: Any) -> Any:
    is_text = isinstance(value, str) and not isinstance(value, Number)
    words = {"true": True, "false": False} if is_text else {}
    return words.get(str(value).strip().lower(), _UNCHANGED)


def _as_null(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else _UNCHANGED


def _as_object(value: Any) -> Any:
    unpacked = json_value(value)[0] if isinstance(value, str) else None
    return unpacked if isinstance(unpacked, dict) else _UNCHANGED


def _as_list(value: Any) -> Any:
    unpacked = json_value(value)[0] if isinstance(value, str) else None
    return unpacked if isinstance(unpacked, list) else _UNCHANGED


def _decimal(value: Any) -> Decimal | None:
    """The number that a text or a number spells; null for others and for very long ones."""
    if not isinstance(value, str) or "_" in value or len(value) > _MAX_DIGITS:
        return None
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < _MAX_DIGITS else None


_CASTS: dict[str, Callable[[Any], Any]] = {
    "integer": _as_integer,
    "number": _as_number,
    "string": _as_text,
    "boolean": _as_boolean,
    "null": _as_null,
    "object": _as_object,
    "array": _as_list,
}
