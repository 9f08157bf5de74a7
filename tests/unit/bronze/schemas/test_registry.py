"""The registry reads only usable schemas, and names every problem of the others."""

import json
import shutil
from typing import Any

import pytest

from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.core.errors import ContractError
from project import SCHEMAS
from schema_folders import write_schema

REGISTRY = SchemaRegistry.load(SCHEMAS)


@pytest.mark.parametrize("file", sorted(SCHEMAS.glob("*/*.json")), ids=lambda f: f.parent.name)
def test_a_schema_describes_itself_and_each_of_its_properties(file):
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["title"]
    assert list(_undescribed(document, where="")) == []


def _undescribed(schema: dict[str, Any], *, where: str) -> list[str]:
    below = {**schema.get("properties", {}), **schema.get("$defs", {})}
    found = [where] if not schema.get("description") else []
    for name, member in below.items():
        found += _undescribed(member, where=f"{where}/{name}")
    return found


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(ContractError, match=r"nowhere: no such folder, expected one folder of sch"):
        SchemaRegistry.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "rules",
    [
        {"$ref": "kinfold:envelope/1-0-0"},
        {"allOf": [{"required": ["a"]}, {"$ref": "kinfold:envelope/1-0-0"}]},
        {"$ref": "kinfold:login/1-0-0"},
    ],
)
def test_a_schema_may_include_the_envelope_in_any_way_that_applies_to_the_whole_event(
    folder, rules
):
    write_schema(folder, "login/1-0-1", **rules)
    SchemaRegistry.load(folder).require_envelope()


@pytest.mark.parametrize(
    "rules",
    [
        {"type": "object"},
        {"anyOf": [{"$ref": "kinfold:envelope/1-0-0"}, True]},
        {"properties": {"inner": {"$ref": "kinfold:envelope/1-0-0"}}},
        {"$ref": "kinfold:envelope/1-0-0#/$defs/identifier"},
    ],
)
def test_a_schema_without_the_envelope_is_reported(folder, rules):
    write_schema(folder, "login/1-0-1", **rules)
    with pytest.raises(ContractError, match="schema login/1-0-1: does not refer to the envelope"):
        SchemaRegistry.load(folder).require_envelope()


def test_a_folder_without_the_envelope_is_refused(folder):
    shutil.rmtree(folder / "envelope")
    with pytest.raises(
        ContractError, match="envelope: no such folder, expected the schema that all"
    ):
        SchemaRegistry.load(folder)


def test_an_event_type_without_a_schema_is_refused(folder):
    (folder / "refund").mkdir()
    with pytest.raises(ContractError, match=r"refund: has no schema, expected a file such as 1-0"):
        SchemaRegistry.load(folder)


def test_an_event_type_that_is_not_snake_case_is_refused(folder):
    (folder / "Re fund").mkdir()
    with pytest.raises(ContractError, match="Re fund: bad event type in a folder name, expected"):
        SchemaRegistry.load(folder)


@pytest.mark.parametrize("name", ["1.0.0.json", "1-0.json", "01-0-0.json", "1-0-0.jsn", "v1.json"])
def test_a_file_name_without_a_version_is_refused(folder, name):
    (folder / "login" / name).write_text("{}")
    with pytest.raises(ContractError, match=f"{name}: bad version in the file name, expected"):
        SchemaRegistry.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"1-0-0.json: unreadable JSON \(Expecting property name"),
        (b"[" * 100_000, r"1-0-0.json: unreadable JSON \("),
        (b"\xc3\x28", r"1-0-0.json: cannot be read as UTF-8 text \(UnicodeDecodeError\)"),
        (b'{"minimum": 1e999}', r"1-0-0.json: unreadable JSON \(1e999 is not a JSON number"),
        (b'{"minimum": NaN}', r"1-0-0.json: unreadable JSON \(NaN is not a JSON number"),
        (b'{"not":' * 100 + b"{}" + b"}" * 100, r"1-0-0.json: nested too deeply, expected at most"),
        (b"true", r"1-0-0.json: invalid schema, expected a JSON object"),
    ],
)
def test_a_file_without_a_schema_is_refused(folder, content, message):
    (folder / "login" / "1-0-0.json").write_bytes(content)
    with pytest.raises(ContractError, match=message):
        SchemaRegistry.load(folder)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"type": "strin"}, r"1-0-0.json: invalid schema at /type: "),
        ({"properties": {"x": {"pattern": "("}}}, r'at /properties/x/pattern: "\(" is not a "'),
        ({"format": "date-tim"}, r"1-0-0.json: invalid schema at /format: Unknown format"),
        ({"$ref": "kinfold:no/1-0-0"}, r'1-0-0.json: \$ref "kinfold:no/1-0-0" at / leads nowhere'),
        (
            {"$ref": "https://example.com/a"},
            r'\$ref "https://example.com/a" at / leads nowhere, ex',
        ),
        ({"$ref": "kinfold:envelope/1-0-0#/$defs/x"}, r'0#/\$defs/x" at / leads nowhere'),
        (
            {"items": {"$ref": "#x"}},
            r'1-0-0.json: \$ref "#x" at /items leads nowhere, expected #, ',
        ),
        ({"$ref": "#/title", "title": "t"}, r'\$ref "#/title" at / leads nowhere'),
        ({"$id": "kinfold:logon/1-0-0"}, r'\$id is \'kinfold:logon/1-0-0\', expected "kinfold:log'),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, r"\$schema is 'http://json-sch"),
    ],
)
def test_an_invalid_schema_is_refused_with_its_file_and_location(folder, rules, message):
    write_schema(folder, "login/1-0-0", **rules)
    with pytest.raises(ContractError, match=message):
        SchemaRegistry.load(folder)


