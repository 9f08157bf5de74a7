"""Agreement levels: how well two values of a kind agree, as a small number.

0 is disagreement, each higher level is closer agreement, the highest level is equality; -1 means
that a value is missing. There are few levels per kind, because EM must see each level often enough
to learn it. Every distinct pair of values is compared once, all pairs in one call of rapidfuzz.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA, JaroWinkler

from kinfold.silver.matching.model.kinds import Kind

Levels = NDArray[np.int8]
Texts = NDArray[Any]
MISSING = -1


@dataclass(frozen=True)
class Comparison:
    """The comparison of one kind of value.

    Attributes:
        labels: the condition of each level, from disagreement (level 0) to equality.
        unequal: function that returns the levels of pairs of unequal values, none missing.
        is_frequency_adjusted: whether agreement on a rare value has a higher weight.
    """

    labels: tuple[str, ...]
    unequal: Callable[[Texts, Texts], Levels]
    is_frequency_adjusted: bool = True

    @property
    def level_count(self) -> int:
        return len(self.labels)

    @property
    def equal(self) -> int:
        """The level of equality."""
        return len(self.labels) - 1


def levels_of(kind: Kind, left: Texts, right: Texts) -> Levels:
    """The agreement level of each pair of values; MISSING if one of them is null.

    Args:
        left, right: object arrays of normalised values, null = None.
    """
    comparison = COMPARISONS[kind]
    levels = np.full(len(left), MISSING, dtype=np.int8)
    left_codes, right_codes, values = _coded(left, right)
    is_known = (left_codes >= 0) & (right_codes >= 0)
    levels[is_known & (left_codes == right_codes)] = comparison.equal
    unequal = np.flatnonzero(is_known & (left_codes != right_codes))
    if len(unequal):
        low = np.minimum(left_codes[unequal], right_codes[unequal]).astype(np.int64)
        high = np.maximum(left_codes[unequal], right_codes[unequal]).astype(np.int64)
        pairs, of_pair = np.unique(low * len(values) + high, return_inverse=True)
        levels[unequal] = comparison.unequal(
            values[pairs // len(values)], values[pairs % len(values)]
        )[of_pair]
    return levels


def _coded(left: Texts, right: Texts) -> tuple[NDArray[Any], NDArray[Any], Texts]:
    """Both sides as indices into one sorted array of distinct values; -1 for null."""
    import pandas as pd

    codes, values = pd.factorize(np.concatenate([left, right]), sort=True)
    return codes[: len(left)], codes[len(left) :], np.asarray(values, dtype=object)


def _jaro_winkler(left: Texts, right: Texts) -> NDArray[Any]:
    return process.cpdist(left, right, scorer=JaroWinkler.similarity, dtype=np.float32)


def _edits(left: Texts, right: Texts, at_most: int) -> NDArray[Any]:
    """Edit distance; a swap of two neighbouring letters is one edit. Values above `at_most` are not
    exact."""
    return process.cpdist(left, right, scorer=OSA.distance, score_cutoff=at_most, dtype=np.int32)


def _words_shared(left: Texts, right: Texts) -> NDArray[Any]:
    return process.cpdist(left, right, scorer=fuzz.token_set_ratio, dtype=np.float32)


def _highest_level(*closest_first: NDArray[Any]) -> Levels:
    """The level of the closest condition that is true; 0 if none is true."""
    levels = np.zeros(len(closest_first[0]), dtype=np.int8)
    for level, condition in enumerate(reversed(closest_first), start=1):
        levels[condition] = level
    return levels


def _mapped(rule: Callable[[str], object], values: Texts) -> Texts:
    return np.array([rule(value) for value in values], dtype=object)


def _same(rule: Callable[[str], object], left: Texts, right: Texts) -> NDArray[Any]:
    return np.asarray(_mapped(rule, left) == _mapped(rule, right), dtype=bool)


def _given_name(left: Texts, right: Texts) -> Levels:
    close = _jaro_winkler(left, right)
    has_initial = np.fromiter(
        (a[0] == b[0] and min(len(a), len(b)) == 1 for a, b in zip(left, right, strict=True)),
        dtype=bool,
        count=len(left),
    )
    return _highest_level(close >= 0.92, close >= 0.85, (close >= 0.75) | has_initial)


def _surname(left: Texts, right: Texts) -> Levels:
    close = _jaro_winkler(left, right)
    return _highest_level(close >= 0.92, close >= 0.85, close >= 0.75)


def _further_names(left: Texts, right: Texts) -> Levels:
    levels = np.zeros(len(left), dtype=np.int8)
    for number, (a, b) in enumerate(zip(left, right, strict=True)):
        some, others = set(a.split()), set(b.split())
        shared = some & others
        if shared:
            levels[number] = 2 if len(shared) == min(len(some), len(others)) else 1
    return levels


def _birth_date(left: Texts, right: Texts) -> Levels:
    edits = _edits(left, right, 2)
    year = _same(lambda v: v[:4], left, right)
    month = _same(lambda v: v[4:6], left, right)
    day = _same(lambda v: v[6:], left, right)
    is_swapped = np.asarray(
        _mapped(lambda v: v[6:] + v[4:6], left) == _mapped(lambda v: v[4:], right), dtype=bool
    )
    two_parts = (year & month) | (year & day) | (month & day)
    return _highest_level(edits <= 1, (is_swapped & year) | two_parts | (edits <= 2), year)


def _postcode(left: Texts, right: Texts) -> Levels:
    outer = _same(lambda v: v[:-3] if len(v) > 5 else v[:3], left, right)
    return _highest_level(_edits(left, right, 1) <= 1, outer, _same(lambda v: v[:2], left, right))


def _place(left: Texts, right: Texts) -> Levels:
    close, shared = _jaro_winkler(left, right), _words_shared(left, right)
    return _highest_level((shared >= 99) | (close >= 0.92), (close >= 0.8) | (shared >= 75))


def _address(left: Texts, right: Texts) -> Levels:
    close = _jaro_winkler(left, right)
    sorted_words = process.cpdist(left, right, scorer=fuzz.token_sort_ratio, dtype=np.float32)
    return _highest_level(
        (close >= 0.95) | (sorted_words >= 92), (close >= 0.88) | (sorted_words >= 75)
    )


def _email(left: Texts, right: Texts) -> Levels:
    left_local = _mapped(lambda v: v.partition("@")[0], left)
    right_local = _mapped(lambda v: v.partition("@")[0], right)
    close = _jaro_winkler(left_local, right_local)
    same_local = np.asarray(left_local == right_local, dtype=bool)
    return _highest_level(same_local, close >= 0.92, close >= 0.85)


def _phone(left: Texts, right: Texts) -> Levels:
    same_end = _same(lambda v: v[-7:], left, right)
    return _highest_level(same_end, _edits(left, right, 1) <= 1)


def _code(left: Texts, right: Texts) -> Levels:
    edits = _edits(left, right, 2)
    return _highest_level(edits <= 1, edits <= 2)


def _house_number(left: Texts, right: Texts) -> Levels:
    return _highest_level(_edits(left, right, 1) <= 1)


def _text(left: Texts, right: Texts) -> Levels:
    return _highest_level(_words_shared(left, right) >= 90)


def _only_disagreement(left: Texts, right: Texts) -> Levels:
    return np.zeros(len(left), dtype=np.int8)


_NAME_LABELS = ("else", "Jaro-Winkler 0.75 or an initial", "Jaro-Winkler 0.85")
COMPARISONS: dict[Kind, Comparison] = {
    Kind.GIVEN_NAME: Comparison((*_NAME_LABELS, "Jaro-Winkler 0.92", "equal"), _given_name),
    Kind.SURNAME: Comparison(
        ("else", "Jaro-Winkler 0.75", "Jaro-Winkler 0.85", "Jaro-Winkler 0.92", "equal"), _surname
    ),
    Kind.FULL_NAME: Comparison(
        ("no word shared", "a word shared", "one holds the other", "equal"), _further_names
    ),
    Kind.BIRTH_DATE: Comparison(
        ("else", "same year", "two parts or two edits", "one edit", "equal"), _birth_date
    ),
    Kind.POSTCODE: Comparison(
        ("else", "same area", "same district", "one edit", "equal"), _postcode
    ),
    Kind.PLACE: Comparison(
        ("else", "Jaro-Winkler 0.8 or words shared", "one holds the other or 0.92", "equal"), _place
    ),
    Kind.ADDRESS: Comparison(
        ("else", "words 75 % or Jaro-Winkler 0.88", "words 92 % or 0.95", "equal"), _address
    ),
    Kind.HOUSE_NUMBER: Comparison(("else", "one edit", "equal"), _house_number, False),
    Kind.PHONE: Comparison(("else", "one edit", "last seven digits", "equal"), _phone),
    Kind.EMAIL: Comparison(
        ("else", "local part 0.85", "local part 0.92", "same local part", "equal"), _email
    ),
    Kind.GENDER: Comparison(("else", "equal"), _only_disagreement, False),
    Kind.TEXT: Comparison(("else", "words 90 %", "equal"), _text),
    Kind.CODE: Comparison(("else", "two edits", "one edit", "equal"), _code),
}
