"""Subschemas of documents, and the targets of references."""

from typing import Any

import pytest

from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation, json_pointer

ROOT = SchemaLocation("t/1-0-0", "")


def target(schema: Any, **others: Any) -> str | None:
    """The target of the root's reference, as text."""
    documents = {f"{name}/1-0-0": document for name, document in others.items()}
    schemas = SchemaDocuments({**documents, "t/1-0-0": schema})
    [(_, location)] = schemas.references(ROOT)
    return None if location is None else str(location)


@pytest.mark.parametrize(
    ("segments", "pointer"),
    [((), ""), (("a", 0), "/a/0"), (("a/b", "c~d"), "/a~1b/c~0d"), (("",), "/")],
)
def test_a_json_pointer_escapes_slashes_and_tildes(segments, pointer):
    assert json_pointer(*segments) == pointer


def test_the_schema_at_a_location_is_found_by_names_and_indexes():
    schemas = SchemaDocuments({"t/1-0-0": {"allOf": [{"properties": {"a/b": True}}]}})
    assert schemas.at(ROOT.below("allOf", 0, "properties", "a/b")) is True


@pytest.mark.parametrize("pointer", ["/allOf/1", "/allOf/x", "/none", "/allOf/0/type/0"])
def test_a_location_that_does_not_exist_is_a_lookup_error(pointer):
    schemas = SchemaDocuments({"t/1-0-0": {"allOf": [{"type": "null"}]}})
    with pytest.raises(LookupError):
        schemas.at(SchemaLocation("t/1-0-0", pointer))


def test_subschemas_are_found_in_keywords_of_all_three_forms_and_nowhere_else():
    schema = {
        "not": False,
        "anyOf": [{}, True],
        "properties": {"a": {}},
        "const": {"not": {}},
        "enum": [{}],
        "required": ["a"],
    }
    schemas = SchemaDocuments({"t/1-0-0": schema})
    assert sorted((k, location.pointer) for k, location in schemas.subschemas(ROOT)) == [
        ("anyOf", "/anyOf/0"),
        ("anyOf", "/anyOf/1"),
        ("not", "/not"),
        ("properties", "/properties/a"),
    ]


def test_the_locations_of_a_document_are_its_root_and_every_subschema():
    schemas = SchemaDocuments({"t/1-0-0": {"items": {"items": {}}}})
    pointers = [location.pointer for location in schemas.locations("t/1-0-0")]
    assert pointers == ["", "/items", "/items/items"]


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ({"$ref": "#"}, "t/1-0-0#"),
        ({"$ref": "#/$defs/a", "$defs": {"a": True}}, "t/1-0-0#/$defs/a"),
        ({"$ref": "#/$defs/a%20b", "$defs": {"a b": {}}}, "t/1-0-0#/$defs/a b"),
        ({"$ref": "#n", "$defs": {"a": {"$anchor": "n"}}}, "t/1-0-0#/$defs/a"),
        ({"$dynamicRef": "#n", "$defs": {"a": {"$dynamicAnchor": "n"}}}, "t/1-0-0#/$defs/a"),
        ({"$ref": "urn:x", "$defs": {"a": {"$id": "urn:x"}}}, "t/1-0-0#/$defs/a"),
        ({"$ref": "urn:x#/items", "$defs": {"a": {"$id": "urn:x", "items": {}}}},
         "t/1-0-0#/$defs/a/items"),
        ({"$ref": "kinfold:other/1-0-0#/not"}, "other/1-0-0#/not"),
        ({"$ref": "#n", "$defs": {"a": {"$id": "urn:x", "$anchor": "n"}}}, None),
        ({"$ref": "#/$defs/none"}, None),
        ({"$ref": "#/title", "title": "t"}, None),
        ({"$ref": "kinfold:none/1-0-0"}, None),
        ({"$ref": "other/1-0-0"}, None),
    ],
)  # fmt: skip  # one line per reference
def test_a_reference_leads_to_a_schema_by_pointer_anchor_or_id_or_nowhere(schema, found):
    assert target(schema, other={"not": {}}) == found


def test_a_loop_is_found_only_where_no_step_reaches_a_part_of_the_value():
    tree = {"items": {"$ref": "#"}, "allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {}}}
    assert SchemaDocuments({"t/1-0-0": tree}).loops() == []
    loop = {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#"}}}}
    [cycle] = SchemaDocuments({"t/1-0-0": loop}).loops()
    assert [location.pointer for location in cycle] == ["", "/allOf/0", "/$defs/a", "/$defs/a/not"]
