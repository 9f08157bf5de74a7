"""Reasons name the rule and what was seen, and quote nothing personal of the event."""

from typing import Any

import pytest
from pyspark.sql import functions as F

from kinfold.bronze.schemas.reasons import reason_of, rule_of, shown_pointer
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
         "/a: expected string or null, seen an integer"),
        ({"additionalProperties": {"type": "null"}}, {"secret": "x"},
         "/*: expected null, seen text like a"),
        ({"items": {"enum": ["x", 1]}}, ["secret"],
         '/*: expected "x" or 1, seen text like aaaaaa'),
        ({"const": None}, "secret", "/: expected null, seen text like aaaaaa"),
        ({"required": ["a"]}, {}, "/: 'a' is missing"),
        ({"propertyNames": {"maxLength": 3}}, {"secret": 1},
         "/: a member's name: expected at most 3 characters, seen 6"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"secret": 1},
         "/: has a member the schema does not declare"),
        ({"contains": {"const": 1}}, ["secret"], "/: breaks the schema's 'contains', seen a list"),
    ],
)  # fmt: skip  # one line per rule
def test_a_reason_is_the_pointer_and_what_the_schema_expects(schema, event, reason):
    assert reasons(schema, event) == [reason]


def test_a_reason_quotes_a_short_value_of_a_member_that_is_not_personal():
    declared = frozenset({"currency", "email"})
    schema = {"additionalProperties": {"pattern": "^[A-Z]{3}$"}}
    event = {"currency": "usd", "email": "usd"}
    found = {reason_of(e, declared) for e in validator_of(schema).iter_errors(event)}
    assert found == {
        '/currency: expected pattern ^[A-Z]{3}$, seen "usd"',
        "/email: expected pattern ^[A-Z]{3}$, seen text like aaa",
    }


def test_reasons_of_one_rule_have_one_rule_whatever_was_seen(spark):
    reasons = ["/a: expected integer, seen null", "/a: expected integer", "/: 'a' is missing"]
    rows = spark.createDataFrame([(reason,) for reason in reasons], "reason string")
    found = [row[0] for row in rows.select(rule_of(F.col("reason"))).collect()]
    assert found == ["/a: expected integer", "/a: expected integer", "/: 'a' is missing"]
