"""Compiles regular expressions to state machines, which the scanner follows byte by byte.

Supported are patterns that Python and ECMA-262 read alike: from `^` to `$`, plain characters and
classes of them, each possibly repeated by `*`, `+`, `?` or a count.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kinfold.bronze.fast_path.lookup_tables import MAY_END, NONE, STATE_WIDTH

_MAX_STATES = 1_000
_PLAIN = r"[A-Za-z0-9_ :/@-]"
_CLASS = r"\[(?:[A-Za-z0-9_]-[A-Za-z0-9_]|[A-Za-z0-9_ :/@.])+\]"
_PART = re.compile(
    rf"(?P<set>{_PLAIN}|{_CLASS})(?:(?P<sign>[*+?])|\{{(?P<counts>\d+(?:,\d*)?)\}})?"
)
_SUPPORTED = re.compile(rf"\^(?:(?:{_PLAIN}|{_CLASS})(?:[*+?]|\{{\d+(?:,\d*)?\}})?)+\$")


class _Part(NamedTuple):
    """A part of a pattern: one of some characters, and how often; max_count None: no limit."""

    characters: frozenset[int]
    min_count: int
    max_count: int | None


_Positions = frozenset[tuple[int, int]]
"""Where a match may be: the index of a part, and how many characters have matched it."""


def pattern_states(pattern: str, first: int) -> list[list[int]] | None:
    """Rows of `LookupTables.states` for a pattern; None if it is not supported.

    The set of all positions that a match may have is one state (subset construction).

    Args:
        first: the number of the first state. The others are numbered from there.
    """
    if not _SUPPORTED.fullmatch(pattern):
        return None
    parts = list(_parts(pattern))
    matching_parts = [
        frozenset(index for index, part in enumerate(parts) if character in part.characters)
        for character in range(128)
    ]
    start, rows = _with_next_parts({(0, 0)}, parts), []
    numbers = {start: first}
    waiting = deque([start])
    while waiting:
        positions = waiting.popleft()
        next_state: dict[frozenset[int], int] = {}
        for matching in set(matching_parts):
            after = _after_character(positions, matching, parts)
            if after and after not in numbers:
                numbers[after] = first + len(numbers)
                waiting.append(after)
            next_state[matching] = numbers.get(after, NONE)
        if len(numbers) > _MAX_STATES:
            return None
        row = [NONE] * STATE_WIDTH
        row[: len(matching_parts)] = (next_state[matching] for matching in matching_parts)
        row[MAY_END] = int((len(parts), 0) in positions)
        rows.append(row)
    return rows


def _parts(pattern: str) -> Iterator[_Part]:
    for part in _PART.finditer(pattern, 1, len(pattern) - 1):
        matcher = re.compile(part["set"])
        characters = frozenset(c for c in range(128) if matcher.fullmatch(chr(c)))
        if part["sign"]:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[part["sign"]]
        elif part["counts"]:
            from_count, comma, to_count = part["counts"].partition(",")
            low = int(from_count)
            high = int(to_count) if to_count else (None if comma else low)
        else:
            low, high = 1, 1
        yield _Part(characters, low, high)


def _with_next_parts(positions: set[tuple[int, int]], parts: Sequence[_Part]) -> _Positions:
    """The positions, and those that are reached without a further character."""
    reached, waiting = set(positions), list(positions)
    while waiting:
        index, count = waiting.pop()
        following = (index + 1, 0)
        if index < len(parts) and count >= parts[index].min_count and following not in reached:
            reached.add(following)
            waiting.append(following)
    return frozenset(reached)


def _after_character(
    positions: _Positions, matching: frozenset[int], parts: Sequence[_Part]
) -> _Positions:
    """The positions after a further character.

    Args:
        matching: the indices of the parts that the character matches.
    """
    after = set()
    for index, count in positions:
        if index in matching:
            _, low, high = parts[index]
            if high is None:
                after.add((index, min(count + 1, low)))  # higher counts behave alike
            elif count < high:
                after.add((index, count + 1))
    return _with_next_parts(after, parts)
