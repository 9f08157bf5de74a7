"""Events told good from their bytes, many at once: the short way to know the many that are good.

A compiled loop reads each text once, follows the form of its event type (`event_forms`) and notes
where what the row needs stands; no Python object is made of any. What it takes, a parser and the
event's schema take, with the same members. It may leave out what they would take - an escape in an
identifier, a leap second, digits by the hundred - and what is left out is judged by the schema.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from llvmlite import ir
from numba.core import types
from numba.core.types.misc import CPointer
from numba.extending import intrinsic
from numpy.typing import NDArray

from kinfold.bronze.events.instants import END_OF_INSTANTS, FIRST_INSTANT, microseconds
from kinfold.bronze.fast_path.schema_tables import (
    ANY,
    ARRAY,
    BOOLEAN,
    INTEGER,
    MAY_END,
    NONE,
    NULL,
    NUMBER,
    OBJECT,
    STATE_WIDTH,
    STRING,
    Column,
    LookupTables,
    Role,
    SchemaTables,
)
from kinfold.bronze.schemas.nesting import MAX_DEPTH
from kinfold.core.jit import compiled_without_allocation

_MOST_IDENTIFIERS = 16
_MOST_WAITING = 16
"""Members before event_type, which are looked at again when it is known."""
_MOST_DIGITS = 300
"""So many of them may be too large for a float, with an exponent or without."""
_NO = -1
"""Instead of a place: not surely good."""

NO_INSTANT = np.iinfo(np.int64).min
_FIRST, _END = microseconds(FIRST_INSTANT), microseconds(END_OF_INSTANTS)
_DAY = 86_400_000_000

_EVENT_TYPE, _TRUE, _FALSE, _NULL = (
    np.frombuffer(word, np.uint8) for word in (b"event_type", b"true", b"false", b"null")
)
# As numbers of one type each: for each literal a loop would be compiled once more.
_ZERO: Any = np.int64(0)
_ANYTHING: Any = np.int64(ANY)
_VALUE_OF, _ROLE = 2, 3

_FORM, _OCCURRED, _RECEIVED, _ID, _ID_END, _IDENTIFIER_COUNT = range(6)
"""What is noted of each text; places are those in all texts together. Of an identifier they are
where its name begins and ends, and its value."""

# Within the loops, where numba knows more: bytes by place, and rows of 64-bit numbers.
Bytes = Any
_Table = Any

_BLOCK = 32
"""Bytes that are looked at or copied in one step."""
_VECTOR = ir.VectorType(ir.IntType(8), _BLOCK)


@dataclass(frozen=True)
class Scanned:
    """The texts that are surely good events.

    Attributes:
        rows: where each stands among the texts, ascending.
        form: the number of its form.
        event_id: as sent.
        occurred_at, received_at: microseconds; the latter the smallest number where there is none.
        identifiers: those that have a value, a map of texts by namespace.
    """

    rows: NDArray[np.int64]
    form: NDArray[np.int64]
    event_id: pa.Array
    occurred_at: NDArray[np.int64]
    received_at: NDArray[np.int64]
    identifiers: pa.MapArray


def scan(values: pa.Array, is_text: pa.Array, forms: SchemaTables) -> Scanned:
    """The texts of a binary column that are surely good; null is none.

    Args:
        is_text: which of them are UTF-8, see `are_utf8`.
    """
    count = len(values)
    rows = np.empty((count, 6), np.int64)
    identifiers = np.empty((count * _MOST_IDENTIFIERS, 4), np.int64)
    _, offsets, data = values.buffers()
    text = np.frombuffer(data or b"\0", np.uint8)
    text.flags.writeable = False  # as all others are: the loops are compiled once
    stack = np.empty((MAX_DEPTH + 2, 3), np.int64)
    waiting = np.empty((_MOST_WAITING, 3), np.int64)
    used = 0
    if count:
        window = slice(values.offset, values.offset + count + 1)
        width = np.int64 if pa.types.is_large_binary(values.type) else np.int32
        bounds = np.frombuffer(offsets, width)[window].astype(np.int64)
        used = _scan(
            text,
            bounds,
            is_text.to_numpy(zero_copy_only=False),
            forms.tables,
            rows,
            identifiers,
            stack,
            waiting,
        )
    places = np.flatnonzero(rows[:, _FORM] != _NO)
    rows = rows[places]
    ends = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(rows[:, _IDENTIFIER_COUNT], out=ends[1:])
    names, told = (_texts(text, identifiers[:used, first : first + 2]) for first in (0, 2))
    return Scanned(
        rows=places,
        form=rows[:, _FORM],
        event_id=_texts(text, rows[:, _ID : _ID_END + 1]),
        occurred_at=rows[:, _OCCURRED],
        received_at=rows[:, _RECEIVED],
        identifiers=pa.MapArray.from_arrays(pa.array(ends), names, told),
    )


def _texts(text: Bytes, places: _Table) -> pa.Array:
    """What stands from the first to before the second of each pair of places, as a text column."""
    ends = np.zeros(len(places) + 1, np.int32)
    np.cumsum(places[:, 1] - places[:, 0], out=ends[1:])
    data = np.empty(ends[-1] + _BLOCK, np.uint8)  # the last block reaches beyond the last text
    _copy(text, places, ends, data)
    return pa.StringArray.from_buffers(len(places), pa.py_buffer(ends), pa.py_buffer(data))


@intrinsic  # type: ignore[untyped-decorator]
def _bytes(_context: Any, array: Any) -> Any:
    """An array's elements by place alone: numba need not ask whether one counts from the end, and
    hands on one number instead of seven. A fifth of the time of the scan."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, given[0]).data

    return CPointer(array.dtype)(array), generate


