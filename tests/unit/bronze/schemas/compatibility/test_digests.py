"""Digests are equal exactly for schemas that say the same."""

from typing import Any

import pytest

from kinfold.bronze.schemas.compatibility.digests import group_digests, shape_digests
from kinfold.bronze.schemas.compatibility.shapes import shape_at
from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation


def digests(schema: Any) -> list[str]:
    schemas = SchemaDocuments({"t/1-0-0": schema})
    return shape_digests(schemas, shape_at(schemas, [SchemaLocation("t/1-0-0", "")]))


def alternatives(schema: Any) -> list[str]:
    schemas = SchemaDocuments({"t/1-0-0": schema})
    return group_digests(schemas, shape_at(schemas, [SchemaLocation("t/1-0-0", "")]), ["anyOf"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"minimum": 1, "title": "a"}, {"minimum": 1.0, "description": "b"}),
        ({"items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"minimum": 1}}},
         {"items": {"minimum": 1}}),
        ({"items": {"items": {"$ref": "#"}}}, {"items": {"items": {"$ref": "#"}}, "title": "t"}),
    ],
)  # fmt: skip  # one line per schema
def test_annotations_and_references_do_not_change_a_digest(one, other):
    assert digests(one) == digests(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"minimum": 1}, {"maximum": 1}),
        ({"items": {"minimum": 1}}, {"items": {"minimum": 2}}),
        ({"properties": {"a": {}}}, {"properties": {"b": {}}}),
        ({"const": 1}, {"const": True}),
        ({"not": True}, {"not": False}),
        ({"items": {"$ref": "#"}}, {"items": {"items": {"$ref": "#/items"}}}),
    ],
)
def test_different_rules_have_different_digests(one, other):
    assert digests(one) != digests(other)


def test_a_group_of_keywords_is_compared_without_the_rest_of_its_schema():
    one = {"anyOf": [{"minimum": 1}], "maxLength": 3}
    assert alternatives(one) == alternatives({"anyOf": [{"minimum": 1, "title": "t"}]})
    assert alternatives(one) != alternatives({"anyOf": [{"minimum": 2}]})
    assert alternatives({"maxLength": 3}) == []
