"""What a change of a schema does to events of the old version."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from jsonschema_rs import Registry

from kinfold.bronze.schemas.compatibility.changes import Effect, SchemaChange
from kinfold.bronze.schemas.compatibility.comparison import schema_changes
from kinfold.bronze.schemas.references import SchemaDocuments
from kinfold.bronze.schemas.validators import validator_of


def changes(old: Any, new: Any, **shared: Any) -> list[SchemaChange]:
    """The changes from one schema to another; `shared` are documents both may refer to."""
    documents = {f"{name}/1-0-0": document for name, document in shared.items()}
    return schema_changes("t/1-0-0", "t/1-0-1", {**documents, "t/1-0-0": old, "t/1-0-1": new})


# Old schema, new schema, location of the change, part of its text.
ADDITIONS: list[tuple[Any, Any, str, str]] = [
    ({"type": "object"}, {"properties": {"a": {"type": "string"}}, "type": "object"},
     "/properties/a", "optional member 'a' was added"),
    ({"properties": {"a": {}}, "additionalProperties": False},
     {"properties": {"a": {}, "b": {"type": "string"}}, "additionalProperties": False},
     "/properties/b", "optional member 'b' was added"),
    ({"maximum": 5}, {"maximum": 6}, "/maximum", "maximum was 5, is 6"),
    ({"minLength": 5}, {}, "/minLength", "minLength was 5, was removed"),
    ({"pattern": "^a"}, {}, "/pattern", 'pattern was "^a", was removed'),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}, "/enum", 'enum was "a", is "a", "b"'),
    ({"const": "a"}, {"enum": ["a", "b"]}, "/const", 'const was "a", was removed'),
    ({"type": "integer"}, {"type": ["integer", "null"]}, "/type", "more is accepted"),
    ({"type": "integer"}, {"type": "number"}, "/type", "more is accepted"),
    ({"required": ["a"]}, {}, "/required", "more is accepted"),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"a": {}}},
     "/additionalProperties", "was refused, is accepted now"),
    ({"anyOf": [{"minimum": 1}]}, {"anyOf": [{"minimum": 1}, {"type": "null"}]}, "/anyOf",
     "has another alternative"),
    ({"not": {"minimum": 1}}, {}, "/not", "was removed"),
    ({"multipleOf": 4}, {"multipleOf": 2}, "/multipleOf", "multipleOf was 4, is 2"),
]  # fmt: skip  # table of cases
REVISIONS: list[tuple[Any, Any, str, str]] = [
    ({"maximum": 5}, {"maximum": 4}, "/maximum", "maximum was 5, is 4"),
    ({"minimum": 1}, {"exclusiveMinimum": 1}, "/exclusiveMinimum", "exclusiveMinimum is new, is 1"),
    ({}, {"maxLength": 9}, "/maxLength", "maxLength is new, is 9: values outside it are refused"),
    ({}, {"pattern": "^a"}, "/pattern", "pattern is new"),
    ({"pattern": "^a"}, {"pattern": "^b"}, "/pattern", 'pattern was "^a", is "^b"'),
    ({}, {"format": "date"}, "/format", "format is new"),
    ({}, {"uniqueItems": True}, "/uniqueItems", "uniqueItems is new"),
    ({"multipleOf": 2}, {"multipleOf": 4}, "/multipleOf", "multipleOf was 2, is 4"),
    ({}, {"propertyNames": {"maxLength": 3}}, "/propertyNames/maxLength", "maxLength is new"),
    ({"type": "object", "properties": {"a": {}}}, {"type": ["object"]},
     "/properties/a", "member 'a' was removed: it is still accepted, but no longer described"),
    ({"items": {"maximum": 5}}, {"items": {"maximum": 4}}, "/items/maximum", "was 5, is 4"),
]  # fmt: skip  # table of cases
BREAKS: list[tuple[Any, Any, str, str]] = [
    ({"type": "integer"}, {"type": "string"}, "/type", 'was "integer", is "string": integer is'),
    ({"type": "number"}, {"type": "integer"}, "/type", "a number with a fraction is refused"),
    ({"type": ["string", "null"]}, {"type": "string"}, "/type", "null is refused"),
    ({"required": ["a"]}, {"required": ["a", "b"]}, "/required", 'without "b" are refused'),
    ({"enum": ["a", "b"]}, {"enum": ["a"]}, "/enum", '"b" is refused'),
    ({"enum": [1, 2]}, {"const": 1}, "/const", "2 is refused"),
    ({"type": "string"}, {"enum": ["a"]}, "/enum", "enum is new"),
    ({}, {"dependentRequired": {"a": ["b"]}}, "/dependentRequired", "is new"),
    ({"properties": {"a": {}, "b": {}}, "additionalProperties": False},
     {"properties": {"a": {}}, "additionalProperties": False},
     "/properties/b", "member 'b' was removed while additional members are refused"),
    ({"type": "object"}, {"additionalProperties": False}, "/additionalProperties",
     "additional members are refused"),
    ({"properties": {"a": {"type": "string"}}}, {"properties": {"a": False}}, "/properties/a",
     "no value is accepted now"),
    ({"properties": {"a": {"items": {"type": "string"}}}},
     {"properties": {"a": {"items": {"type": "null"}}}}, "/properties/a/items/type", "string is"),
    ({"prefixItems": [{"type": "string"}]}, {"prefixItems": [{"type": "null"}]},
     "/prefixItems/0/type", "string is refused"),
    ({"additionalProperties": {"type": "string"}}, {"additionalProperties": {"type": "null"}},
     "/additionalProperties/type", "string is refused"),
    ({"additionalProperties": {"type": "string"}},
     {"additionalProperties": {"type": "string"}, "properties": {"a": {"type": "null"}}},
     "/properties/a/type", "string is refused"),
    ({"patternProperties": {"^a": {"type": "string"}}},
     {"patternProperties": {"^a": {"type": "null"}}}, "/patternProperties/^a/type", "string is"),
    ({}, {"not": {"type": "null"}}, "/not", "cannot be compared: treated as breaking"),
    ({"not": {"$ref": "#/$defs/n", "minimum": 1}, "$defs": {"n": {"type": "integer"}}},
     {"not": {"$ref": "#/$defs/n", "minimum": 1}, "$defs": {"n": {"type": "number"}}},
     "/not", "cannot be compared"),
    ({"oneOf": [{"minimum": 1}]}, {"oneOf": [{"minimum": 0}]}, "/oneOf", "cannot be compared"),
    ({"if": {}, "then": {"minimum": 1}}, {"if": {}, "then": {"minimum": 0}}, "/if", "cannot be co"),
    ({"contains": {"minimum": 1}}, {"contains": {"minimum": 0}}, "/contains", "cannot be comp"),
    ({"anyOf": [{"minimum": 1}, {"minLength": 1}]}, {"anyOf": [{"minimum": 1}]}, "/anyOf",
     "cannot be compared"),
    ({}, {"patternProperties": {"^a": {"minimum": 1}}}, "/patternProperties/^a", "cannot be comp"),
    ({"enum": [{"a": 1}]}, {"enum": [{"a": 1}], "properties": {"a": {"type": "string"}}}, "/",
     "enumerates objects or arrays; cannot be compared"),
    ({"$dynamicAnchor": "x", "items": {"$dynamicRef": "#x"}},
     {"$dynamicAnchor": "x", "items": {"$dynamicRef": "#x"}, "minimum": 1}, "/items/$dynamicRef",
     "cannot be compared"),
    ({"prefixItems": [{}, {}], "unevaluatedItems": False},
     {"prefixItems": [{}], "unevaluatedItems": False}, "/unevaluatedItems", "cannot be compared"),
    ({"anyOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
     {"anyOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False, "minimum": 1},
     "/unevaluatedProperties", "cannot be compared"),
]  # fmt: skip  # table of cases
CASES = [
    (effect, *case)
    for effect, cases in (
        (Effect.ADDITION, ADDITIONS),
        (Effect.REVISION, REVISIONS),
        (Effect.BREAKING, BREAKS),
    )
    for case in cases
]


@pytest.mark.parametrize(("effect", "old", "new", "location", "text"), CASES)
def test_a_change_is_reported_with_its_location_effect_and_reason(effect, old, new, location, text):
    worst = changes(old, new)[0]
    assert (worst.effect, worst.location) == (effect, location)
    assert text in worst.what
    assert "\n" not in str(worst)


@pytest.mark.parametrize("schema", [case[1] for case in CASES])
def test_a_schema_has_no_changes_from_itself(schema):
    assert changes(schema, schema) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"title": "a", "description": "b"}, {"title": "c", "default": 1, "examples": [2]}),
        ({"minimum": 1, "type": "integer"},
         {"$ref": "#/$defs/n", "$defs": {"n": {"minimum": 1, "type": "integer"}}}),
        ({"minimum": 1, "maxLength": 2}, {"allOf": [{"minimum": 1}, {"maxLength": 2}]}),
        ({"type": ["string", "null"]}, {"type": ["null", "string"]}),
        ({"enum": [1, 2]}, {"enum": [2.0, 1]}),
        ({"type": "null", "minimum": 5}, {"type": "null"}),
        ({"minimum": 1}, {"minimum": 1.0}),
        ({"const": "a"}, {"const": "a", "minLength": 1, "type": "string"}),
        ({"required": ["a", "b"]}, {"required": ["b", "a"]}),
        ({"not": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "null"}}},
         {"not": {"type": "null"}}),
        ({"properties": {"a": {}}, "additionalProperties": False},
         {"properties": {"a": {}}, "unevaluatedProperties": False}),
    ],
)  # fmt: skip  # table of cases
def test_the_same_rules_written_differently_are_not_a_change(old, new):
    assert changes(old, new) == []


def test_a_change_behind_several_references_is_reported_once_at_its_own_location():
    old = {"$defs": {"n": {"maximum": 5}}, "properties": {n: {"$ref": "#/$defs/n"} for n in "abc"}}
    new = old | {"$defs": {"n": {"maximum": 4}}}
    assert [str(change) for change in changes(old, new)] == [
        "/$defs/n/maximum: maximum was 5, is 4: values outside it are refused"
    ]


def test_a_change_in_another_document_is_reported_with_its_schema_id():
    changes = schema_changes(
        "t/1-0-0",
        "t/1-1-0",
        {
            "t/1-0-0": {"$ref": "kinfold:envelope/1-0-0"},
            "t/1-1-0": {"allOf": [{"$ref": "kinfold:envelope/1-1-0"}]},
            "envelope/1-0-0": {"properties": {"id": {"type": "string"}}},
            "envelope/1-1-0": {"properties": {"id": {"type": "string", "maxLength": 9}}},
        },
    )
    assert [(change.effect, change.location) for change in changes] == [
        (Effect.REVISION, "envelope/1-1-0#/properties/id/maxLength")
    ]


def test_a_tree_is_compared_at_every_depth_and_the_comparison_ends():
    old = {"properties": {"v": {"maximum": 5}, "below": {"items": {"$ref": "#"}}}}
    new = {"properties": {"v": {"maximum": 4}, "below": {"items": {"$ref": "#"}}}}
    assert [change.location for change in changes(old, new)] == ["/properties/v/maximum"]


def test_the_worst_change_comes_first():
    old = {"type": "object", "properties": {"a": {"maximum": 5}, "b": {"type": "string"}}}
    new = {"type": "object", "properties": {"a": {"maximum": 4}, "b": {"type": "null"}, "c": {}}}
    assert [(change.effect, change.location) for change in changes(old, new)] == [
        (Effect.BREAKING, "/properties/b/type"),
        (Effect.REVISION, "/properties/a/maximum"),
        (Effect.ADDITION, "/properties/c"),
    ]


def test_a_reference_that_leads_nowhere_is_a_value_error():
    with pytest.raises(ValueError, match="at t/1-0-0# leads nowhere, expected a schema"):
        changes({"$ref": "#/$defs/x"}, {})


# --- Generated pairs of versions ------------------------------------------------------------------

_NAMES = ("a", "b", "c")
_SCALARS = (None, True, False, 0, 1, 2, 3, 4, 1.5, "", "x", "xy", "xyz", "2026-01-05")
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_RULES: dict[str, Callable[[Random], Any]] = {
    "type": lambda r: r.choice([r.choice(_TYPES), r.sample(_TYPES, r.randint(1, 3))]),
    "enum": lambda r: [_value(r) for _ in range(r.randint(1, 3))],
    "const": lambda r: r.choice(_SCALARS),
    "multipleOf": lambda r: r.choice([1, 2, 0.5]),
    "pattern": lambda r: r.choice(["^x", "y$", "^$"]),
    "format": lambda r: r.choice(["date", "email"]),
    "uniqueItems": lambda r: r.random() < 0.5,
    "required": lambda r: r.sample(_NAMES, r.randint(0, 2)),
    "dependentRequired": lambda r: {r.choice(_NAMES): [r.choice(_NAMES)]},
    "$ref": lambda r: r.choice(["#/$defs/one", "kinfold:shared/1-0-0"]),
} | {
    limit: lambda r: r.randint(0, 4)
    for limit in (
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"),
        *("minItems", "maxItems", "minProperties", "maxProperties"),
    )
}
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_LISTED = ("prefixItems", "allOf", "anyOf", "oneOf")
_ONE = (
    *("additionalProperties", "propertyNames", "unevaluatedProperties", "items", "contains"),
    *("unevaluatedItems", "not", "if", "then"),
)
_COMMON = ("properties", "properties", "properties", "type", "items", "$ref", "allOf", "enum")


def _value(r: Random, depth: int = 2) -> Any:
    kind = r.random() if depth else 1
    if kind < 0.35:
        names = r.sample((*_NAMES, "d"), r.randint(0, 3))
        return {name: _value(r, depth - 1) for name in names}
    if kind < 0.5:
        return [_value(r, depth - 1) for _ in range(r.randint(0, 3))]
    return r.choice(_SCALARS)


def _rule(r: Random, keyword: str, depth: int) -> Any:
    if keyword in _NAMED:
        names = ("^a", "b|c") if keyword == "patternProperties" else _NAMES
        return {n: _schema(r, depth - 1) for n in r.sample(names, r.randint(1, 2))}
    if keyword in _LISTED:
        return [_schema(r, depth - 1) for _ in range(r.randint(1, 2))]
    return _schema(r, depth - 1) if keyword in _ONE else _RULES[keyword](r)


def _schema(r: Random, depth: int) -> Any:
    if depth < 2 and r.random() < 0.1:
        return r.random() < 0.5
    known = (*_RULES, *_COMMON, *((*_NAMED, *_LISTED, *_ONE) if depth > 0 else ()))
    keywords = [k for k in r.sample(known, r.randint(0, 3)) if depth > 0 or k in _RULES]
    return {keyword: _rule(r, keyword, depth) for keyword in keywords}


def _edited(r: Random, schema: Any, depth: int = 2) -> Any:
    """A schema with some rules removed, added or changed, at any depth."""
    if not isinstance(schema, dict) or (depth < 2 and r.random() < 0.1):
        return r.choice([schema, True, _schema(r, 1)])
    edited = {}
    for keyword, value in schema.items():
        edit = r.random()
        if edit < 0.15:
            continue
        edited[keyword] = value
        if edit > 0.6 or keyword == "$defs":
            continue
        if keyword in _NAMED:
            edited[keyword] = {n: _edited(r, part, depth - 1) for n, part in value.items()}
        elif keyword in _LISTED:
            more = [_schema(r, 1)] if r.random() < 0.3 else []
            edited[keyword] = [_edited(r, part, depth - 1) for part in value] + more
        elif keyword in _ONE:
            edited[keyword] = _edited(r, value, depth - 1)
        elif isinstance(value, list) and keyword in ("enum", "type"):
            edited[keyword] = [*value, *([_value(r)] if keyword == "enum" else [])]
        elif edit < 0.4:
            edited[keyword] = _rule(r, keyword, 1)
    if r.random() < 0.2:
        edited["properties"] = edited.get("properties", {}) | {r.choice(_NAMES): _schema(r, 1)}
    return edited | (_schema(r, 2) if r.random() < 0.15 else {})


def _described(schema: Any, *, is_whole: bool) -> Any:
    """The schema, also refusing members that it does not describe."""
    if not isinstance(schema, dict):
        return {"unevaluatedProperties": False} if is_whole and schema else schema
    closed = dict(schema)
    for name in ("additionalProperties", "unevaluatedProperties"):
        if name in closed and closed[name] in (True, {}):
            closed[name] = False
    for name in ("properties", "patternProperties"):
        if name in closed:
            parts = closed[name].items()
            closed[name] = {key: _described(part, is_whole=True) for key, part in parts}
    for name in ("additionalProperties", "unevaluatedProperties", "items"):
        if name in closed:
            closed[name] = _described(closed[name], is_whole=True)
    for name in ("prefixItems", "allOf"):
        if name in closed:
            is_part = name == "allOf"
            closed[name] = [_described(part, is_whole=not is_part) for part in closed[name]]
    if is_whole and "unevaluatedProperties" not in closed:
        closed["unevaluatedProperties"] = False
    return closed


_SHARED = {"type": ["integer", "object"], "properties": {"a": {"maximum": 3}}}


def _validator(schema: Any) -> Any:
    return validator_of(schema, Registry([("kinfold:shared/1-0-0", _SHARED)]))


def _generated_versions(r: Random) -> tuple[Any, Any]:
    """Two versions of a schema with one definition, the second edited from the first."""
    definition = _schema(r, 1)
    old = _schema(r, 2)
    new = _edited(r, old, 2)
    own, new_own = definition, _edited(r, definition) if r.random() < 0.5 else definition
    return old | {"$defs": {"one": own}}, new | {"$defs": {"one": new_own}}


def _counterexample(seed: int) -> tuple[bool, str]:
    """Whether a generated pair tests the law, and how it breaks it ("" if it does not)."""
    r = Random(seed)
    old, new = _generated_versions(r)
    documents = {"t/1-0-0": old, "t/1-0-1": new, "shared/1-0-0": _SHARED}
    if old == new or SchemaDocuments(documents).loops():
        return False, ""
    changes = schema_changes("t/1-0-0", "t/1-0-1", documents)
    if any(change.effect != Effect.ADDITION for change in changes):
        return False, ""
    described = _described(old, is_whole=True)
    described["$defs"] = {"one": _described(old["$defs"]["one"], is_whole=False)}
    before, after = _validator(described), _validator(new)
    valid = [value for value in (_value(r) for _ in range(40)) if before.is_valid(value)]
    lost = [value for value in valid if not after.is_valid(value)]
    report = f"seed {seed}: {lost} under {new}, was valid under {old}: {list(map(str, changes))}"
    return bool(valid), report if lost else ""


def test_a_value_valid_under_the_old_version_stays_valid_if_all_changes_are_additions():
    cases = [_counterexample(seed) for seed in range(4_000)]
    assert [report for _, report in cases if report] == []
    assert sum(is_a_test for is_a_test, _ in cases) > 500