@intrinsic  # type: ignore[untyped-decorator]
def _plain(_context: Any, text: Any, place: Any) -> Any:
    """How many of a block's bytes stand before the first quote, backslash or control character;
    `_BLOCK` if it has none. A fifth of the time of the scan too."""

    def generate(_: Any, builder: Any, __: Any, given: Any) -> Any:
        there = _loaded(builder, *given)
        bounds = [("==", ord('"')), ("==", ord("\\")), ("<", 0x20)]
        same, escape, control = (
            builder.icmp_unsigned(how, there, ir.Constant(_VECTOR, [byte] * _BLOCK))
            for how, byte in bounds
        )
        found = builder.or_(same, builder.or_(escape, control))
        bits = builder.bitcast(found, ir.IntType(_BLOCK))
        count = builder.cttz(bits, ir.Constant(ir.IntType(1), 0))
        return builder.zext(count, ir.IntType(64))

    return types.int64(text, place), generate


@intrinsic  # type: ignore[untyped-decorator]
def _copy_block(_context: Any, target: Any, at: Any, source: Any, start: Any) -> Any:
    """Copy `_BLOCK` bytes."""

    def generate(context: Any, builder: Any, _: Any, given: Any) -> Any:
        there = _loaded(builder, *given[2:])
        to = builder.bitcast(builder.gep(given[0], [given[1]]), _VECTOR.as_pointer())
        builder.store(there, to).align = 1
        return context.get_dummy_value()

    return types.void(target, at, source, start), generate


def _loaded(builder: Any, start: Any, place: Any) -> Any:
    """The block at a place, as one value."""
    there = builder.load(builder.bitcast(builder.gep(start, [place]), _VECTOR.as_pointer()))
    there.align = 1
    return there


@compiled_without_allocation
def _copy(text: Bytes, places: _Table, ends: Any, data: Bytes) -> None:
    source, target, last = _bytes(text), _bytes(data), len(text) - _BLOCK
    for row in range(len(places)):
        at, place, stop = ends[row], places[row, 0], places[row, 1]
        while place < stop and place <= last:  # what is too much the next text overwrites
            _copy_block(target, at, source, place)
            at, place = at + _BLOCK, place + _BLOCK
        while place < stop:
            target[at] = source[place]
            at, place = at + 1, place + 1


@compiled_without_allocation
def _scan(
    text: Bytes,
    bounds: Any,
    is_text: Any,
    tables: LookupTables,
    rows: _Table,
    identifiers: _Table,
    stack: _Table,
    waiting: _Table,
) -> int:
    """Note what is good of each text; returns how many identifiers were noted."""
    used: int = _ZERO
    text = _bytes(text)
    tables = LookupTables(
        tables.asked,
        tables.limits,
        tables.names,
        tables.said,
        _bytes(tables.states),
        tables.types,
    )
    for row in range(len(bounds) - 1):
        begin, end, noted = bounds[row], bounds[row + 1], rows[row]
        noted[_FORM] = _NO
        if is_text[row]:
            form = _event(text, begin, end, tables, noted, identifiers[used:], stack, waiting)
            if form != _NO:
                noted[_FORM] = form
                used += noted[_IDENTIFIER_COUNT]
    return used


