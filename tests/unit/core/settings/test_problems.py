"""Validation errors as messages."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from kinfold.core.settings.problems import readable_problems, setting_names


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sizes: list[int] = []
    colour: str = "red"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    part: Part = Part()
    name: str


KNOWN = ["part.sizes", "part.colour", "part", "name"]


def message(values: dict[str, object], origin: dict[str, str]) -> str:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(values)
    return readable_problems(caught.value, origin, KNOWN, "base.yaml")


def test_names_of_settings_include_those_of_sections():
    assert setting_names(Whole) == KNOWN


def test_an_unknown_key_is_named_with_the_nearest_known_one():
    text = message({"name": "x", "part": {"color": "red"}}, {"part.color": "test.yaml"})
    assert text == "test.yaml: unknown key 'part.color'. Did you mean 'part.colour'?"


def test_a_missing_key_is_searched_in_the_default_file():
    assert message({}, {}) == "base.yaml: key 'name' is missing."


def test_an_element_of_a_list_comes_from_the_file_of_the_list():
    text = message({"name": "x", "part": {"sizes": [1, "a"]}}, {"part.sizes": "test.yaml"})
    assert text.startswith("test.yaml: part.sizes.1 is a, expected: should be a valid integer")


def test_a_wrong_section_is_not_printed():
    text = message({"name": {"first": "Ada"}}, {"name.first": "--set"})
    assert text == "--set: name is a section, expected: should be a valid string."


def test_every_problem_is_listed():
    text = message({"part": {"color": 1}}, {"part.color": "test.yaml"})
    assert "unknown key 'part.color'" in text
    assert "key 'name' is missing" in text
