"""Numbers of messages as they were sent: 0.10 stays 0.10 in the native event."""

import json
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from kinfold.core.arrays import Flags
from kinfold.core.jit import compiled

_DIGITS_THAT_STAY = 15
_QUOTE, _BACKSLASH, _MINUS, _PLUS, _POINT, _ZERO, _NINE = (ord(c) for c in '"\\-+.09')
_SMALL_E, _LARGE_E = ord("e"), ord("E")


class SpelledNumber(float):
    """A number that would be written in another way than it was sent.

    Attributes:
        text: as sent.
    """

    text: str

    @classmethod
    def of(cls, text: str) -> "SpelledNumber":
        number = cls(text)
        number.text = text
        return number


def loads(value: bytes, *, has_spelling: bool) -> Any:
    """The JSON value of a record.

    Args:
        has_spelling: whether it has numbers that must keep their spelling, see `have_spelling`.

    Raises:
        orjson.JSONDecodeError: the value is not JSON.
    """
    document = orjson.loads(value)
    if not has_spelling:
        return document
    try:
        return _decoder.decode(value.decode())
    except RecursionError:
        return document  # deeper than any event may be


def dumps(event: Any) -> bytes:
    """An event as JSON text, with numbers as they were sent.

    Raises:
        orjson.JSONEncodeError: it is nested too deeply.
    """
    return orjson.dumps(event, default=_fragment)


def as_plain(value: Any) -> float:
    """The number without its spelling, for `orjson.dumps`."""
    if isinstance(value, SpelledNumber):
        return float(value)
    raise TypeError


def _fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, SpelledNumber):
        return orjson.Fragment(value.text)
    raise TypeError


def _number(text: str) -> Any:
    plain = orjson.loads(text)
    return plain if orjson.dumps(plain).decode() == text else SpelledNumber.of(text)


_decoder = json.JSONDecoder(parse_float=_number, parse_int=_number)


def have_spelling(values: pa.Array) -> Flags:
    """Whether each JSON text may have a number that a parser would write in another way.

    These are numbers with an exponent, a last zero after the point, many digits, or a value near
    zero. It is cheap, because few records have any.
    """
    flags = np.zeros(len(values), np.bool_)
    wide = values.cast(pa.large_binary())
    _, ends, data = wide.buffers()
    if data is not None:
        offsets = np.frombuffer(ends, np.int64)[wide.offset : wide.offset + len(wide) + 1]
        _find(np.frombuffer(data, np.uint8), offsets, flags)
    return flags


@compiled
def _find(data, offsets, flags):  # type: ignore[no-untyped-def]  # compiled: types are inferred
    for row in range(len(flags)):
        index, end = offsets[row], offsets[row + 1]
        while index < end and not flags[row]:
            byte = data[index]
            if byte == _QUOTE:
                index += 1
                while index < end and data[index] != _QUOTE:
                    index += 2 if data[index] == _BACKSLASH else 1
            elif byte == _MINUS or _ZERO <= byte <= _NINE:
                start, points, exponents = index, 0, 0
                while index < end and (
                    _ZERO <= data[index] <= _NINE
                    or data[index] in (_MINUS, _PLUS, _POINT, _SMALL_E, _LARGE_E)
                ):
                    points += data[index] == _POINT
                    exponents += data[index] in (_SMALL_E, _LARGE_E)
                    index += 1
                length = index - start
                ends_in_zero = data[index - 1] == _ZERO
                flags[row] = (
                    exponents > 0
                    or length > _DIGITS_THAT_STAY
                    or (points > 0 and ends_in_zero and data[index - 2] != _POINT)
                    or (points > 0 and length > 5 and data[start + (byte == _MINUS)] == _ZERO)
                    or (byte == _MINUS and length == 2 and ends_in_zero)
                )
                continue
            index += 1