@compiled_without_allocation
def _event(
    text: Bytes,
    begin: int,
    end: int,
    tables: LookupTables,
    noted: _Table,
    identifiers: _Table,
    stack: _Table,
    waiting: _Table,
) -> int:
    """The number of the form of one text."""
    place = _after_space(text, begin, end)
    if place >= end or text[place] != ord("{"):
        return _NO
    place = _after_space(text, place + 1, end)
    noted[_RECEIVED], noted[_IDENTIFIER_COUNT] = NO_INSTANT, 0
    form, root, seen, waiting_count, is_end = _NO, _ANYTHING, _ZERO, 0, False
    while not is_end:
        name = place + 1
        place, name_end, has_escape = _after_name(text, place, end)
        if place == _NO or has_escape:
            return _NO
        if _is(text, name, name_end, _EVENT_TYPE, _ZERO, len(_EVENT_TYPE)):
            if form != _NO or place >= end or text[place] != ord('"'):
                return _NO
            start = place + 1
            place, has_escape = _after_string(text, start, end)
            if place == _NO or has_escape:
                return _NO
            form = _row_of(
                text, start, place - 1, tables.types, tables.said, _ZERO, len(tables.types)
            )
            if form == _NO:
                return _NO
            root = tables.types[form, _VALUE_OF]
        elif form == _NO:
            if waiting_count == _MOST_WAITING:
                return _NO
            waiting[waiting_count, 0] = name
            waiting[waiting_count, 1] = name_end
            waiting[waiting_count, 2] = place
            waiting_count += 1
            place = _after_value(text, place, end, _ANYTHING, tables, stack)
        else:
            place, seen = _after_member(
                text, name, name_end, place, end, root, seen, tables, noted, identifiers, stack
            )
        if place == _NO:
            return _NO
        place, is_end = _after_part(text, place, end, ord("}"))
        if place == _NO:
            return _NO
    if _after_space(text, place, end) != end or form == _NO:
        return _NO
    for one in range(waiting_count):
        name, name_end, place = waiting[one, 0], waiting[one, 1], waiting[one, 2]
        place, seen = _after_member(
            text, name, name_end, place, end, root, seen, tables, noted, identifiers, stack
        )
        if place == _NO:
            return _NO
    required = tables.asked[root, Column.REQUIRED]
    return form if seen & required == required else _NO


@compiled_without_allocation
def _after_member(
    text: Bytes,
    name: int,
    name_end: int,
    place: int,
    end: int,
    root: int,
    seen: int,
    tables: LookupTables,
    noted: _Table,
    identifiers: _Table,
    stack: _Table,
) -> tuple[int, int]:
    """The place after the value of a member of the event, and the bits of the members seen."""
    first, last = tables.asked[root, Column.MEMBERS], tables.asked[root, Column.MEMBERS_END]
    member = _row_of(text, name, name_end, tables.names, tables.said, first, last)
    if member == _NO:
        place = _after_value(text, place, end, _ANYTHING, tables, stack)
        return place, seen
    bit = 1 << (member - first)
    if seen & bit or place >= end:  # said twice, and the last one counts
        return _NO, seen
    seen |= bit
    role, value = tables.names[member, _ROLE], tables.names[member, _VALUE_OF]
    if role == Role.EVENT_ID:
        noted[_ID] = place + 1
        place = _after_plain(text, place, end, value, tables)
        noted[_ID_END] = place - 1
    elif role == Role.OCCURRED_AT:
        place, noted[_OCCURRED] = _after_instant(text, place, end)
    elif role == Role.RECEIVED_AT and text[place] == ord('"'):
        place, noted[_RECEIVED] = _after_instant(text, place, end)
    elif role == Role.IDENTIFIERS:
        place, noted[_IDENTIFIER_COUNT] = _after_identifiers(
            text, place, end, value, tables, identifiers, stack
        )
    else:
        place = _after_value(text, place, end, value, tables, stack)
    return place, seen


