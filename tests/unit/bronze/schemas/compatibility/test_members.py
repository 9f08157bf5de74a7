"""Which schemas apply to a member of an object or to an item of an array."""

from typing import Any

import pytest

from kinfold.bronze.schemas.compatibility.members import (
    allows_anything,
    described_members,
    item_schemas,
    member_name_schemas,
    member_schemas,
    other_member_schemas,
    pattern_schemas,
    was_undescribed,
)
from kinfold.bronze.schemas.compatibility.shapes import ValueShape, shape_at
from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation

ROOT = SchemaLocation("t/1-0-0", "")


def opened(schema: Any) -> tuple[SchemaDocuments, ValueShape]:
    schemas = SchemaDocuments({"t/1-0-0": schema})
    return schemas, shape_at(schemas, [ROOT])


def pointers(locations: list[SchemaLocation]) -> list[str]:
    return [location.pointer for location in locations]


@pytest.mark.parametrize(
    ("schema", "applied"),
    [
        ({"properties": {"a": {}}}, ["/properties/a"]),
        ({"properties": {"b": {}}, "additionalProperties": {}}, ["/additionalProperties"]),
        ({"properties": {"a": {}}, "additionalProperties": {}}, ["/properties/a"]),
        ({"patternProperties": {"^a": {}, "^b": {}}}, ["/patternProperties/^a"]),
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, ["/properties/a"]),
        ({"properties": {"b": {}}, "unevaluatedProperties": False}, ["/unevaluatedProperties"]),
        ({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
         ["/allOf/0/properties/a"]),
        ({"allOf": [{"properties": {"a": {}}}], "additionalProperties": False},
         ["/additionalProperties", "/allOf/0/properties/a"]),
    ],
)  # fmt: skip  # one line per schema
def test_a_member_follows_its_description_or_the_rules_for_other_members(schema, applied):
    schemas, shape = opened(schema)
    assert pointers(member_schemas(schemas, shape, "a")) == applied


def test_described_members_include_those_behind_all_of():
    _, shape = opened({"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}]})
    assert {name: loc.pointer for name, loc in described_members(shape).items()} == {
        "a": "/properties/a",
        "b": "/allOf/0/properties/b",
    }


def test_unevaluated_properties_do_not_apply_where_additional_properties_do():
    schemas, shape = opened({"additionalProperties": {}, "unevaluatedProperties": False})
    assert pointers(other_member_schemas(schemas, shape)) == ["/additionalProperties"]


def test_a_pattern_certainly_applies_only_where_it_is_written():
    schema = {"patternProperties": {"^a": {}}, "additionalProperties": False}
    schemas, shape = opened(schema)
    certain = pattern_schemas(schemas, shape, "^b", is_certain=True)
    possible = pattern_schemas(schemas, shape, "^b", is_certain=False)
    assert (pointers(certain), pointers(possible)) == ([], ["/additionalProperties"])


def test_names_of_members_follow_property_names():
    _, shape = opened({"allOf": [{"propertyNames": {"maxLength": 3}}]})
    assert pointers(member_name_schemas(shape)) == ["/allOf/0/propertyNames"]


def test_an_item_follows_its_prefix_or_else_items():
    _, shape = opened({"prefixItems": [{}], "items": {"type": "null"}})
    assert pointers(item_schemas(shape, 0)) == ["/prefixItems/0"]
    assert pointers(item_schemas(shape, 1)) == ["/items"]


@pytest.mark.parametrize(
    ("schema", "anything"),
    [(True, True), ({"title": "t"}, True), (False, False), ({"not": {}}, False)],
)
def test_a_schema_with_annotations_alone_allows_anything(schema, anything):
    schemas, _ = opened(schema)
    assert allows_anything(schemas, [ROOT]) is anything


@pytest.mark.parametrize(
    ("schema", "undescribed"),
    [
        ({"type": "object"}, True),
        ({}, False),
        ({"properties": {"a": {}}}, False),
        ({"type": "object", "additionalProperties": {"type": "null"}}, False),
        ({"anyOf": [{"properties": {"a": {"type": "null"}}}]}, False),
        ({"anyOf": [{"properties": {"b": {"type": "null"}}}]}, True),
    ],
)
def test_a_member_is_undescribed_if_no_keyword_may_say_anything_about_it(schema, undescribed):
    schemas, shape = opened(schema)
    assert was_undescribed(schemas, shape, "a") is undescribed
