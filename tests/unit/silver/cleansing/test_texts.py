"""Texts without the characters that nobody sees."""

import unicodedata

import pytest

from kinfold.silver.cleansing.texts import trimmed, visible

INVISIBLE = ["\ufeff", "\u200b", "\u200d", "\u2060", "\u00ad", "\u202e", "\u3164", "\x01", "\ufe0f"]
WHITE_SPACE = [" ", "\n", "\t", "\r", "\u00a0", "\u2003", "\u3000", "\u2028", "\x85", "\x1f"]


@pytest.mark.parametrize("character", INVISIBLE + WHITE_SPACE, ids=lambda c: f"U+{ord(c):04X}")
def test_white_space_and_invisible_characters_at_the_ends_do_not_count(character):
    for text in (f"{character}a b", f"a b{character} {character}", f" {character}a b"):
        assert trimmed(text) == visible(text) == "a b"
    assert trimmed(character) == visible(character) == ""


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda c: f"U+{ord(c):04X}")
def test_a_visible_text_has_no_invisible_character_inside(character):
    assert visible(f"a{character}b") == "ab"
    assert trimmed(f"a{character}b") == f"a{character}b"


def test_white_space_inside_stays():
    assert visible("a\u00a0b\tc") == "a\u00a0b\tc"


def test_an_accented_letter_has_one_spelling():
    assert visible("e\u0301") == visible("\u00e9") == "\u00e9"
    assert visible("\u212b") == "\u00c5"  # the sign for angstrom
    assert visible("\u00b2") == "\u00b2"  # a raised 2 is not a 2


def test_every_format_character_that_unicode_calls_ignorable_is_invisible():
    # The signs in Cf that are printed: Arabic, Syriac, Kaithi and Egyptian ones.
    printed = range(0x600, 0x606), (0x6DD, 0x70F, 0x890, 0x891, 0x8E2), (0x110BD, 0x110CD)
    kept = {chr(code) for codes in printed for code in codes}
    kept |= {chr(code) for code in range(0x13430, 0x13440)}
    format_characters = {
        chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"
    }
    assert {c for c in format_characters if visible(f"a{c}b") != "ab"} <= kept
