"""Which properties schemas describe."""

import json
from typing import Any

from kinfold.bronze.schemas.described_properties import DescribedProperties
from kinfold.bronze.schemas.registry import SchemaRegistry
from project import SCHEMAS

OURS = DescribedProperties.of(SchemaRegistry.load(SCHEMAS))


def described(**documents: dict[str, Any]) -> DescribedProperties:
    """Of schemas by name, all of version 1-0-0."""
    texts = ((f"{n}/1-0-0", json.dumps(d)) for n, d in documents.items())
    return DescribedProperties.of(SchemaRegistry(tuple(sorted(texts))))


def of_properties(schema: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"properties": schema}}


def test_a_schema_describes_the_members_that_it_declares_below_properties():
    assert OURS.names("consent", "consent/1-0-0") == {"purpose", "decision"}
    assert OURS.names("track", "track/1-0-0") == {"event_name"}
    assert {"amount_cents", "currency", "quantity"} <= OURS.names("return", "return/1-0-0")


def test_each_version_describes_its_own_and_an_unknown_one_counts_as_the_newest():
    versions = {
        "gift/1-0-0": of_properties({"properties": {"to": {}}}),
        "gift/1-1-0": of_properties({"properties": {"to": {}, "note": True}}),
    }
    ours = DescribedProperties.of(
        SchemaRegistry(tuple((name, json.dumps(text)) for name, text in versions.items()))
    )
    assert ours.names("gift", "gift/1-0-0") == {"to"}
    assert ours.names("gift", "gift/9-0-0") == ours.names("gift", None) == {"to", "note"}
    assert ours.names("other", "other/1-0-0") == ours.names(None, None) == set()


def test_references_and_combinations_describe_and_a_negation_does_not():
    base = of_properties({"properties": {"amount_cents": {}}})
    schema = {
        "$ref": "kinfold:base/1-0-0",
        "allOf": [of_properties({"$ref": "#/$defs/more"})],
        "$defs": {
            "more": {
                "properties": {"a": {}},
                "if": {"properties": {"b": {}}},
                "anyOf": [{"properties": {"c": {"properties": {"deeper": {}}}}}],
                "not": {"properties": {"d": {}}},
            }
        },
    }
    ours = described(base=base, donation=schema)
    assert ours.names("donation", "donation/1-0-0") == {"amount_cents", "a", "b", "c"}
