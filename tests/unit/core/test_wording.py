"""Numbers as people write them."""

import pytest

from kinfold.core.wording import counted, duration_text, money_text, percent_text, wrapped


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.04, "under 0.1 s"),
        (12.5, "12.5 s"),
        (60, "60 s"),
        (119.9, "119.9 s"),
        (600, "10 minutes"),
        (7_199, "120 minutes"),
        (7_200, "2 hours"),
        (23_405_686.2, "271 days"),
        (800 * 86_400, "2.2 years"),
        (-3_600, "-60 minutes"),
    ],
)
def test_a_duration_has_the_largest_unit_of_which_there_are_two(seconds, text):
    assert duration_text(seconds) == text


def test_a_noun_agrees_with_its_number():
    assert [counted(n, "merge") for n in (0, 1, 2_000)] == ["0 merges", "1 merge", "2,000 merges"]
    assert [counted(n, "person", "people") for n in (1, 4)] == ["1 person", "4 people"]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0.0 %"),
        (0.0001, "under 0.1 %"),
        (0.446, "44.6 %"),
        (0.9999, "over 99.9 %"),
        (1, "100.0 %"),
    ],
)
def test_a_small_share_is_not_none_and_a_large_one_is_not_all(share, text):
    assert percent_text(share) == text


@pytest.mark.parametrize(
    ("minor_units", "currency", "text"),
    [
        (123_450, "EUR", "1,234.50 EUR"),
        (1_235, "JPY", "1,235 JPY"),
        (1_235, "KWD", "1.235 KWD"),
        (-50, "GBP", "-0.50 GBP"),
        (123_450, None, "1,234.50"),
    ],
)
def test_an_amount_has_the_decimals_and_the_code_of_its_currency(minor_units, currency, text):
    assert money_text(minor_units, currency) == text


def test_a_long_line_goes_on_below_with_its_indent():
    text = f"    {'word ' * 30}".rstrip()
    first, second = wrapped(text, hanging=2).split("\n")
    assert len(first) <= 100
    assert first.startswith("    word")
    assert second.startswith("      word")
    assert f"{first} {second.strip()}" == text
    path = f"  {'/folder' * 20}"
    assert wrapped(path) == path
    assert wrapped("") == ""
