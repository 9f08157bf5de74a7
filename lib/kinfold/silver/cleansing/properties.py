"""Properties of accepted events: their text as sent, and the typed columns of silver.events.

The typed columns get only what the schema of the event describes. A free member of the same name
means whatever its sender likes, and stays in the text.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple

from kinfold.bronze.schemas.described_properties import DescribedProperties
from kinfold.core.json_text import required_member
from kinfold.silver.cleansing.texts import trimmed
from kinfold.tables.silver import CONSENT_DECISIONS

_MAX_BIGINT = 2**63 - 1
_DIGITS_OF_BIGINT = 19
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_CURRENCY = re.compile("[A-Z]{3}")

Line = dict[str, str | int | None]
Value = str | int | list[Line] | None


class _NotOfTypeError(ValueError):
    """A value that does not fit its column.

    Attributes:
        readable: what the column gets all the same; null if nothing can be read.
    """

    def __init__(self, readable: Value = None) -> None:
        super().__init__()
        self.readable = readable


def whole_number(value: Any) -> int | None:
    """A number or its text as a whole number of 0 to 2**63 - 1, also written `3.0` or `3e2`.

    Null for a blank text.

    Raises:
        ValueError: the value is another one.
    """
    text = _text(value)
    if text is None:
        return None
    if len(text) < _DIGITS_OF_BIGINT and text.isascii() and text.isdecimal():
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise _NotOfTypeError
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent of many digits
        raise _NotOfTypeError from None
    # First the size: the digits of 1e999999999 need a gigabyte.
    if number.adjusted() >= _DIGITS_OF_BIGINT or number > _MAX_BIGINT or float(text) < 0:
        raise _NotOfTypeError
    # The verdict reads a number with a fraction as a double, so 1.00000000000000000001 is 1.
    whole = int(number)
    if whole != number and not (nearest := float(text)).is_integer():
        raise _NotOfTypeError
    return whole if whole == number else int(nearest)


def _text(value: Any) -> str | None:
    """A text, or the text of a number, trimmed; null if it is blank or null."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _NotOfTypeError
    return trimmed(value) or None


def _lower(value: Any) -> str | None:
    text = _text(value)
    return text and text.lower()


def _currency(value: Any) -> str | None:
    text = _text(value)
    if text is None:
        return None
    code = text.upper()
    if not _CURRENCY.fullmatch(code):
        raise _NotOfTypeError
    return code


def _decision(value: Any) -> str | None:
    decision = _lower(value)
    if decision is not None and decision not in CONSENT_DECISIONS:
        raise _NotOfTypeError
    return decision


def _order_lines(value: Any) -> list[Line] | None:
    """The lines of an order; null if there are none. A line without a product_id has its `sku`."""
    if not isinstance(value, list):
        raise _NotOfTypeError
    lines, is_valid = [], True
    for sent in value:
        if not isinstance(sent, dict):
            is_valid = False
            continue
        line: Line = {}
        for name, sources, read in _OF_A_LINE:
            line[name] = None
            for source in sources:
                try:
                    line[name] = read(sent.get(source))
                except _NotOfTypeError:
                    is_valid = False
                if line[name] is not None:
                    break
        lines.append(line)
    if not is_valid:
        raise _NotOfTypeError(lines or None)
    return lines or None


_OF_A_LINE: tuple[tuple[str, tuple[str, ...], Callable[[Any], str | int | None]], ...] = (
    ("product_id", ("product_id", "sku"), _text),
    ("category", ("category",), _lower),
    ("quantity", ("quantity",), whole_number),
    ("price_cents", ("price_cents",), whole_number),
)


class _Typed(NamedTuple):
    """A typed column: the property that fills it, and how its value is read."""

    property: str
    column: str
    read: Callable[[Any], Value]


_TYPED = (
    _Typed("order_id", "order_id", _text),
    _Typed("product_id", "product_id", _text),
    _Typed("category", "category", _lower),
    _Typed("quantity", "quantity", whole_number),
    _Typed("amount_cents", "amount_cents", whole_number),
    _Typed("currency", "currency", _currency),
    _Typed("purpose", "consent_purpose", _text),
    _Typed("decision", "consent_decision", _decision),
    _Typed("products", "order_lines", _order_lines),
)
TYPED_COLUMNS = tuple(typed.column for typed in _TYPED)


def property_columns(
    events: Iterable[str | None],
    event_types: Iterable[str | None],
    schema_ids: Iterable[str | None],
    *,
    described: DescribedProperties,
) -> dict[str, list[Any]]:
    """The properties of events, by column.

    Args:
        events: accepted native events as JSON.
        event_types, schema_ids: of each event.

    Returns:
        properties (the JSON text as sent; of a repeated member the last), the typed columns of
        silver.events, and invalid_properties: the sorted names of described properties whose value
        does not fit its column, which then is null, or of `order_lines` has null for what cannot
        be read; null if there are none.
    """

    @cache
    def typed_of(event_type: str | None, schema_id: str | None) -> Sequence[_Typed]:
        names = described.names(event_type, schema_id)
        return tuple(typed for typed in _TYPED if typed.property in names)

    texts: list[str | None] = []
    columns: dict[str, list[Any]] = {name: [] for name in TYPED_COLUMNS}
    invalid: list[list[str] | None] = []
    rows = zip(events, event_types, schema_ids, strict=True)
    for row, (event, event_type, schema_id) in enumerate(rows):
        member = required_member(event, "properties") if event is not None else None
        texts.append(member.text if member else None)
        invalid.append(None)
        typed = typed_of(event_type, schema_id)
        if typed and member and isinstance(member.value, dict):
            problems = _add(columns, row, typed, member.value)
            if problems:
                invalid[row] = sorted(problems)
    for values in columns.values():
        values.extend([None] * (len(texts) - len(values)))
    return {"properties": texts, **columns, "invalid_properties": invalid}


def _add(
    columns: Mapping[str, list[Any]], row: int, typed: Sequence[_Typed], sent: Mapping[str, Any]
) -> list[str]:
    """Write the values of one event to `columns`; returns the names of those that do not fit.

    Columns are filled with null up to the row only where there is a value, because most events have
    none.
    """
    problems = []
    for name, column, read in typed:
        value = sent.get(name)
        if value is None:
            continue
        try:
            read_value = read(value)
        except _NotOfTypeError as error:
            problems.append(name)
            if error.readable is None:
                continue
            read_value = error.readable
        values = columns[column]
        values.extend([None] * (row - len(values)))
        values.append(read_value)
    return problems