@compiled_without_allocation
def _after_identifiers(
    text: Bytes,
    place: int,
    end: int,
    value: int,
    tables: LookupTables,
    identifiers: _Table,
    stack: _Table,
) -> tuple[int, int]:
    """The place after an object of texts by name, and how many of them have a value."""
    if text[place] != ord("{"):
        return _NO, 0
    place = _after_space(text, place + 1, end)
    if place < end and text[place] == ord("}"):
        return place + 1, 0
    others, pattern = tables.asked[value, Column.OTHERS], tables.asked[value, Column.NAME_PATTERN]
    most = min(tables.asked[value, Column.MOST_MEMBERS], _MOST_IDENTIFIERS)
    count, is_end = 0, False
    while not is_end:
        name = place + 1
        place, name_end, has_escape = _after_name(text, place, end)
        if place == _NO or has_escape or count == most or place >= end:
            return _NO, 0
        if not _follows(text, name, name_end, pattern, tables):
            return _NO, 0
        for other in range(count):
            if _is(text, name, name_end, text, identifiers[other, 0], identifiers[other, 1]):
                return _NO, 0
        # Without a value it is noted too, until all are there: a name may not be said twice.
        start, stop = place + 1, place + 1
        if text[place] == ord('"'):
            place = _after_plain(text, place, end, others, tables)
            stop = place - 1
        else:
            place = _after_value(text, place, end, others, tables, stack)
        if place == _NO:
            return _NO, 0
        identifiers[count, 0] = name
        identifiers[count, 1] = name_end
        identifiers[count, 2] = start
        identifiers[count, 3] = stop
        count += 1
        place, is_end = _after_part(text, place, end, ord("}"))
        if place == _NO:
            return _NO, 0
    kept = 0
    for one in range(count):
        if identifiers[one, 3] > identifiers[one, 2]:
            for side in range(4):
                identifiers[kept, side] = identifiers[one, side]
            kept += 1
    return place, kept


@compiled_without_allocation
def _after_plain(text: Bytes, place: int, end: int, value: int, tables: LookupTables) -> int:
    """The place after a string without an escape that is as the tables ask."""
    if text[place] != ord('"'):
        return _NO
    start = place + 1
    place, has_escape = _after_string(text, start, end)
    if place == _NO or has_escape:
        return _NO
    return place if _is_taken(text, start, place - 1, False, value, tables) else _NO


_VALUE, _NAME, _AFTER = 0, 1, 2
_ROW, _SEEN, _COUNT = 0, 1, 2
_IN_ARRAY = -2
"""Row of an array of which nothing is asked; of such an object it is ANY."""


