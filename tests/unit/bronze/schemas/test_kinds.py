"""What a message says about a value that it must not quote."""

from decimal import Decimal

import pytest

from kinfold.bronze.schemas.kinds import count_of, kind_of


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "true"),
        (7, "an integer"),
        (-7, "a negative integer"),
        (0.5, "a number with a fraction"),
        (Decimal("-0.5"), "a negative number with a fraction"),
        ([], "an empty list"),
        ({}, "an empty object"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
        ("", "empty text"),
        (" \t", "text of blanks"),
        ("31/12/2026", "text like 99/99/9999"),
        ("Ann@Shop.example", "text like Aaa@Aaaa.aaaaaaa"),
        ("12,50 €", "text like 99,99 €"),
        ("a\u00a0\ud83d\ude00", "text like a???"),
        ("x" * 25, "text of 25 characters"),
    ],
)
def test_a_value_is_described_by_its_kind_and_a_short_text_by_its_shape(value, kind):
    assert kind_of(value) == kind


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("usd", '"usd"'),
        ("12,50", '"12,50"'),
        (-2, "-2"),
        (0.5, "0.5"),
        ("ann@shop.example", "text like aaa@aaaa.aaaaaaa"),
        ("Ann Smith", "text like Aaa Aaaaa"),
        ("+447700900123", "text like +999999999999"),
        ("07700-900123", "text like 99999-999999"),
        (447700900123, "an integer"),
        ("usd" * 9, "text of 27 characters"),
    ],
)
def test_a_value_that_is_not_personal_is_quoted_if_it_cannot_be_a_name_or_an_address(value, shown):
    assert kind_of(value, is_shown=True) == shown


def test_what_can_be_counted_is_counted():
    assert (count_of("abc"), count_of([]), count_of({"a": 1}), count_of(7)) == (
        "3", "0", "1", "an integer",
    )  # fmt: skip  # one call
