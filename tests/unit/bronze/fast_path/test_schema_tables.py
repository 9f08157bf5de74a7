"""Schemas as lookup tables, and which schemas these can express."""

from typing import Any

import numpy as np
import pytest

from kinfold.bronze.fast_path.lookup_tables import (
    ANY,
    ARRAY,
    INTEGER,
    MAX_MEMBERS,
    NAME_VALUE,
    NONE,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    Role,
    RuleColumn,
)
from kinfold.bronze.fast_path.schema_tables import SchemaTables
from kinfold.bronze.schemas.references import SchemaDocuments

TEXT_OR_NULL = {"type": ["string", "null"]}
IDENTIFIERS = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-z]+$"},
    "additionalProperties": TEXT_OR_NULL,
    "maxProperties": 50,
}


def schema(**changes: Any) -> dict[str, Any]:
    """The smallest schema that is supported; a member with the value `...` is left out.

    Args:
        changes: other schemas of members.
    """
    members = {
        "event_id": {"type": "string"},
        "event_type": {"const": "visit", "type": "string"},
        "occurred_at": {"type": "string", "format": "date-time"},
        "received_at": {"type": ["string", "null"], "format": "date-time"},
        "schema_version": {"type": ["string", "null"]},
        "identifiers": IDENTIFIERS,
        **changes,
    }
    return {
        "$id": "kinfold:visit/1-0-0",
        "type": "object",
        "required": ["event_id", "event_type", "occurred_at", "identifiers"],
        "properties": {name: one for name, one in members.items() if one is not ...},
    }


def compiled(document: dict[str, Any]) -> SchemaTables:
    return SchemaTables.of(SchemaDocuments({"visit/1-0-0": document}), {"visit": "visit/1-0-0"})


def members_of(tables: SchemaTables, row: int) -> dict[str, tuple[int, Role]]:
    """Row of the value and role of each described member of an object, by name."""
    lookup = tables.lookup
    first, last = lookup.rules[row, RuleColumn.MEMBERS], lookup.rules[row, RuleColumn.MEMBERS_END]
    return {
        lookup.name_bytes[start:end].tobytes().decode(): (int(value), Role(role))
        for start, end, value, role in lookup.names[first:last].tolist()
    }


def rules_of(document: dict[str, Any], name: str) -> dict[RuleColumn, int]:
    """The rules of a member of the event."""
    tables = compiled(document)
    row, _ = members_of(tables, tables.lookup.types[0, NAME_VALUE])[name]
    return {column: int(tables.lookup.rules[row, column]) for column in RuleColumn}


def test_an_event_has_the_row_of_its_type_and_roles_for_the_columns_of_its_landed_row():
    tables = compiled(schema(note={"type": "string"}))
    assert (tables.event_types, tables.schema_ids) == (("visit",), ("visit/1-0-0",))
    [[start, end, event, _]] = tables.lookup.types.tolist()
    assert tables.lookup.name_bytes[start:end].tobytes() == b"visit"
    members = members_of(tables, event)
    assert {name: role for name, (_, role) in members.items()} == {
        "event_id": Role.EVENT_ID,
        "occurred_at": Role.OCCURRED_AT,
        "received_at": Role.RECEIVED_AT,
        "identifiers": Role.IDENTIFIERS,
        "schema_version": Role.OTHER,
        "note": Role.OTHER,
    }
    required = tables.lookup.rules[event, RuleColumn.REQUIRED]
    names = list(members)
    assert {name for bit, name in enumerate(names) if required >> bit & 1} == {
        "event_id",
        "occurred_at",
        "identifiers",
    }


def test_the_rules_of_a_text_are_its_lengths_options_and_pattern():
    rules = rules_of(
        schema(note={"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^a*$"}), "note"
    )
    assert rules[RuleColumn.KINDS] == STRING
    assert (rules[RuleColumn.MIN_LENGTH], rules[RuleColumn.MAX_LENGTH]) == (2, 9)
    assert rules[RuleColumn.PATTERN] != NONE
    rules = rules_of(schema(note={"enum": ["a", "b", None]}), "note")
    assert rules[RuleColumn.KINDS] == STRING | NULL
    assert rules[RuleColumn.OPTIONS_END] - rules[RuleColumn.OPTIONS] == 2
    assert rules[RuleColumn.PATTERN] == NONE


def test_a_number_has_limits_that_may_be_excluded():
    document = schema(
        amount={"type": "integer", "minimum": 1}, share={"type": "number", "exclusiveMaximum": 0.5}
    )
    tables = compiled(document)
    members = members_of(tables, tables.lookup.types[0, NAME_VALUE])
    amount, share = members["amount"][0], members["share"][0]
    assert tables.lookup.limits[amount].tolist() == [1.0, np.inf]
    assert tables.lookup.limits[share].tolist() == [-np.inf, 0.5]
    kinds = tables.lookup.rules[[amount, share], RuleColumn.KINDS].tolist()
    assert kinds == [INTEGER, INTEGER | NUMBER]
    assert rules_of(document, "amount")[RuleColumn.EXCLUDES_MINIMUM] == 0
    assert rules_of(document, "share")[RuleColumn.EXCLUDES_MAXIMUM] == 1


