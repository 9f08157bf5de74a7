"""How changes of rules read."""

from typing import Any

import pytest

from kinfold.bronze.schemas.compatibility.shapes import Rule, ValueShape
from kinfold.bronze.schemas.compatibility.wording import narrowed_text, widened_text
from kinfold.bronze.schemas.references import SchemaLocation

ROOT = SchemaLocation("t/1-0-0", "")


def shape(schema: Any) -> ValueShape:
    return ValueShape((ROOT,), (schema,))


@pytest.mark.parametrize(
    ("old", "keyword", "value", "text"),
    [
        ({"maximum": 5}, "maximum", 4, "maximum was 5, is 4: values outside it are refused"),
        ({}, "format", "date", 'format is new, is "date": values outside it are refused'),
        ({"required": ["a"]}, "required", ["a", "b"],
         'required was "a", is "a", "b": events without "b" are refused'),
        ({"type": "number"}, "type", "integer",
         'type was "number", is "integer": a number with a fraction is refused'),
        ({"enum": ["a", "b"]}, "enum", ["a"], 'enum was "a", "b", is "a": "b" is refused'),
        ({"enum": [1]}, "enum", [], "enum was 1, is nothing: 1 is refused"),
    ],
)  # fmt: skip  # one line per case
def test_a_narrower_rule_reads_as_before_after_and_what_is_refused(old, keyword, value, text):
    assert narrowed_text(Rule(keyword, value, ROOT), shape(old)) == text


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ({"maximum": 6}, "maximum was 5, is 6: more is accepted"),
        ({}, "maximum was 5, was removed: more is accepted"),
    ],
)
def test_a_wider_rule_reads_as_before_and_after(new, text):
    assert widened_text(Rule("maximum", 5, ROOT), shape(new)) == text
