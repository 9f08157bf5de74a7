"""comparisons: agreement levels."""

import numpy as np
import pytest

from kinfold.silver.matching.model.comparisons import COMPARISONS, levels_of
from kinfold.silver.matching.model.kinds import Kind


def level(kind: Kind, left: str | None, right: str | None) -> int:
    one, other = np.array([left], dtype=object), np.array([right], dtype=object)
    level, reverse = levels_of(kind, one, other)[0], levels_of(kind, other, one)[0]
    assert level == reverse, "agreement does not depend on the side"
    return int(level)


@pytest.mark.parametrize(
    ("kind", "left", "right", "expected"),
    [
        (Kind.GIVEN_NAME, "ann", "ann", 4),
        (Kind.GIVEN_NAME, "robert", "roberta", 3),
        (Kind.GIVEN_NAME, "j", "john", 1),
        (Kind.GIVEN_NAME, "ann", "zoe", 0),
        (Kind.GIVEN_NAME, None, "zoe", -1),
        (Kind.BIRTH_DATE, "19801231", "19801232", 3),
        (Kind.BIRTH_DATE, "19800102", "19800201", 2),
        (Kind.BIRTH_DATE, "19801231", "19800716", 1),
        (Kind.BIRTH_DATE, "19801231", "19750716", 0),
        (Kind.POSTCODE, "sw1a1aa", "sw1a1ab", 3),
        (Kind.POSTCODE, "sw1a1aa", "sw1a9zz", 2),
        (Kind.PLACE, "bristol", "bristol city of", 2),
        (Kind.EMAIL, "ann@a.org", "ann@b.org", 3),
        (Kind.PHONE, "442079460018", "2079460018", 2),
        (Kind.CODE, "1804974", "1804947", 2),
        (Kind.HOUSE_NUMBER, "7", "17", 1),
        (Kind.GENDER, "m", "f", 0),
        (Kind.TEXT, "singer", "opera singer", 1),
        (Kind.FULL_NAME, "1st baron", "baron clifford 1st", 2),
        (Kind.FULL_NAME, "1st baron", "2nd baron", 1),
    ],
)
def test_two_values_have_the_expected_level(kind, left, right, expected):
    assert level(kind, left, right) == expected


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_accepts_any_text_and_null(kind):
    values = np.array(["a", "a@b", "19800101", "x y z", "1", None], dtype=object)
    left, right = np.repeat(values, len(values)), np.tile(values, len(values))
    levels = levels_of(kind, left, right)
    assert levels.min() == -1
    assert levels.max() == COMPARISONS[kind].equal


def test_without_pairs_there_are_no_levels():
    empty = np.array([], dtype=object)
    assert len(levels_of(Kind.SURNAME, empty, empty)) == 0
