"""kinds: normalised values."""

import pytest

from kinfold.silver.matching.model.kinds import Kind, normalised, sector, sound


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (Kind.GIVEN_NAME, " Dr. José-María ", "jose maria"),
        (Kind.GIVEN_NAME, "Sir", "sir"),
        (Kind.SURNAME, "O'Brien", "obrien"),
        (Kind.SURNAME, "unknown", None),
        (Kind.SURNAME, "李", "李"),
        (Kind.BIRTH_DATE, "1980-12-31", "19801231"),
        (Kind.BIRTH_DATE, "19801231", "19801231"),
        (Kind.BIRTH_DATE, "31/12/1980", "19801231"),
        (Kind.BIRTH_DATE, "1.2.1980", "19800201"),
        (Kind.BIRTH_DATE, "3 Feb 1980", "19800203"),
        (Kind.BIRTH_DATE, "1980-12-31 00:00:00", "19801231"),
        (Kind.BIRTH_DATE, "1856-86-18", "18568618"),
        (Kind.BIRTH_DATE, "soon", None),
        (Kind.POSTCODE, "SW1A 1AA", "sw1a1aa"),
        (Kind.PHONE, "+44 (0)20 7946 0018", "4402079460018"),
        (Kind.PHONE, "n/a", None),
        (Kind.EMAIL, " Ann@Example.COM ", "ann@example.com"),
        (Kind.EMAIL, "nobody", None),
        (Kind.CODE, "AB-12 34", "ab1234"),
    ],
)
def test_a_value_is_normalised(kind, raw, expected):
    assert normalised(kind, [raw]) == [expected]


def test_a_missing_value_stays_missing():
    assert normalised(Kind.SURNAME, [None, ""]) == [None, None]


def test_a_word_and_its_misspelling_sound_alike():
    assert sound("smith") == sound("smyth")
    assert sound("李") == "李"


def test_the_sector_of_a_postcode_drops_its_last_two_characters():
    assert (sector("sw1a1aa"), sector("2119")) == ("sw1a1", "211")
