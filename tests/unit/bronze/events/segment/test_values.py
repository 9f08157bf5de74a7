"""Values of messages as texts and numbers."""

from decimal import Decimal

import pytest

from kinfold.bronze.events.segment.values import (
    decimal_of,
    is_known,
    object_or_empty,
    taken_id,
    text_of,
    whole_number_of,
)


@pytest.mark.parametrize(("value", "known"), [(None, False), ("", False), (0, True), ([], True)])
def test_null_and_an_empty_text_stand_for_an_unknown_value(value, known):
    assert is_known(value) is known


@pytest.mark.parametrize("value", [None, "text", ["list"], 5])
def test_a_value_that_is_not_an_object_counts_as_an_empty_one(value):
    assert object_or_empty(value) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("007", "007"),
        (17, "17"),
        (17.0, "17"),
        (2**64, None),
        (2.0**53, None),
        (1.5, None),
        (True, None),
        (None, None),
        (["a"], None),
    ],
)
def test_texts_and_exact_whole_numbers_are_texts(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.285, Decimal("0.285")),
        (" 2.50 ", Decimal("2.50")),
        (10**15, Decimal(10**15)),
        (10**16, None),
        ("many", None),
        ("NaN", None),
        (True, None),
    ],
)
def test_a_number_is_read_exactly_as_it_is_written(value, number):
    assert decimal_of(value) == number


def test_a_whole_number_may_have_decimals_of_zero():
    assert (whole_number_of("3.0"), whole_number_of(3.5)) == (3, None)


def test_only_an_id_that_is_a_text_is_removed_from_the_remaining_members():
    remaining = {"a": "x", "b": 17, "c": "", "d": [1]}
    assert [taken_id(remaining, name) for name in "abcde"] == ["x", "17", None, [1], None]
    assert remaining == {"b": 17, "c": "", "d": [1]}