LOOPS = {
    "itself": {"$ref": "#"},
    "each other": {
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        "properties": {"x": {"$ref": "#/$defs/a"}},
    },
    "allOf": {"$defs": {"a": {"allOf": [{}, {"$ref": "#/$defs/a"}]}}},
    "anyOf": {"anyOf": [{"type": "null"}, {"$ref": "#"}]},
    "oneOf": {"oneOf": [{"$ref": "#"}]},
    "not": {"not": {"$ref": "#"}},
    "if": {"if": {"$ref": "#"}, "then": True},
    "then": {"if": True, "then": {"$ref": "#"}},
    "dependentSchemas": {"dependentSchemas": {"x": {"$ref": "#"}}},
    "an anchor": {"$anchor": "me", "allOf": [{"$ref": "#me"}]},
    "$dynamicRef": {"$dynamicAnchor": "me", "allOf": [{"$dynamicRef": "#me"}]},
}


@pytest.mark.parametrize("rules", LOOPS.values(), ids=LOOPS)
def test_references_that_loop_without_reaching_a_part_of_the_event_are_refused(folder, rules):
    write_schema(folder, "login/1-0-0", **rules)
    with pytest.raises(
        ContractError, match=r"login/1-0-0.json: \$ref loop login/1-0-0#.* never reaches"
    ):
        SchemaRegistry.load(folder)


def test_a_reference_loop_through_two_files_is_reported_once_with_its_path(folder):
    write_schema(folder, "login/1-0-0", **{"$ref": "kinfold:consent/1-0-0"})
    write_schema(folder, "consent/1-0-0", **{"$ref": "kinfold:login/1-0-0"})
    with pytest.raises(ContractError) as caught:
        SchemaRegistry.load(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert "consent/1-0-0# -> login/1-0-0# -> consent/1-0-0#" in lines[0]


def test_text_that_looks_like_a_reference_is_ignored_outside_a_schema(folder):
    rules = {"const": {"$ref": "nowhere"}, "default": {"$ref": "x"}, "examples": [{"$ref": "y"}]}
    write_schema(folder, "login/1-0-0", properties={"x": rules, "$ref": {"type": "string"}})
    assert SchemaRegistry.load(folder).event_types == REGISTRY.event_types


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        (["1-0-2"], "1-0-2.json: comes after 1-0-0, expected 1-0-1, 1-1-0 or 2-0-0. Add"),
        (["1-1-1"], "1-1-1.json: comes after 1-0-0, expected"),
        (["1-2-0"], "1-2-0.json: comes after 1-0-0, expected"),
        (["2-0-1"], "2-0-1.json: comes after 1-0-0, expected"),
        (["2-1-0"], "2-1-0.json: comes after 1-0-0, expected"),
        (["3-0-0"], "3-0-0.json: comes after 1-0-0, expected"),
        (["1-0-1", "1-1-0", "1-1-2"], "1-1-2.json: comes after 1-1-0, expected 1-1-1, 1-2-0 or"),
    ],
)
def test_a_version_without_the_one_before_it_is_refused(folder, versions, message):
    for version in versions:
        write_schema(folder, f"login/{version}")
    with pytest.raises(ContractError, match=message):
        SchemaRegistry.load(folder)


def test_the_first_version_is_1_0_0(folder):
    write_schema(folder, "refund/1-0-1")
    with pytest.raises(
        ContractError, match=r"refund/1-0-1.json: is the first version, expected 1-0"
    ):
        SchemaRegistry.load(folder)


def test_a_revision_and_a_model_may_follow_any_addition(folder):
    for version in ("1-0-1", "1-0-2", "1-1-0", "1-1-1", "2-0-0", "2-1-0", "3-0-0"):
        write_schema(folder, f"login/{version}")
    assert len(SchemaRegistry.load(folder).texts) == len(REGISTRY.texts) + 7


def test_every_problem_of_a_folder_is_reported_at_once(folder):
    write_schema(folder, "login/1-0-0", type="strin")
    (folder / "consent" / "latest.json").write_text("{}")
    (folder / "refund").mkdir()
    with pytest.raises(ContractError) as caught:
        SchemaRegistry.load(folder)
    assert len(str(caught.value).splitlines()) == 3
