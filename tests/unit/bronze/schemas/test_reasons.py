"""Reasons name the rule and quote nothing of the event."""

from typing import Any

import pytest

from kinfold.bronze.schemas.reasons import reason_of, shown_pointer
from kinfold.bronze.schemas.validators import validator_of

DECLARED = frozenset({"a", "b"})


def reasons(schema: Any, event: Any) -> list[str]:
    return sorted(reason_of(error, DECLARED) for error in validator_of(schema).iter_errors(event))


def test_the_pointer_to_the_whole_event_is_a_slash():
    assert (shown_pointer(), shown_pointer("a", 0, "b/c")) == ("/", "/a/0/b~1c")


@pytest.mark.parametrize(
    ("schema", "event", "reason"),
    [
        ({"properties": {"a": {"type": ["null", "string"]}}}, {"a": 1},
         "/a: expected string or null"),
        ({"additionalProperties": {"type": "null"}}, {"secret": "x"}, "/*: expected null"),
        ({"items": {"enum": ["x", 1]}}, ["secret"], '/*: expected "x" or 1'),
        ({"const": None}, "secret", "/: expected null"),
        ({"required": ["a"]}, {}, "/: 'a' is missing"),
        ({"propertyNames": {"maxLength": 3}}, {"secret": 1},
         "/: a member's name: expected at most 3 characters"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"secret": 1},
         "/: has a member the schema does not declare"),
        ({"contains": {"const": 1}}, ["secret"], "/: breaks the schema's 'contains'"),
    ],
)  # fmt: skip  # one line per rule
def test_a_reason_is_the_pointer_and_what_the_schema_expects(schema, event, reason):
    assert reasons(schema, event) == [reason]
