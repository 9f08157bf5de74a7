"""Members of JSON objects as sent."""

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from kinfold.core.json_text import members, required_member

NAMES = st.sampled_from(["properties", "a", "é", 'q"', "Properties"]) | st.text(max_size=4)
NUMBERS = st.sampled_from(["0.10", "1e2", "-0", "12345678901234567890.5", "1." + "3" * 1_003])
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
VALUES = st.recursive(
    LEAVES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=3),
    max_leaves=6,
)


def object_text(draw: Any, pairs: list[tuple[str, str]]) -> str:
    """A JSON object with the texts of its members, and blanks and escapes as drawn."""
    blanks = st.sampled_from(["", " ", "\n\t", "\r\n "])
    parts = []
    for name, text in pairs:
        quoted = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()):  # escape every letter
            quoted = (
                '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in name) + '"'
            )
        parts.append(
            draw(blanks) + quoted + draw(blanks) + ":" + draw(blanks) + text + draw(blanks)
        )
    return draw(blanks) + "{" + (",".join(parts) or draw(blanks)) + "}" + draw(blanks)


@st.composite
def objects(draw: Any) -> str:
    value = VALUES.map(lambda one: json.dumps(one, ensure_ascii=False)) | NUMBERS
    return object_text(draw, draw(st.lists(st.tuples(NAMES, value), max_size=5)))


@settings(max_examples=80, deadline=None)
@given(objects())
def test_members_have_the_names_and_values_that_pythons_json_reads(text):
    expected = json.loads(text, parse_float=str, parse_int=str)
    found = members(text)
    assert {name: member.value for name, member in found.items()} == expected
    assert {
        name: json.loads(member.text, parse_float=str, parse_int=str)
        for name, member in found.items()
    } == expected


@settings(max_examples=80, deadline=None)
@given(objects(), st.sampled_from(["properties", "a"]))
def test_a_required_member_is_the_last_of_its_name(text, name):
    if name in json.loads(text):
        assert required_member(text, name) == members(text)[name]


def test_texts_are_as_sent():
    text = '{"a": 0.10, "b" : [1e2,  {"x":-0}], "a":12345678901234567890.5 , "c":"\\u00e9"}'
    assert {name: member.text for name, member in members(text).items()} == {
        "a": "12345678901234567890.5",
        "b": '[1e2,  {"x":-0}]',
        "c": '"\\u00e9"',
    }


def test_a_name_inside_a_text_or_deeper_down_is_not_the_member():
    text = r'{"a":"\"properties\":1","properties":{"x":2},"b":{"properties":3}}'
    assert required_member(text, "properties").text == '{"x":2}'
    text = r'{"a":"\"properties\":1","pr\u006fperties":{"x":2}}'
    assert required_member(text, "properties").text == '{"x":2}'


@pytest.mark.parametrize("text", ["[1]", "", "null", '{"a":}'])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"members: the text is not"):
        members(text)
