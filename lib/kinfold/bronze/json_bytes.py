"""What can be told of JSON texts from their bytes, many at once: no object is made of any.

Regular expressions over the same bytes take longer: numpy works on whole registers.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

_CHUNK = 2**17
"""Bytes looked at together: what is made of them stays in a processor's cache."""
_DIGITS = 200
"""So many of them, or an exponent of three digits, make a number that may be too large for a float:
fewer with an exponent of two are below 10^299."""
_STRIDE = 25
_BEFORE_A_NUMBER = np.frombuffer(b":,[ \t\n\r", np.uint8)


def are_utf8(values: pa.Array) -> pa.Array:
    """Whether the bytes are UTF-8; so is no value at all."""
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:  # it does not say which
        return pa.array([_is_utf8(value) for value in values.to_pylist()], pa.bool_())
    return pa.array(np.ones(len(values), np.bool_))


def _is_utf8(value: bytes | None) -> bool:
    try:
        return value is None or value.decode() is not None
    except UnicodeDecodeError:
        return False


def texts_with(values: pa.Array, *looks: Callable[[Bytes], Places]) -> list[int]:
    """Indices of the texts in which one of the looks finds a place.

    Args:
        values: a binary or text column.
        looks: from the bytes of all texts, one after the other, to the places found.
    """
    _, offsets, data = values.buffers()
    if data is None or len(values) == 0:
        return []
    window = slice(values.offset, values.offset + len(values) + 1)
    bounds = np.frombuffer(offsets, np.int32)[window].astype(np.int64)
    text = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    found = np.concatenate([look(text) for look in looks]) + bounds[0]
    indices = np.searchsorted(bounds, found, side="right") - 1
    return [int(index) for index in np.unique(indices)]


def places_of_nul(text: Bytes) -> Places:
    r"""Where NUL is written in a text: `\u0000`. JSON knows no other way."""
    at = _pairs(text, lambda first, second: (first == ord("\\")) & (second == ord("u")))
    return at[_are(text, at + 2, b"0") & _are(text, at + 3, b"0") & _are(text, at + 4, b"0")]


def places_of_large_numbers(text: Bytes) -> Places:
    """Where a number may be too large for a float; some such places are in other texts."""
    return np.concatenate([_large_exponents(text), _long_numbers(text)])


def _large_exponents(text: Bytes) -> Places:
    # From "+" to "9" in one comparison; what else lies between is sorted out below.
    at = _pairs(text, lambda first, second: ((first | 0x20) == ord("e")) & (second - ord("+") < 15))
    digits = at + 1 + _are(text, at + 1, b"+")
    is_large = _are_digits(text, at - 1, or_dot=True)
    for place in range(3):
        is_large &= _are_digits(text, digits + place)
    at = at[is_large]
    first = at - 1
    for _ in range(_DIGITS):  # back to where the digits begin: in a text, no number begins there
        is_digit = _are_digits(text, first - 1, or_dot=True)
        if not is_digit.any():
            break
        first = first - is_digit
    first = first - _are(text, first - 1, b"-")
    begins = np.isin(text.take(first - 1, mode="clip"), _BEFORE_A_NUMBER)
    return at[begins | _are_digits(text, first - 1, or_dot=True)]


def _long_numbers(text: Bytes) -> Places:
    """Where so many digits stand that each of some samples of them is one."""
    sample = text[::_STRIDE]
    is_digit = _is_digit(sample) | (sample == ord("."))
    many = _DIGITS // _STRIDE - 1
    if len(sample) < many:
        return np.empty(0, np.int64)
    runs = is_digit[: len(sample) - many + 1].copy()
    for step in range(1, many):
        runs &= is_digit[step : len(sample) - many + 1 + step]
    return np.flatnonzero(runs) * _STRIDE


def _pairs(text: Bytes, is_pair: Callable[[Bytes, Bytes], NDArray[np.bool_]]) -> Places:
    """Where two neighbouring bytes are a pair that is looked for."""

    def found() -> Iterator[Places]:
        yield np.empty(0, np.int64)
        for begin in range(0, len(text), _CHUNK):
            part = text[begin : begin + _CHUNK + 1]
            yield np.flatnonzero(is_pair(part[:-1], part[1:])) + begin

    return np.concatenate(list(found()))


def _are(text: Bytes, places: Places, character: bytes) -> NDArray[np.bool_]:
    """Whether a character stands at each place; places outside are those at the ends."""
    found: NDArray[np.bool_] = np.equal(text.take(places, mode="clip"), ord(character))
    return found


def _are_digits(text: Bytes, places: Places, *, or_dot: bool = False) -> NDArray[np.bool_]:
    found = text.take(places, mode="clip")
    return _is_digit(found) | (found == ord(".")) if or_dot else _is_digit(found)


def _is_digit(found: Bytes) -> NDArray[np.bool_]:
    is_digit: NDArray[np.bool_] = np.less(found - np.uint8(ord("0")), 10)  # below "0" wraps around
    return is_digit
