"""Scans events in bytes: validates well-formed events and finds the values of their landed rows.

A compiled loop reads each text once and follows the lookup tables of its event type. The contract
is in `kinfold.bronze.fast_path.fast_path`.

Functions named `_after_<part>` take the offset of a part of a text and return the offset behind it,
or `_UNSURE`. Offsets count from the start of all texts together; `end` is the end of one text.

All compiled loops are in this file, because numba compiles a loop again only if its own file has
changed. After a change of a constant that they import, delete `__pycache__`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from llvmlite import ir
from numba.core import types
from numba.core.types.misc import CPointer
from numba.extending import intrinsic

from kinfold.bronze.events.instants import END_OF_INSTANTS, FIRST_INSTANT, microseconds
from kinfold.bronze.fast_path.lookup_tables import (
    ANY,
    ARRAY,
    BOOLEAN,
    INTEGER,
    MAY_END,
    NAME_END,
    NAME_ROLE,
    NAME_START,
    NAME_VALUE,
    NONE,
    NULL,
    NUMBER,
    OBJECT,
    STATE_WIDTH,
    STRING,
    LookupTables,
    Role,
    RuleColumn,
)
from kinfold.bronze.fast_path.schema_tables import SchemaTables
from kinfold.bronze.schemas.nesting import MAX_DEPTH
from kinfold.core.arrays import Ints
from kinfold.core.jit import compiled_without_allocation

NO_INSTANT = np.iinfo(np.int64).min
"""Instead of received_at: the event has none."""

_UNSURE = -1
"""Instead of an offset: this text may be invalid and is left to the JSON parser."""
_MAX_IDENTIFIERS = 16
_MAX_DEFERRED = 16
"""Members before event_type. They are validated when the type is known."""
_MAX_DIGITS = 300
"""Numbers with more digits may be too large for a 64-bit float. An exponent counts as 100."""
_FIRST, _END = microseconds(FIRST_INSTANT), microseconds(END_OF_INSTANTS)
_DAY = 86_400_000_000

_EVENT_TYPE, _TRUE, _FALSE, _NULL = (
    np.frombuffer(word, np.uint8) for word in (b"event_type", b"true", b"false", b"null")
)
# Of type int64, because numba compiles a loop once more for each literal that it is called with.
_ZERO: Any = np.int64(0)
_ANY_VALUE: Any = np.int64(ANY)

_SCHEMA, _OCCURRED_AT, _RECEIVED_AT, _ID, _ID_END, _IDENTIFIER_COUNT = range(6)
"""Columns of the result of each text: the index of its compiled schema, or NONE if the text is not
taken; instants in microseconds; the offsets of the event id; the number of identifiers."""
_KEY, _KEY_END, _TEXT, _TEXT_END = range(4)
"""Columns of an identifier: the offsets of its namespace and of its value."""
_DEFERRED_NAME, _DEFERRED_NAME_END, _DEFERRED_VALUE = range(3)
"""Columns of a deferred member: the offsets of its name and of its value."""

# Within the loops, where numba knows more: bytes by offset, and rows of 64-bit numbers.
_Bytes = Any
_Rows = Any

_BLOCK = 32
"""Bytes that are compared or copied in one step."""
_VECTOR = ir.VectorType(ir.IntType(8), _BLOCK)


@dataclass(frozen=True)
class Scanned:
    """The texts that are certainly valid events.

    Attributes:
        rows: index of each event among the texts, ascending.
        schema_index: of its compiled schema in `SchemaTables`.
        event_id: a text column.
        occurred_at, received_at: microseconds since 1970; NO_INSTANT for an absent received_at.
        identifiers: those that have a value, by namespace.
    """

    rows: Ints
    schema_index: Ints
    event_id: pa.Array
    occurred_at: Ints
    received_at: Ints
    identifiers: pa.MapArray


def scan(texts: pa.Array, is_text: pa.Array, tables: SchemaTables) -> Scanned:
    """The texts that are certainly valid events; null is not an event.

    Args:
        texts: a binary column.
        is_text: which of the texts are UTF-8.
    """
    count = len(texts)
    results = np.empty((count, 6), np.int64)
    identifiers = np.empty((count * _MAX_IDENTIFIERS, 4), np.int64)
    _, offsets, data = texts.buffers()
    all_bytes = np.frombuffer(data or b"\0", np.uint8)
    all_bytes.flags.writeable = False  # like the other byte arrays: one type, one compilation
    stack = np.empty((MAX_DEPTH + 2, 3), np.int64)
    deferred = np.empty((_MAX_DEFERRED, 3), np.int64)
    identifier_count = 0
    if count:
        window = slice(texts.offset, texts.offset + count + 1)
        width = np.int64 if pa.types.is_large_binary(texts.type) else np.int32
        bounds = np.frombuffer(offsets, width)[window].astype(np.int64)
        identifier_count = _scan(
            all_bytes,
            bounds,
            is_text.to_numpy(zero_copy_only=False),
            tables.lookup,
            results,
            identifiers,
            stack,
            deferred,
        )
    rows = np.flatnonzero(results[:, _SCHEMA] != NONE)
    results = results[rows]
    ends = np.zeros(len(results) + 1, np.int32)
    np.cumsum(results[:, _IDENTIFIER_COUNT], out=ends[1:])
    identifiers = identifiers[:identifier_count]
    return Scanned(
        rows=rows,
        schema_index=results[:, _SCHEMA],
        event_id=_text_column(all_bytes, results[:, _ID : _ID_END + 1]),
        occurred_at=results[:, _OCCURRED_AT],
        received_at=results[:, _RECEIVED_AT],
        identifiers=pa.MapArray.from_arrays(
            pa.array(ends),
            _text_column(all_bytes, identifiers[:, _KEY : _KEY_END + 1]),
            _text_column(all_bytes, identifiers[:, _TEXT : _TEXT_END + 1]),
        ),
    )


def _text_column(text: _Bytes, spans: _Rows) -> pa.Array:
    """A text column of the bytes in each span (start, end)."""
    ends = np.zeros(len(spans) + 1, np.int32)
    np.cumsum(spans[:, 1] - spans[:, 0], out=ends[1:])
    data = np.empty(ends[-1] + _BLOCK, np.uint8)  # the last block reaches beyond the last text
    _copy(text, spans, ends, data)
    return pa.StringArray.from_buffers(len(spans), pa.py_buffer(ends), pa.py_buffer(data))


@intrinsic  # type: ignore[untyped-decorator]  # numba has no type information
def _pointer(_context: Any, array: Any) -> Any:
    """The elements of an array by offset.

    numba then does not check for negative indices, and passes one number to each function instead
    of seven. This saves a fifth of the time of the scan.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return CPointer(array.dtype)(array), generate


