"""Types and equality of JSON values."""

import pytest

from kinfold.bronze.schemas.compatibility.json_values import comparable, type_set, value_type


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "integer"),
        (1.0, "integer"),
        (1.5, "fraction"),
        ("1", "string"),
        ([], "array"),
        ({}, "object"),
    ],
)
def test_a_value_has_one_type_and_a_whole_number_is_an_integer_however_it_is_written(value, name):
    assert value_type(value) == name


def test_the_type_number_stands_for_integers_and_fractions():
    assert type_set("number") == {"integer", "fraction"}
    assert type_set(["integer", "null"]) == {"integer", "null"}


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}), ([1, [2]], [1.0, [2.0]])],
)
def test_equal_json_values_are_comparable_whatever_their_spelling(one, other):
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), ("1", 1), ([], {}), ([1, 2], [2, 1]), (None, "null"), ({"a": 1}, {})],
)
def test_different_json_values_are_never_equal(one, other):
    assert comparable(one) != comparable(other)
