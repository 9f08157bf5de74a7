"""Values of messages, as the types that native events have."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from kinfold.bronze.events.segment.spelling import SpelledNumber

Members = dict[str, Any]
NO_MEMBERS: Members = {}

_LARGEST_POWER_OF_TEN = 15
_MAX_EXACT_INTEGER = 2**53 - 1
_MAX_INTEGER = 2**64 - 1


def spelled_text(value: object) -> str | None:
    """The text of a number that keeps its spelling; None for another value."""
    return value.text if isinstance(value, SpelledNumber) else None


def is_known(value: object) -> bool:
    """Whether a member has a value: senders write null or "" for an unknown one."""
    return value is not None and value != ""


def object_or_empty(value: object) -> Members:
    """The value if it is an object, else an empty one, which must not be changed."""
    return value if isinstance(value, dict) else NO_MEMBERS


def text_of(value: object) -> str | None:
    """A text, or a whole number as text: senders write ids as either. None for anything else."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value) if -_MAX_INTEGER <= value <= _MAX_INTEGER else None
    if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_EXACT_INTEGER:
        return str(int(value))
    return None


def texts_of(members: Members, names: Mapping[str, tuple[str, ...]]) -> Members:
    """Each of `names` as text, from the first of its source members that has a value."""
    texts: Members = {}
    for name, sources in names.items():
        for source in sources:
            if (value := members.get(source)) is not None:
                texts[name] = value if type(value) is str else text_of(value)
                break
    return texts


def decimal_of(value: object) -> Decimal | None:
    """The number in a JSON number or text; None if there is none, or one of 10**16 or more."""
    if type(value) is Decimal:
        number = value
    else:
        # repr is the shortest text of a float: 0.285 stays that, not 0.28499999999999998.
        text = repr(value) if type(value) is float else spelled_text(value) or text_of(value)
        if text is None:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
    is_usable = number.is_finite() and number.adjusted() <= _LARGEST_POWER_OF_TEN
    return number if is_usable else None


def whole_number_of(value: object) -> int | None:
    """The whole number in a JSON number or text; None if there is none."""
    number = decimal_of(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def taken_id(remaining: Members, member: str) -> Any:
    """An id as text; None if it is not known. A value that cannot be an id is returned unchanged,
    to be refused by the schema.

    A text is removed from `remaining`, because it then stands unchanged in the event.
    """
    value = remaining.get(member)
    if type(value) is str:
        return remaining.pop(member) if value else None
    text = text_of(value)
    return value if text is None else text
