"""Kinds of values: what a message may say about a value that it must not quote."""

import re
from decimal import Decimal
from typing import Any

SEEN = ", seen "
"""Between the rule of a reason and the kind of value that broke it."""

_MAX_SHAPE_CHARACTERS = 24
# Longer numbers may be phone numbers.
_MAX_SHOWN_DIGITS = 6
# Short words, codes and amounts: no address, no sentence.
_SHOWN_TEXT = re.compile(r"[A-Za-z0-9_.,:+-]{1,24}")
_LONG_NUMBER = re.compile(r"(\d[.,:+-]?){7}")


def kind_of(value: Any, *, is_shown: bool = False) -> str:
    """The kind of a JSON value, such as `text like 99/99/9999`, `a list` or `null`.

    A short text is described by its shape: `A` and `a` stand for letters, `9` for digits.

    Args:
        is_shown: the value is not personal, so a number, a short word or a code may be quoted.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        is_short = is_shown and sum(map(str.isdigit, str(value))) <= _MAX_SHOWN_DIGITS
        return str(value) if is_short else _kind_of_number(value)
    if isinstance(value, str):
        return _kind_of_text(value, is_shown=is_shown)
    name = "list" if isinstance(value, list | tuple) else "object"
    return f"an empty {name}" if not value else f"{'a' if name == 'list' else 'an'} {name}"


def _kind_of_number(value: int | float | Decimal) -> str:
    kind = "integer" if isinstance(value, int) else "number with a fraction"
    return f"a negative {kind}" if value < 0 else f"{'an' if kind == 'integer' else 'a'} {kind}"


def _kind_of_text(text: str, *, is_shown: bool) -> str:
    if not text:
        return "empty text"
    if not text.strip():
        return "text of blanks"
    if is_shown and _SHOWN_TEXT.fullmatch(text) and not _LONG_NUMBER.search(text):
        return f'"{text}"'
    if len(text) > _MAX_SHAPE_CHARACTERS:
        return f"text of {len(text)} characters"
    return f"text like {''.join(map(_shape, text))}"


def _shape(character: str) -> str:
    """`A`, `a` or `9` for letters and digits; ASCII punctuation and currency signs are kept."""
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    if character == " " or character in "€£$¥" or (character.isascii() and character.isprintable()):
        return character
    return "?"


def count_of(value: Any) -> str:
    """The number of characters, members or items of a value; otherwise its kind."""
    return f"{len(value):,}" if isinstance(value, str | list | dict) else kind_of(value)
