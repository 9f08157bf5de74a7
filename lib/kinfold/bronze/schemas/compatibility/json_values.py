"""JSON values: their types, and when two of them are equal."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from kinfold.bronze.schemas.compatibility.keywords import NUMBER_TYPES


def value_type(value: object) -> str:
    """The type of a JSON value; a number is an `integer` or a `fraction`, and 1.0 is an integer."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "fraction"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def type_set(types: str | Sequence[str]) -> frozenset[str]:
    """The types in the value of the keyword `type`; see `value_type`."""
    names = [types] if isinstance(types, str) else types
    return frozenset(t for name in names for t in (NUMBER_TYPES if name == "number" else {name}))


def comparable(value: Any) -> Any:
    """A hashable value that is equal for equal JSON values: 1 equals 1.0, but not true."""
    if isinstance(value, dict):
        return ("object", tuple(sorted((name, comparable(one)) for name, one in value.items())))
    if isinstance(value, list):
        return ("array", tuple(map(comparable, value)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", str(Fraction(value)))
    return (type(value).__name__, value)