@intrinsic  # type: ignore[untyped-decorator]  # numba has no type information
def _plain_byte_count(_context: Any, text: Any, offset: Any) -> Any:
    """Number of bytes in a block before the first quote, backslash or control character.

    `_BLOCK` if the block has none. This saves a fifth of the time of the scan.
    """

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        block = _loaded_block(builder, *arguments)
        bounds = [("==", ord('"')), ("==", ord("\\")), ("<", 0x20)]
        is_quote, is_escape, is_control = (
            builder.icmp_unsigned(operator, block, ir.Constant(_VECTOR, [byte] * _BLOCK))
            for operator, byte in bounds
        )
        is_special = builder.or_(is_quote, builder.or_(is_escape, is_control))
        bits = builder.bitcast(is_special, ir.IntType(_BLOCK))
        count = builder.cttz(bits, ir.Constant(ir.IntType(1), 0))
        return builder.zext(count, ir.IntType(64))

    return types.int64(text, offset), generate


@intrinsic  # type: ignore[untyped-decorator]  # numba has no type information
def _copy_block(_context: Any, target: Any, at: Any, source: Any, start: Any) -> Any:
    """Copy `_BLOCK` bytes."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        block = _loaded_block(builder, *arguments[2:])
        to = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), _VECTOR.as_pointer())
        builder.store(block, to).align = 1
        return context.get_dummy_value()

    return types.void(target, at, source, start), generate


def _loaded_block(builder: Any, start: Any, offset: Any) -> Any:
    """The block at an offset, as one vector."""
    block = builder.load(builder.bitcast(builder.gep(start, [offset]), _VECTOR.as_pointer()))
    block.align = 1
    return block


@compiled_without_allocation
def _copy(text: _Bytes, spans: _Rows, ends: Any, data: _Bytes) -> None:
    source, target, last = _pointer(text), _pointer(data), len(text) - _BLOCK
    for row in range(len(spans)):
        at, offset, stop = ends[row], spans[row, 0], spans[row, 1]
        while offset < stop and offset <= last:  # the next text overwrites what is too much
            _copy_block(target, at, source, offset)
            at, offset = at + _BLOCK, offset + _BLOCK
        while offset < stop:
            target[at] = source[offset]
            at, offset = at + 1, offset + 1


@compiled_without_allocation
def _scan(
    text: _Bytes,
    bounds: Any,
    is_text: Any,
    tables: LookupTables,
    results: _Rows,
    identifiers: _Rows,
    stack: _Rows,
    deferred: _Rows,
) -> int:
    """Fill `results` and `identifiers` for all texts; returns the number of identifiers."""
    identifier_count: int = _ZERO
    text = _pointer(text)
    tables = LookupTables(
        tables.rules,
        tables.limits,
        tables.names,
        tables.name_bytes,
        _pointer(tables.states),
        tables.types,
    )
    for row in range(len(bounds) - 1):
        start, end, result = bounds[row], bounds[row + 1], results[row]
        result[_SCHEMA] = NONE
        if is_text[row]:
            free = identifiers[identifier_count:]
            schema = _event(text, start, end, tables, result, free, stack, deferred)
            if schema != NONE:
                result[_SCHEMA] = schema
                identifier_count += result[_IDENTIFIER_COUNT]
    return identifier_count


@compiled_without_allocation
def _event(
    text: _Bytes,
    start: int,
    end: int,
    tables: LookupTables,
    result: _Rows,
    identifiers: _Rows,
    stack: _Rows,
    deferred: _Rows,
) -> int:
    """The index of the compiled schema that a text follows; NONE if the text is not taken."""
    offset = _after_space(text, start, end)
    if offset >= end or text[offset] != ord("{"):
        return NONE
    offset = _after_space(text, offset + 1, end)
    result[_RECEIVED_AT], result[_IDENTIFIER_COUNT] = NO_INSTANT, 0
    schema, root, seen, deferred_count, is_end = NONE, _ANY_VALUE, _ZERO, 0, False
    while not is_end:
        name = offset + 1
        offset, name_end, has_escape = _after_member_name(text, offset, end)
        if offset == _UNSURE or has_escape:
            return NONE
        if _are_equal(text, name, name_end, _EVENT_TYPE, _ZERO, len(_EVENT_TYPE)):
            if schema != NONE or offset >= end or text[offset] != ord('"'):
                return NONE
            type_start = offset + 1
            offset, has_escape = _after_string(text, type_start, end)
            if offset == _UNSURE or has_escape:
                return NONE
            schema = _row_of(
                text,
                type_start,
                offset - 1,
                tables.types,
                tables.name_bytes,
                _ZERO,
                len(tables.types),
            )
            if schema == NONE:
                return NONE
            root = tables.types[schema, NAME_VALUE]
        elif schema == NONE:
            if deferred_count == _MAX_DEFERRED:
                return NONE
            deferred[deferred_count, _DEFERRED_NAME] = name
            deferred[deferred_count, _DEFERRED_NAME_END] = name_end
            deferred[deferred_count, _DEFERRED_VALUE] = offset
            deferred_count += 1
            offset = _after_value(text, offset, end, _ANY_VALUE, tables, stack)
        else:
            offset, seen = _after_event_member(
                text, name, name_end, offset, end, root, seen, tables, result, identifiers, stack
            )
        if offset == _UNSURE:
            return NONE
        offset, is_end = _after_separator(text, offset, end, ord("}"))
        if offset == _UNSURE:
            return NONE
    if _after_space(text, offset, end) != end or schema == NONE:
        return NONE
    for one in range(deferred_count):
        name, name_end = deferred[one, _DEFERRED_NAME], deferred[one, _DEFERRED_NAME_END]
        offset, seen = _after_event_member(
            text,
            name,
            name_end,
            deferred[one, _DEFERRED_VALUE],
            end,
            root,
            seen,
            tables,
            result,
            identifiers,
            stack,
        )
        if offset == _UNSURE:
            return NONE
    required = tables.rules[root, RuleColumn.REQUIRED]
    return schema if seen & required == required else NONE


@compiled_without_allocation
def _after_event_member(
    text: _Bytes,
    name: int,
    name_end: int,
    offset: int,
    end: int,
    root: int,
    seen: int,
    tables: LookupTables,
    result: _Rows,
    identifiers: _Rows,
    stack: _Rows,
) -> tuple[int, int]:
    """The offset behind the value of a member of the event, and the bits of the members seen."""
    first = tables.rules[root, RuleColumn.MEMBERS]
    last = tables.rules[root, RuleColumn.MEMBERS_END]
    member = _row_of(text, name, name_end, tables.names, tables.name_bytes, first, last)
    if member == NONE:
        offset = _after_value(text, offset, end, _ANY_VALUE, tables, stack)
        return offset, seen
    bit = 1 << (member - first)
    if seen & bit or offset >= end:  # of two members with one name, parsers keep the last
        return _UNSURE, seen
    seen |= bit
    role, value = tables.names[member, NAME_ROLE], tables.names[member, NAME_VALUE]
    if role == Role.EVENT_ID:
        result[_ID] = offset + 1
        offset = _after_plain_string(text, offset, end, value, tables)
        result[_ID_END] = offset - 1
    elif role == Role.OCCURRED_AT:
        offset, result[_OCCURRED_AT] = _after_instant(text, offset, end)
    elif role == Role.RECEIVED_AT and text[offset] == ord('"'):
        offset, result[_RECEIVED_AT] = _after_instant(text, offset, end)
    elif role == Role.IDENTIFIERS:
        offset, result[_IDENTIFIER_COUNT] = _after_identifiers(
            text, offset, end, value, tables, identifiers, stack
        )
    else:
        offset = _after_value(text, offset, end, value, tables, stack)
    return offset, seen


@compiled_without_allocation
def _after_identifiers(
    text: _Bytes,
    offset: int,
    end: int,
    value: int,
    tables: LookupTables,
    identifiers: _Rows,
    stack: _Rows,
) -> tuple[int, int]:
    """The offset behind the identifiers of an event, and how many of them have a value."""
    if text[offset] != ord("{"):
        return _UNSURE, 0
    offset = _after_space(text, offset + 1, end)
    if offset < end and text[offset] == ord("}"):
        return offset + 1, 0
    others = tables.rules[value, RuleColumn.OTHERS]
    pattern = tables.rules[value, RuleColumn.NAME_PATTERN]
    most = min(tables.rules[value, RuleColumn.MAX_PROPERTIES], _MAX_IDENTIFIERS)
    count, is_end = 0, False
    while not is_end:
        name = offset + 1
        offset, name_end, has_escape = _after_member_name(text, offset, end)
        if offset == _UNSURE or has_escape or count == most or offset >= end:
            return _UNSURE, 0
        if not _matches_pattern(text, name, name_end, pattern, tables):
            return _UNSURE, 0
        for other in range(count):
            other_name, other_end = identifiers[other, _KEY], identifiers[other, _KEY_END]
            if _are_equal(text, name, name_end, text, other_name, other_end):
                return _UNSURE, 0
        # Those without a value are stored at first too, to detect a name that appears twice.
        start, stop = offset + 1, offset + 1
        if text[offset] == ord('"'):
            offset = _after_plain_string(text, offset, end, others, tables)
            stop = offset - 1
        else:
            offset = _after_value(text, offset, end, others, tables, stack)
        if offset == _UNSURE:
            return _UNSURE, 0
        identifiers[count, _KEY] = name
        identifiers[count, _KEY_END] = name_end
        identifiers[count, _TEXT] = start
        identifiers[count, _TEXT_END] = stop
        count += 1
        offset, is_end = _after_separator(text, offset, end, ord("}"))
        if offset == _UNSURE:
            return _UNSURE, 0
    kept = 0
    for one in range(count):
        if identifiers[one, _TEXT_END] > identifiers[one, _TEXT]:
            for column in range(4):
                identifiers[kept, column] = identifiers[one, column]
            kept += 1
    return offset, kept


@compiled_without_allocation
def _after_plain_string(
    text: _Bytes, offset: int, end: int, value: int, tables: LookupTables
) -> int:
    """The offset behind a string that follows its rules and has no escape."""
    if text[offset] != ord('"'):
        return _UNSURE
    start = offset + 1
    offset, has_escape = _after_string(text, start, end)
    if offset == _UNSURE or has_escape:
        return _UNSURE
    return offset if _follows_rules(text, start, offset - 1, False, value, tables) else _UNSURE


_VALUE, _NAME, _AFTER = range(3)
"""States of `_after_value`: what comes next."""
_CONTAINER, _SEEN, _COUNT = range(3)
"""Columns of the stack of open objects and arrays: the container (see below), the bits of the
described members that were read, and the number of members or items."""
_ANY_ARRAY = -2
"""An object is on the stack with the row of its rules, or ANY; an array with the row of its rules
as `_FIRST_ARRAY - row`, or _ANY_ARRAY."""
_FIRST_ARRAY = -3


@compiled_without_allocation
def _after_value(
    text: _Bytes, offset: int, end: int, value: int, tables: LookupTables, stack: _Rows
) -> int:
    """The offset behind a value that follows its rules, with all that it contains."""
    depth, state = 0, _VALUE
    while True:
        if state == _NAME:
            name = offset + 1
            offset, name_end, has_escape = _after_member_name(text, offset, end)
            if offset == _UNSURE:
                return _UNSURE
            stack[depth, _COUNT] += 1
            parent, value = stack[depth, _CONTAINER], ANY
            if parent != ANY:
                if has_escape:
                    return _UNSURE
                first = tables.rules[parent, RuleColumn.MEMBERS]
                last = tables.rules[parent, RuleColumn.MEMBERS_END]
                member = _row_of(text, name, name_end, tables.names, tables.name_bytes, first, last)
                if member != NONE:
                    bit = 1 << (member - first)
                    if stack[depth, _SEEN] & bit:
                        return _UNSURE
                    stack[depth, _SEEN] |= bit
                    value = tables.names[member, NAME_VALUE]
            state = _VALUE
        if state == _VALUE:
            if offset >= end:
                return _UNSURE
            first_byte = text[offset]
            state = _AFTER
            if first_byte == ord('"'):
                start = offset + 1
                offset, has_escape = _after_string(text, start, end)
                if offset == _UNSURE:
                    return _UNSURE
                if value != ANY and not _follows_rules(
                    text, start, offset - 1, has_escape, value, tables
                ):
                    return _UNSURE
            elif first_byte == ord("{") or first_byte == ord("["):
                is_object = first_byte == ord("{")
                kind = OBJECT if is_object else ARRAY
                if value != ANY and not tables.rules[value, RuleColumn.KINDS] & kind:
                    return _UNSURE
                depth += 1
                if depth >= MAX_DEPTH:  # the event itself is one level more
                    return _UNSURE
                array = _ANY_ARRAY if value == ANY else _FIRST_ARRAY - value
                stack[depth, _CONTAINER] = value if is_object else array
                stack[depth, _SEEN] = 0
                stack[depth, _COUNT] = 0
                offset = _after_space(text, offset + 1, end)
                if offset >= end:
                    return _UNSURE
                if text[offset] != (ord("}") if is_object else ord("]")):
                    if is_object:
                        state = _NAME
                    else:
                        state = _VALUE
                        stack[depth, _COUNT] = 1
                        value = ANY if value == ANY else tables.rules[value, RuleColumn.ITEMS]
                    continue
            elif first_byte == ord("t") or first_byte == ord("f"):
                if value != ANY and not tables.rules[value, RuleColumn.KINDS] & BOOLEAN:
                    return _UNSURE
                offset = _after_literal(
                    text, offset, end, _TRUE if first_byte == ord("t") else _FALSE
                )
                if offset == _UNSURE:
                    return _UNSURE
            elif first_byte == ord("n"):
                if value != ANY and not tables.rules[value, RuleColumn.KINDS] & NULL:
                    return _UNSURE
                offset = _after_literal(text, offset, end, _NULL)
                if offset == _UNSURE:
                    return _UNSURE
            else:
                offset = _after_number(text, offset, end, value, tables)
                if offset == _UNSURE:
                    return _UNSURE
        while True:  # after a value, and after each container that ends behind it
            if depth == 0:
                return offset
            container = stack[depth, _CONTAINER]
            is_object = container >= ANY
            offset, is_end = _after_separator(
                text, offset, end, ord("}") if is_object else ord("]")
            )
            if offset == _UNSURE:
                return _UNSURE
            if not is_end:
                state = _NAME if is_object else _VALUE
                if not is_object:
                    stack[depth, _COUNT] += 1
                    value = (
                        ANY
                        if container == _ANY_ARRAY
                        else tables.rules[_FIRST_ARRAY - container, RuleColumn.ITEMS]
                    )
                break
            count = stack[depth, _COUNT]
            if container > ANY:
                required = tables.rules[container, RuleColumn.REQUIRED]
                if stack[depth, _SEEN] & required != required:
                    return _UNSURE
                if count > tables.rules[container, RuleColumn.MAX_PROPERTIES]:
                    return _UNSURE
            elif container < _ANY_ARRAY:
                row = _FIRST_ARRAY - container
                min_items = tables.rules[row, RuleColumn.MIN_ITEMS]
                if not min_items <= count <= tables.rules[row, RuleColumn.MAX_ITEMS]:
                    return _UNSURE
            depth -= 1


@compiled_without_allocation
def _follows_rules(
    text: _Bytes, start: int, stop: int, has_escape: bool, value: int, tables: LookupTables
) -> bool:
    """Whether a text follows its rules. False if it has an escape and the rules are about its
    characters."""
    if not tables.rules[value, RuleColumn.KINDS] & STRING:
        return False
    min_length = tables.rules[value, RuleColumn.MIN_LENGTH]
    max_length = tables.rules[value, RuleColumn.MAX_LENGTH]
    size = stop - start  # at least the number of characters
    if size > max_length or (min_length > 0 and size < min_length) or min_length > 1:
        if has_escape:
            return False
        characters = 0
        for offset in range(start, stop):
            characters += text[offset] & 0xC0 != 0x80
        if not min_length <= characters <= max_length:
            return False
    first = tables.rules[value, RuleColumn.OPTIONS]
    last = tables.rules[value, RuleColumn.OPTIONS_END]
    if first < last and (
        has_escape
        or _row_of(text, start, stop, tables.names, tables.name_bytes, first, last) == NONE
    ):
        return False
    if tables.rules[value, RuleColumn.PATTERN] != NONE:
        return not has_escape and _matches_pattern(
            text, start, stop, tables.rules[value, RuleColumn.PATTERN], tables
        )
    return True


@compiled_without_allocation
def _matches_pattern(text: _Bytes, start: int, stop: int, state: int, tables: LookupTables) -> bool:
    """Whether a text matches a pattern.

    Args:
        state: the first state of the pattern.
    """
    for offset in range(start, stop):
        state = tables.states[state * STATE_WIDTH + text[offset]]
        if state == NONE:
            return False
    return bool(tables.states[state * STATE_WIDTH + MAY_END])


@compiled_without_allocation
def _after_string(text: _Bytes, offset: int, end: int) -> tuple[int, bool]:
    """The offset behind the closing quote of a string, and whether the string has an escape.

    Args:
        offset: of the first byte of the text, behind the opening quote.
    """
    has_escape = False
    while offset < end:
        if offset + _BLOCK <= end:
            step = _plain_byte_count(text, offset)
            offset += step
            if step == _BLOCK:
                continue
        byte = text[offset]
        if byte == ord('"'):
            return offset + 1, has_escape
        if byte < 0x20:
            return _UNSURE, has_escape
        if byte == ord("\\"):
            has_escape = True
            offset = _after_escape(text, offset, end)
            if offset == _UNSURE:
                return _UNSURE, has_escape
        else:
            offset += 1
    return _UNSURE, has_escape


@compiled_without_allocation
def _after_escape(text: _Bytes, offset: int, end: int) -> int:
    """The offset behind an escape; _UNSURE for NUL and for half of a surrogate pair."""
    if offset + 1 >= end:
        return _UNSURE
    byte = text[offset + 1]
    if byte != ord("u"):
        for known in (34, 92, 47, 98, 102, 110, 114, 116):  # " \\ / b f n r t
            if byte == known:
                return offset + 2
        return _UNSURE
    code = _hexadecimal(text, offset + 2, end)
    if code <= 0 or 0xDC00 <= code < 0xE000:
        return _UNSURE
    if 0xD800 <= code < 0xDC00:
        if offset + 7 >= end or text[offset + 6] != ord("\\") or text[offset + 7] != ord("u"):
            return _UNSURE
        low = _hexadecimal(text, offset + 8, end)
        return offset + 12 if 0xDC00 <= low < 0xE000 else _UNSURE
    return offset + 6


@compiled_without_allocation
def _hexadecimal(text: _Bytes, offset: int, end: int) -> int:
    """The number of four hexadecimal digits; _UNSURE if there are fewer."""
    if offset + 4 > end:
        return _UNSURE
    code = 0
    for step in range(4):
        byte = text[offset + step]
        if 48 <= byte < 58:
            code = code * 16 + byte - 48
        elif 97 <= byte < 103:
            code = code * 16 + byte - 87
        elif 65 <= byte < 71:
            code = code * 16 + byte - 55
        else:
            return _UNSURE
    return code


@compiled_without_allocation
def _after_number(text: _Bytes, offset: int, end: int, value: int, tables: LookupTables) -> int:
    """The offset behind a number that follows its rules and is not too large for a float."""
    is_negative = text[offset] == ord("-")
    if is_negative:
        offset += 1
    start, number = offset, 0
    while offset < end and 48 <= text[offset] < 58:
        if offset - start < 18:
            number = number * 10 + text[offset] - 48
        offset += 1
    digits = offset - start
    if digits == 0 or (digits > 1 and text[start] == ord("0")):
        return _UNSURE
    decimals = 0
    if offset < end and text[offset] == ord("."):
        start = offset + 1
        offset = start
        while offset < end and 48 <= text[offset] < 58:
            if digits + offset - start < 18:
                number = number * 10 + text[offset] - 48
            offset += 1
        decimals = offset - start
        if decimals == 0:
            return _UNSURE
    has_exponent = offset < end and (text[offset] == ord("e") or text[offset] == ord("E"))
    if has_exponent:
        offset += 1
        if offset < end and (text[offset] == ord("+") or text[offset] == ord("-")):
            offset += 1
        start = offset
        while offset < end and 48 <= text[offset] < 58:
            offset += 1
        if offset == start or offset - start > 2:
            return _UNSURE
        digits += 100
    if digits > _MAX_DIGITS:
        return _UNSURE
    if value == ANY:
        return offset
    kinds = tables.rules[value, RuleColumn.KINDS]
    if not kinds & NUMBER and (not kinds & INTEGER or decimals or has_exponent):
        return _UNSURE
    minimum, maximum = tables.limits[value, 0], tables.limits[value, 1]
    if minimum == -np.inf and maximum == np.inf:
        return offset
    if has_exponent or digits + decimals > (15 if decimals else 18):
        return _UNSURE
    # Dividend and divisor are exact floats, so the quotient is the float nearest to the number.
    amount = number / 10.0**decimals if decimals else float(number)
    amount = -amount if is_negative else amount
    if amount < minimum or amount > maximum:
        return _UNSURE
    if (tables.rules[value, RuleColumn.EXCLUDES_MINIMUM] and amount == minimum) or (
        tables.rules[value, RuleColumn.EXCLUDES_MAXIMUM] and amount == maximum
    ):
        return _UNSURE
    return offset


@compiled_without_allocation
def _after_instant(text: _Bytes, offset: int, end: int) -> tuple[int, int]:
    """The offset behind a string such as "2026-01-05T11:00:00.25Z", and its microseconds.

    Unsure are leap seconds, lower-case letters, more than six decimals and years out of range.
    """
    if offset + 22 > end or text[offset] != ord('"'):
        return _UNSURE, 0
    at = offset + 1
    year = _decimal(text, at, 2) * 100 + _decimal(text, at + 2, 2)
    month, day = _decimal(text, at + 5, 2), _decimal(text, at + 8, 2)
    hour, minute = _decimal(text, at + 11, 2), _decimal(text, at + 14, 2)
    second = _decimal(text, at + 17, 2)
    if text[at + 4] != 45 or text[at + 7] != 45 or text[at + 10] != 84:  # - - T
        return _UNSURE, 0
    if text[at + 13] != 58 or text[at + 16] != 58:  # : :
        return _UNSURE, 0
    if year < 0 or not 1 <= month <= 12 or not 0 <= hour < 24 or not 0 <= minute < 60:
        return _UNSURE, 0
    if not 0 <= second < 60 or not 1 <= day <= _days_of(year, month):
        return _UNSURE, 0
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
            return _UNSURE, 0
    if at >= end:
        return _UNSURE, 0
    minutes = hour * 60 + minute
    if text[at] == ord("Z"):
        at += 1
    elif text[at] == ord("+") or text[at] == ord("-"):
        if at + 6 > end or text[at + 3] != 58:
            return _UNSURE, 0
        hours, rest = _decimal(text, at + 1, 2), _decimal(text, at + 4, 2)
        if not 0 <= hours < 24 or not 0 <= rest < 60:
            return _UNSURE, 0
        ahead = hours * 60 + rest
        minutes += ahead if text[at] == ord("-") else -ahead
        at += 6
    else:
        return _UNSURE, 0
    if at >= end or text[at] != ord('"'):
        return _UNSURE, 0
    instant = _day_number(year, month, day) * _DAY
    instant += (minutes * 60 + second) * 1_000_000 + micros
    if not _FIRST <= instant < _END:
        return _UNSURE, 0
    return at + 1, instant


@compiled_without_allocation
def _decimal(text: _Bytes, offset: int, size: int) -> int:
    """The number of some decimal digits; negative if one of the bytes is not a digit."""
    number = 0
    for step in range(size):
        byte = text[offset + step]
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
    """Days since 1970-01-01. Years start in March, so that a leap day is the last day of its year.

    H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    """
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (9 if month <= 2 else -3)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@compiled_without_allocation
def _after_space(text: _Bytes, offset: int, end: int) -> int:
    while offset < end and (
        text[offset] == 32 or text[offset] == 10 or text[offset] == 13 or text[offset] == 9
    ):
        offset += 1
    return offset


@compiled_without_allocation
def _after_member_name(text: _Bytes, offset: int, end: int) -> tuple[int, int, bool]:
    """The offsets of the value of a member and of the end of its name; whether that has an
    escape."""
    if offset >= end or text[offset] != ord('"'):
        return _UNSURE, _UNSURE, False
    after, has_escape = _after_string(text, offset + 1, end)
    if after == _UNSURE:
        return _UNSURE, _UNSURE, has_escape
    offset = _after_space(text, after, end)
    if offset >= end or text[offset] != ord(":"):
        return _UNSURE, _UNSURE, has_escape
    return _after_space(text, offset + 1, end), after - 1, has_escape


@compiled_without_allocation
def _after_separator(text: _Bytes, offset: int, end: int, closing: int) -> tuple[int, bool]:
    """The offset of the next member or item, or behind the closing bracket; which of the two.

    Args:
        offset: behind a member or an item.

    Returns:
        The offset, and whether the object or array has ended.
    """
    offset = _after_space(text, offset, end)
    if offset < end and text[offset] == closing:
        return offset + 1, True
    if offset < end and text[offset] == ord(","):
        return _after_space(text, offset + 1, end), False
    return _UNSURE, False


@compiled_without_allocation
def _are_equal(text: _Bytes, start: int, stop: int, other: _Bytes, first: int, last: int) -> bool:
    """Whether two texts are equal."""
    if stop - start != last - first:
        return False
    for step in range(stop - start):  # noqa: SIM110  # numba does not compile generators
        if text[start + step] != other[first + step]:
            return False
    return True


@compiled_without_allocation
def _row_of(
    text: _Bytes, start: int, stop: int, names: _Rows, name_bytes: _Bytes, first: int, last: int
) -> int:
    """The row of a text among the rows `first` to before `last`; NONE if it is not there."""
    for row in range(first, last):
        if _are_equal(text, start, stop, name_bytes, names[row, NAME_START], names[row, NAME_END]):
            return row
    return NONE


@compiled_without_allocation
def _after_literal(text: _Bytes, offset: int, end: int, word: _Bytes) -> int:
    after = offset + len(word)
    return (
        after
        if after <= end and _are_equal(text, offset, after, word, _ZERO, len(word))
        else _UNSURE
    )