@compiled_without_allocation
def _after_value(
    text: Bytes, place: int, end: int, value: int, tables: LookupTables, stack: _Table
) -> int:
    """The place after a value that is as the tables ask."""
    depth, state = 0, _VALUE
    while True:
        if state == _NAME:
            name = place + 1
            place, name_end, has_escape = _after_name(text, place, end)
            if place == _NO:
                return _NO
            stack[depth, _COUNT] += 1
            parent, value = stack[depth, _ROW], ANY
            if parent != ANY:
                if has_escape:
                    return _NO
                first = tables.asked[parent, Column.MEMBERS]
                last = tables.asked[parent, Column.MEMBERS_END]
                member = _row_of(text, name, name_end, tables.names, tables.said, first, last)
                if member != _NO:
                    bit = 1 << (member - first)
                    if stack[depth, _SEEN] & bit:
                        return _NO
                    stack[depth, _SEEN] |= bit
                    value = tables.names[member, _VALUE_OF]
            state = _VALUE
        if state == _VALUE:
            if place >= end:
                return _NO
            first_byte = text[place]
            state = _AFTER
            if first_byte == ord('"'):
                start = place + 1
                place, has_escape = _after_string(text, start, end)
                if place == _NO:
                    return _NO
                if value != ANY and not _is_taken(
                    text, start, place - 1, has_escape, value, tables
                ):
                    return _NO
            elif first_byte == ord("{") or first_byte == ord("["):
                is_object = first_byte == ord("{")
                kind = OBJECT if is_object else ARRAY
                if value != ANY and not tables.asked[value, Column.KINDS] & kind:
                    return _NO
                depth += 1
                if depth >= MAX_DEPTH:
                    return _NO
                row = value if is_object else (_IN_ARRAY if value == ANY else -3 - value)
                stack[depth, _ROW] = row
                stack[depth, _SEEN] = 0
                stack[depth, _COUNT] = 0
                place = _after_space(text, place + 1, end)
                if place >= end:
                    return _NO
                if text[place] != (ord("}") if is_object else ord("]")):
                    if is_object:
                        state = _NAME
                    else:
                        state = _VALUE
                        stack[depth, _COUNT] = 1
                        value = ANY if value == ANY else tables.asked[value, Column.ITEMS]
                    continue
            elif first_byte == ord("t") or first_byte == ord("f"):
                if value != ANY and not tables.asked[value, Column.KINDS] & BOOLEAN:
                    return _NO
                place = _after_word(text, place, end, _TRUE if first_byte == ord("t") else _FALSE)
                if place == _NO:
                    return _NO
            elif first_byte == ord("n"):
                if value != ANY and not tables.asked[value, Column.KINDS] & NULL:
                    return _NO
                place = _after_word(text, place, end, _NULL)
                if place == _NO:
                    return _NO
            else:
                place = _after_number(text, place, end, value, tables)
                if place == _NO:
                    return _NO
        while True:  # after a value, and after each object and array that ends with it
            if depth == 0:
                return place
            row = stack[depth, _ROW]
            is_object = row >= ANY
            place, is_end = _after_part(text, place, end, ord("}") if is_object else ord("]"))
            if place == _NO:
                return _NO
            if not is_end:
                state = _NAME if is_object else _VALUE
                if not is_object:
                    stack[depth, _COUNT] += 1
                    value = ANY if row == _IN_ARRAY else tables.asked[-3 - row, Column.ITEMS]
                break
            count = stack[depth, _COUNT]
            if row > ANY:
                required = tables.asked[row, Column.REQUIRED]
                if stack[depth, _SEEN] & required != required:
                    return _NO
                if count > tables.asked[row, Column.MOST_MEMBERS]:
                    return _NO
            elif row < _IN_ARRAY:
                fewest = tables.asked[-3 - row, Column.FEWEST_ITEMS]
                if not fewest <= count <= tables.asked[-3 - row, Column.MOST_ITEMS]:
                    return _NO
            depth -= 1


@compiled_without_allocation
def _is_taken(
    text: Bytes, start: int, stop: int, has_escape: bool, value: int, tables: LookupTables
) -> bool:
    """Whether a text is as asked; with an escape only what needs no look into it is taken."""
    if not tables.asked[value, Column.KINDS] & STRING:
        return False
    shortest, longest = tables.asked[value, Column.SHORTEST], tables.asked[value, Column.LONGEST]
    size = stop - start  # at least the number of characters
    if size > longest or (shortest > 0 and size < shortest) or shortest > 1:
        if has_escape:
            return False
        characters = 0
        for place in range(start, stop):
            characters += text[place] & 0xC0 != 0x80
        if not shortest <= characters <= longest:
            return False
    first, last = tables.asked[value, Column.OPTIONS], tables.asked[value, Column.OPTIONS_END]
    if first < last and (
        has_escape or _row_of(text, start, stop, tables.names, tables.said, first, last) == _NO
    ):
        return False
    if tables.asked[value, Column.PATTERN] != NONE:
        return not has_escape and _follows(
            text, start, stop, tables.asked[value, Column.PATTERN], tables
        )
    return True


@compiled_without_allocation
def _follows(text: Bytes, start: int, stop: int, state: int, tables: LookupTables) -> bool:
    """Whether a text follows a pattern, given by the state in which it begins."""
    for place in range(start, stop):
        state = tables.states[state * STATE_WIDTH + text[place]]
        if state == NONE:
            return False
    return bool(tables.states[state * STATE_WIDTH + MAY_END])


@compiled_without_allocation
def _after_string(text: Bytes, place: int, end: int) -> tuple[int, bool]:
    """The place after the quote that ends a string, and whether there is an escape in it."""
    has_escape = False
    while place < end:
        if place + _BLOCK <= end:
            step = _plain(text, place)
            place += step
            if step == _BLOCK:
                continue
        byte = text[place]
        if byte == ord('"'):
            return place + 1, has_escape
        if byte < 0x20:
            return _NO, has_escape
        if byte == ord("\\"):
            has_escape = True
            place = _after_escape(text, place, end)
            if place == _NO:
                return _NO, has_escape
        else:
            place += 1
    return _NO, has_escape


