"""Reasons: why an event does not follow its schema, as `<JSON pointer>: <rule>, seen <kind>`.

The rule comes from the schema alone, and events that break one rule share it. The kind tells what
was seen instead. Values are personal data and never enter a reason, apart from short values of
members in `SHOWN_MEMBERS`. A member name that no schema declares is written as `*`. The pointer to
the whole event is `/`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind
from pyspark.sql import Column, functions as F

from kinfold.bronze.schemas.kinds import SEEN, count_of, kind_of
from kinfold.bronze.schemas.references import json_pointer

MAX_REASONS = 20
NO_SCHEMA = "/event_type: no schema for this type in conf/schemas"
NO_MODEL = "/schema_version: no schema of this model in conf/schemas"
NOT_A_VERSION = "/schema_version: expected model-revision-addition such as 1-0-0"
NOT_A_VALUE = "/: not a JSON value"
TOO_DEEP = "/: nested too deeply"
SHOWN_MEMBERS = frozenset(
    {
        "amount_cents",
        "currency",
        "decision",
        "event_type",
        "price_cents",
        "purpose",
        "quantity",
        "schema_version",
    }
)
"""Members whose values say nothing about a person. A reason may quote them."""

# What counts is how many there are; these kinds of errors show it instead of a kind.
_COUNTED = frozenset(
    {"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"}
)
# The rule says it all.
_COMPLETE = frozenset({"additionalProperties", "required", "unevaluatedProperties"})


def reason_of(error: ValidationError, declared_names: frozenset[str]) -> str:
    """The reason for one validation error.

    Args:
        declared_names: the member names that may appear in a reason.
    """
    path = [segment if segment in declared_names else "*" for segment in error.instance_path]
    is_shown = bool(path) and path[-1] in SHOWN_MEMBERS
    return f"{shown_pointer(*path)}: {_message(error.kind)}{_seen(error, is_shown=is_shown)}"


def rule_of(reason: Column) -> Column:
    """The reason without what was seen, so that reasons can be counted."""
    return F.substring_index(reason, SEEN, 1)


def _seen(error: ValidationError, *, is_shown: bool) -> str:
    name, value = error.kind.name, error.instance
    if name == "propertyNames":
        inner = error.kind.as_dict()["error"]
        return _seen(inner, is_shown=False)
    if name in _COMPLETE:
        return ""
    return SEEN + (count_of(value) if name in _COUNTED else kind_of(value, is_shown=is_shown))


@lru_cache(maxsize=1024)
def shown_pointer(*path: str | int) -> str:
    """The JSON pointer of a path as people read it: `/` for the whole document."""
    return json_pointer(*path) or "/"


def _message(kind: ValidationErrorKind) -> str:
    """What the schema expects. Uses only the facts of an error that come from the schema."""
    if kind.name == "propertyNames":
        return f"a member's name: {_message(kind.as_dict()['error'].kind)}"
    describe = _MESSAGES.get(kind.name)
    return describe(kind.as_dict()) if describe else f"breaks the schema's '{kind.name}'"


def _null_last(json_type: str) -> tuple[bool, str]:
    return json_type == "null", json_type


def _either_value(values: Sequence[Any]) -> str:
    return " or ".join(json.dumps(value, ensure_ascii=False) for value in values)


_MESSAGES: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "additionalProperties": lambda _: "has a member the schema does not declare",
    "const": lambda fact: f"expected {_either_value([fact['expected_value']])}",
    "enum": lambda fact: f"expected {_either_value(fact['options'])}",
    "exclusiveMaximum": lambda fact: f"expected less than {fact['limit']}",
    "exclusiveMinimum": lambda fact: f"expected more than {fact['limit']}",
    "format": lambda fact: f"expected format {fact['format']}",
    "maxItems": lambda fact: f"expected at most {fact['limit']} items",
    "maxLength": lambda fact: f"expected at most {fact['limit']} characters",
    "maxProperties": lambda fact: f"expected at most {fact['limit']} members",
    "maximum": lambda fact: f"expected maximum {fact['limit']}",
    "minItems": lambda fact: f"expected at least {fact['limit']} items",
    "minLength": lambda fact: f"expected at least {fact['limit']} characters",
    "minProperties": lambda fact: f"expected at least {fact['limit']} members",
    "minimum": lambda fact: f"expected minimum {fact['limit']}",
    "multipleOf": lambda fact: f"expected a multiple of {fact['multiple_of']}",
    "pattern": lambda fact: f"expected pattern {fact['pattern']}",
    "required": lambda fact: f"'{fact['property']}' is missing",
    "type": lambda fact: f"expected {' or '.join(sorted(fact['types'], key=_null_last))}",
    "unevaluatedProperties": lambda _: "has a member the schema does not declare",
}
