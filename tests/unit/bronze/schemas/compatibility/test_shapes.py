"""What a value must be to follow several schemas, and what follows from that."""

from typing import Any

import pytest

from kinfold.bronze.schemas.compatibility.shapes import Rule, ValueShape, requires_all, shape_at
from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation

ROOT = SchemaLocation("t/1-0-0", "")


def shape_of(schema: Any, **shared: Any) -> ValueShape:
    documents = {f"{name}/1-0-0": document for name, document in shared.items()}
    return shape_at(SchemaDocuments({**documents, "t/1-0-0": schema}), [ROOT])


def test_a_shape_holds_the_schemas_behind_ref_and_all_of():
    shape = shape_of(
        {"$ref": "kinfold:other/1-0-0", "allOf": [{"minimum": 1}, {"$ref": "#/$defs/a"}],
         "$defs": {"a": {"maximum": 3}}, "anyOf": [{"maximum": 9}]},
        other={"type": "integer"},
    )  # fmt: skip  # one line per part of the schema
    assert {(rule.keyword, rule.value) for rule in shape.rules} == {
        ("minimum", 1),
        ("maximum", 3),
        ("type", "integer"),
    }


def test_a_reference_that_leads_nowhere_is_a_value_error():
    with pytest.raises(ValueError, match="at t/1-0-0# leads nowhere"):
        shape_of({"$ref": "#/$defs/none"})


@pytest.mark.parametrize(
    ("schema", "types", "values"),
    [
        ({"type": ["integer", "null"]}, {"integer", "null"}, None),
        ({"allOf": [{"type": "number"}, {"type": ["integer", "string"]}]}, {"integer"}, None),
        ({"type": "string", "enum": ["a", 1]}, {"string"}, ["a"]),
        ({"enum": [1, 2], "allOf": [{"enum": [2.0, 3]}]}, {"integer"}, [2]),
        ({"type": ["boolean", "null"]}, {"boolean", "null"}, [None, True, False]),
        ({"allOf": [{"type": "string"}, False]}, set(), []),
    ],
)
def test_types_and_values_are_those_that_every_schema_allows(schema, types, values):
    shape = shape_of(schema)
    assert (shape.types, shape.values) == (types, values)


@pytest.mark.parametrize(
    ("schema", "keyword", "value", "implied"),
    [
        ({"minimum": 5}, "minimum", 5, True),
        ({"minimum": 5}, "exclusiveMinimum", 5, False),
        ({"exclusiveMinimum": 5}, "exclusiveMinimum", 5, True),
        ({"maximum": 4}, "maximum", 5, True),
        ({"maximum": 6}, "maximum", 5, False),
        ({"multipleOf": 4}, "multipleOf", 2, True),
        ({"type": "integer"}, "multipleOf", 1, True),
        ({"multipleOf": 0.3}, "multipleOf", 0.1, True),
        ({"minLength": 3}, "minLength", 2, True),
        ({}, "minLength", 0, True),
        ({"maxLength": 3}, "maxLength", 2, False),
        ({"type": "null"}, "minimum", 5, True),
        ({"enum": [1, 2]}, "maximum", 2, True),
        ({"enum": [1, 3]}, "maximum", 2, False),
        ({"type": "integer"}, "type", "number", True),
        ({"type": "string"}, "enum", ["a"], False),
        ({"required": ["a"]}, "required", ["a"], True),
        ({"required": ["b"]}, "dependentRequired", {"a": ["b"]}, True),
        ({"dependentRequired": {"a": ["b"]}}, "dependentRequired", {"a": ["b", "c"]}, False),
        ({"uniqueItems": True}, "uniqueItems", False, True),
        ({"pattern": "^a"}, "pattern", "^a|b", False),
    ],
)
def test_a_shape_implies_a_rule_only_if_every_value_certainly_satisfies_it(
    schema, keyword, value, implied
):
    assert shape_of(schema).implies(Rule(keyword, value, ROOT)) is implied


def test_required_members_of_all_schemas_count():
    shape = shape_of({"required": ["a"], "allOf": [{"required": ["b"]}]})
    assert requires_all(shape, ["a", "b"])
    assert not requires_all(shape, ["a", "c"])
