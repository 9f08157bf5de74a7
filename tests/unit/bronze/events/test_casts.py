"""Values that become what their schema asks for, if nothing is lost."""

import json

import pytest

from kinfold.bronze.events.casts import cast_event, cast_value
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.spelled_json import Number
from kinfold.bronze.schemas.validation import compiled_schemas
from poison import ORDER, text
from project import SCHEMAS

COMPILED = compiled_schemas(SchemaRegistry.load(SCHEMAS))


@pytest.mark.parametrize(
    ("value", "types", "expected"),
    [
        ("1.0", ["integer"], "1"),
        (" 12 ", ["integer"], "12"),
        ("-3", ["null", "integer"], "-3"),
        (Number("1.785E4"), ["string"], "17850"),
        (Number("12345678901234567"), ["string"], "12345678901234567"),
        (Number("0.10"), ["string"], "0.10"),
        ("0.10", ["number"], "0.10"),
        ("True", ["boolean"], True),
        (" ", ["integer", "null"], None),
        ('{"a":1}', ["object"], {"a": "1"}),
        ("[1]", ["array"], ["1"]),
    ],
)
def test_a_value_is_cast_if_nothing_is_lost(value, types, expected):
    assert cast_value(value, types) == expected


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("1.5", ["integer"]),
        ("12,50", ["integer"]),
        ("1_000", ["integer"]),
        ("NaN", ["number"]),
        ("Infinity", ["integer"]),
        ("9" * 60, ["integer"]),
        ("1e99", ["integer"]),
        ("", ["integer"]),
        (True, ["integer"]),
        (True, ["string"]),
        ([], ["string"]),
        ("yes", ["boolean"]),
        ("[1]", ["object"]),
    ],
)
def test_a_value_that_would_change_is_not_cast(value, types):
    unchanged = cast_value([], ["integer"])
    assert cast_value(value, types) is unchanged


def test_an_event_is_cast_where_its_schema_asks_and_the_rest_keeps_its_spelling():
    sent = text(properties=ORDER | {"order_id": 17, "amount_cents": "5.0", "note": "@"})
    cast = cast_event(sent.replace(b'"@"', b"0.10"), COMPILED)
    assert b'"note":0.10' in cast
    assert json.loads(cast)["properties"] == ORDER | {
        "order_id": "17",
        "amount_cents": 5,
        "note": 0.1,
    }


@pytest.mark.parametrize(
    "sent", [text(), b"{", b"[" * 1_000, text(event_type="wish"), text(event_id=None)]
)
def test_an_event_that_no_cast_helps_stays_as_it_is(sent):
    assert cast_event(sent, COMPILED) is None