@compiled_without_allocation
def _after_escape(text: Bytes, place: int, end: int) -> int:
    """The place after an escape; NUL and half a pair of surrogates are none."""
    if place + 1 >= end:
        return _NO
    byte = text[place + 1]
    if byte != ord("u"):
        for known in (34, 92, 47, 98, 102, 110, 114, 116):  # " \\ / b f n r t
            if byte == known:
                return place + 2
        return _NO
    code = _hexadecimal(text, place + 2, end)
    if code <= 0 or 0xDC00 <= code < 0xE000:
        return _NO
    if 0xD800 <= code < 0xDC00:
        if place + 7 >= end or text[place + 6] != ord("\\") or text[place + 7] != ord("u"):
            return _NO
        low = _hexadecimal(text, place + 8, end)
        return place + 12 if 0xDC00 <= low < 0xE000 else _NO
    return place + 6


@compiled_without_allocation
def _hexadecimal(text: Bytes, place: int, end: int) -> int:
    if place + 4 > end:
        return _NO
    code = 0
    for step in range(4):
        byte = text[place + step]
        if 48 <= byte < 58:
            code = code * 16 + byte - 48
        elif 97 <= byte < 103:
            code = code * 16 + byte - 87
        elif 65 <= byte < 71:
            code = code * 16 + byte - 55
        else:
            return _NO
    return code


@compiled_without_allocation
def _after_number(text: Bytes, place: int, end: int, value: int, tables: LookupTables) -> int:
    """The place after a number that some float can hold."""
    is_negative = text[place] == ord("-")
    if is_negative:
        place += 1
    start, number = place, 0
    while place < end and 48 <= text[place] < 58:
        if place - start < 18:
            number = number * 10 + text[place] - 48
        place += 1
    digits = place - start
    if digits == 0 or (digits > 1 and text[start] == ord("0")):
        return _NO
    decimals = 0
    if place < end and text[place] == ord("."):
        start = place + 1
        place = start
        while place < end and 48 <= text[place] < 58:
            if digits + place - start < 18:
                number = number * 10 + text[place] - 48
            place += 1
        decimals = place - start
        if decimals == 0:
            return _NO
    has_exponent = place < end and (text[place] == ord("e") or text[place] == ord("E"))
    if has_exponent:
        place += 1
        if place < end and (text[place] == ord("+") or text[place] == ord("-")):
            place += 1
        start = place
        while place < end and 48 <= text[place] < 58:
            place += 1
        if place == start or place - start > 2:
            return _NO
        digits += 100
    if digits > _MOST_DIGITS:
        return _NO
    if value == ANY:
        return place
    kinds = tables.asked[value, Column.KINDS]
    if not kinds & NUMBER and (not kinds & INTEGER or decimals or has_exponent):
        return _NO
    least, most = tables.limits[value, 0], tables.limits[value, 1]
    if least == -np.inf and most == np.inf:
        return place
    if has_exponent or digits + decimals > (15 if decimals else 18):
        return _NO
    # Both are whole numbers that a float holds, so that the quotient is the float that is meant.
    amount = number / 10.0**decimals if decimals else float(number)
    amount = -amount if is_negative else amount
    if amount < least or amount > most:
        return _NO
    if (tables.asked[value, Column.EXCLUDES_LEAST] and amount == least) or (
        tables.asked[value, Column.EXCLUDES_MOST] and amount == most
    ):
        return _NO
    return place