def test_an_array_has_the_row_of_its_items_and_their_number():
    rules = rules_of(
        schema(tags={"type": "array", "items": {"type": "string"}, "maxItems": 3}), "tags"
    )
    assert rules[RuleColumn.KINDS] == ARRAY
    assert (rules[RuleColumn.MIN_ITEMS], rules[RuleColumn.MAX_ITEMS]) == (0, 3)
    assert rules[RuleColumn.ITEMS] != ANY
    assert rules_of(schema(tags={"type": "array"}), "tags")[RuleColumn.ITEMS] == ANY


def test_a_value_without_rules_has_no_row():
    tables = compiled(schema(note=True, other={"description": "anything"}))
    members = members_of(tables, tables.lookup.types[0, NAME_VALUE])
    assert (members["note"], members["other"]) == ((ANY, Role.OTHER), (ANY, Role.OTHER))


def test_rules_of_references_and_of_all_parts_of_all_of_apply_together():
    document = schema(
        note={
            "$ref": "#/$defs/short",
            "allOf": [{"maxLength": 5}, {"type": ["string", "null"], "minLength": 1}],
        }
    )
    document["$defs"] = {"short": {"type": "string", "maxLength": 9}}
    rules = rules_of(document, "note")
    assert rules[RuleColumn.KINDS] == STRING
    assert (rules[RuleColumn.MIN_LENGTH], rules[RuleColumn.MAX_LENGTH]) == (1, 5)


def test_identifiers_have_the_rules_of_their_names_and_values():
    rules = rules_of(schema(), "identifiers")
    assert rules[RuleColumn.KINDS] == OBJECT
    assert rules[RuleColumn.MAX_PROPERTIES] == 50
    assert rules[RuleColumn.NAME_PATTERN] != NONE
    assert rules[RuleColumn.OTHERS] != ANY


def test_no_schemas_give_empty_tables():
    tables = SchemaTables.of(SchemaDocuments({}), {})
    assert (tables.event_types, tables.schema_ids) == ((), ())
    assert tables.lookup.rules.shape == (0, len(RuleColumn))
    assert tables.lookup.types.shape == (0, 4)


UNSUPPORTED = {
    "a keyword": {"note": {"anyOf": [{"type": "string"}]}},
    "a schema that rejects everything": {"note": False},
    "a format": {"note": {"format": "email"}},
    "a pattern": {"note": {"pattern": r"^\d$"}},
    "two patterns": {"note": {"allOf": [{"pattern": "^a$"}, {"pattern": "^b$"}]}},
    "a number as option": {"note": {"enum": ["a", 1]}},
    "a limit that is not exact": {"note": {"maximum": 2**53}},
    "a limit that is included and excluded": {"note": {"minimum": 1, "exclusiveMinimum": 1}},
    "names of members": {"note": {"propertyNames": {"pattern": "^a$"}}},
    "members without description": {"note": {"additionalProperties": False}},
    "a reference to nothing": {"note": {"$ref": "#/$defs/unknown"}},
    "a reference to itself": {
        "note": {"properties": {"below": {"$ref": "#/properties/note"}}, "type": "object"}
    },
    "more members than bits": {
        "note": {"properties": {f"m{number}": True for number in range(MAX_MEMBERS + 1)}}
    },
    "another event type": {"event_type": {"const": "other", "type": "string"}},
    "an event type that is also a number": {"event_type": {"type": ["string", "integer"]}},
    "no instant of the event": {"occurred_at": {"type": "string"}},
    "no instant of the collector": {"received_at": ...},
    "another version": {"schema_version": {"type": ["string", "null"], "maxLength": 3}},
    "no version": {"schema_version": ...},
    "identifiers of one name": {"identifiers": {"type": "object", "properties": {"user_id": {}}}},
    "identifiers that are numbers": {
        "identifiers": IDENTIFIERS | {"additionalProperties": {"type": "integer"}}
    },
    "identifiers that two schemas describe": {
        "identifiers": IDENTIFIERS
        | {"properties": {"email": TEXT_OR_NULL}, "allOf": [{"properties": {"crm": TEXT_OR_NULL}}]}
    },
    "identifiers with rules of two schemas": {
        "identifiers": IDENTIFIERS | {"allOf": [{"additionalProperties": TEXT_OR_NULL}]}
    },
    "identifiers with options": {"identifiers": IDENTIFIERS | {"enum": [None]}},
    "one identifier with other rules": {
        "identifiers": IDENTIFIERS | {"properties": {"email": {"type": "string"}}}
    },
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_schema_that_the_tables_cannot_express_is_left_out(name):
    assert compiled(schema(**UNSUPPORTED[name])).event_types == ()


@pytest.mark.parametrize(
    "change",
    [
        {"type": ["object", "null"]},
        {"additionalProperties": False},
        {"maxProperties": 9},
        {"required": ["event_id", "event_type", "occurred_at"]},
        {"enum": [None]},
    ],
)
def test_an_event_must_be_an_open_object_with_the_envelope(change):
    assert compiled(schema()).event_types == ("visit",)
    assert compiled(schema() | change).event_types == ()
