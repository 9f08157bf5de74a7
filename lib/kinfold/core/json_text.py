"""Members of JSON objects exactly as they were sent: their texts, and values with exact numbers.

Python's own parser reads every event that the verdict accepts: it has no limit on the length of
numbers, names and texts, and of a repeated member the last one counts, as for the verdict.
"""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # its stub omits this function
from typing import Any, NamedTuple

_decoder = json.JSONDecoder(parse_float=str, parse_int=str)
_value_at = _decoder.scan_once  # type: ignore[attr-defined]  # its stub omits this method
"""(value, end) of the JSON value at an index; a number is its text, so that no digit is lost."""
_blanks_at = re.compile(r"[ \t\n\r]*").match


class Member(NamedTuple):
    """The value of a member.

    Attributes:
        text: the JSON text as sent, with its blanks.
        value: the parsed value; numbers in it are their texts (`0.10`), so they look like strings.
    """

    text: str
    value: Any


def members(text: str) -> dict[str, Member]:
    """The members of a JSON object by name; of a repeated one the last.

    Args:
        text: a valid JSON object.

    Raises:
        ValueError: `text` is not a JSON object.
    """
    found: dict[str, Member] = {}
    index = _after_blanks(text, 0)
    if text[index : index + 1] != "{":
        raise ValueError("members: the text is not a JSON object.")
    index = _after_blanks(text, index + 1)
    while text[index : index + 1] != "}":
        name, index = scanstring(text, index + 1, True)
        start = _after_blanks(text, _after_blanks(text, index) + 1)
        found[name], end = _member_at(text, start)
        index = _after_blanks(text, end)
        if text[index : index + 1] == ",":
            index = _after_blanks(text, index + 1)
    return found


def required_member(text: str, name: str) -> Member | None:
    """The last member of a JSON object with a name; null if there is none.

    Several times faster than `members` for an object that is known to have the member.

    Args:
        text: a valid JSON object that has the member.
        name: ASCII letters.
    """
    quoted = f'"{name}"'
    start = text.find(quoted)
    end = start + len(quoted)
    # If no letter is written as an escape, each member of this name contains `quoted` literally. So
    # if it occurs once, it is the member. As a text within a text its quotes would be escaped.
    has_escapes = "\\u" in text and ("\\u006" in text or "\\u007" in text)
    if start >= 0 and text.find(quoted, end) < 0 and not has_escapes:
        colon = end if text[end] == ":" else _after_blanks(text, end)
        return _member_at(text, _after_blanks(text, colon + 1))[0]
    return members(text).get(name)


def _member_at(text: str, start: int) -> tuple[Member, int]:
    try:
        value, end = _value_at(text, start)
    except StopIteration:
        raise ValueError("members: the text is not JSON.") from None
    return Member(text[start:end], value), end


def _after_blanks(text: str, index: int) -> int:
    match = _blanks_at(text, index)
    return match.end() if match else index