@compiled_without_allocation
def _after_instant(text: Bytes, place: int, end: int) -> tuple[int, int]:
    """The place after a string that is an instant of the usual form, and its microseconds."""
    if place + 22 > end or text[place] != ord('"'):
        return _NO, 0
    at = place + 1
    year = _decimal(text, at, 2) * 100 + _decimal(text, at + 2, 2)
    month, day = _decimal(text, at + 5, 2), _decimal(text, at + 8, 2)
    hour, minute = _decimal(text, at + 11, 2), _decimal(text, at + 14, 2)
    second = _decimal(text, at + 17, 2)
    if text[at + 4] != 45 or text[at + 7] != 45 or text[at + 10] != 84:  # - - T
        return _NO, 0
    if text[at + 13] != 58 or text[at + 16] != 58:  # : :
        return _NO, 0
    if year < 0 or not 1 <= month <= 12 or not 0 <= hour < 24 or not 0 <= minute < 60:
        return _NO, 0
    if not 0 <= second < 60 or not 1 <= day <= _days_of(year, month):
        return _NO, 0
    at += 19
    micros, unit = 0, 1_000_000
    if text[at] == ord("."):
        at += 1
        start = at
        while at < end and 48 <= text[at] < 58 and at - start < 6:
            unit //= 10
            micros += unit * (text[at] - 48)
            at += 1
        if at == start:
            return _NO, 0
    if at >= end:
        return _NO, 0
    minutes = hour * 60 + minute
    if text[at] == ord("Z"):
        at += 1
    elif text[at] == ord("+") or text[at] == ord("-"):
        if at + 6 > end or text[at + 3] != 58:
            return _NO, 0
        hours, rest = _decimal(text, at + 1, 2), _decimal(text, at + 4, 2)
        if not 0 <= hours < 24 or not 0 <= rest < 60:
            return _NO, 0
        offset = hours * 60 + rest
        minutes += offset if text[at] == ord("-") else -offset
        at += 6
    else:
        return _NO, 0
    if at >= end or text[at] != ord('"'):
        return _NO, 0
    instant = _day_number(year, month, day) * _DAY
    instant += (minutes * 60 + second) * 1_000_000 + micros
    if not _FIRST <= instant < _END:
        return _NO, 0
    return at + 1, instant


@compiled_without_allocation
def _decimal(text: Bytes, place: int, size: int) -> int:
    number = 0
    for step in range(size):
        byte = text[place + step]
        if not 48 <= byte < 58:
            return -10_000
        number = number * 10 + byte - 48
    return number


@compiled_without_allocation
def _days_of(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@compiled_without_allocation
def _day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01; the year begins in March, so that a leap day is its last one.

    H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (9 if month <= 2 else -3)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@compiled_without_allocation
def _after_space(text: Bytes, place: int, end: int) -> int:
    while place < end and (
        text[place] == 32 or text[place] == 10 or text[place] == 13 or text[place] == 9
    ):
        place += 1
    return place


@compiled_without_allocation
def _after_name(text: Bytes, place: int, end: int) -> tuple[int, int, bool]:
    """The place of the value of a member, that where its name ends, and whether that is escaped."""
    if place >= end or text[place] != ord('"'):
        return _NO, _NO, False
    after, has_escape = _after_string(text, place + 1, end)
    if after == _NO:
        return _NO, _NO, has_escape
    place = _after_space(text, after, end)
    if place >= end or text[place] != ord(":"):
        return _NO, _NO, has_escape
    return _after_space(text, place + 1, end), after - 1, has_escape


@compiled_without_allocation
def _after_part(text: Bytes, place: int, end: int, closing: int) -> tuple[int, bool]:
    """After a member or an item the place of the next one, or that after the closing bracket and
    that it is."""
    place = _after_space(text, place, end)
    if place < end and text[place] == closing:
        return place + 1, True
    if place < end and text[place] == ord(","):
        return _after_space(text, place + 1, end), False
    return _NO, False


@compiled_without_allocation
def _is(text: Bytes, start: int, stop: int, other: Bytes, first: int, last: int) -> bool:
    """Whether two texts are the same."""
    if stop - start != last - first:
        return False
    for step in range(stop - start):  # noqa: SIM110 a generator cannot be compiled
        if text[start + step] != other[first + step]:
            return False
    return True


@compiled_without_allocation
def _row_of(
    text: Bytes, start: int, stop: int, names: _Table, said: Bytes, first: int, last: int
) -> int:
    """The row, of those from `first` to before `last`, that has this text."""
    for row in range(first, last):
        if _is(text, start, stop, said, names[row, 0], names[row, 1]):
            return row
    return _NO


@compiled_without_allocation
def _after_word(text: Bytes, place: int, end: int, word: Bytes) -> int:
    after = place + len(word)
    return after if after <= end and _is(text, place, after, word, _ZERO, len(word)) else _NO
