"""State machines of patterns match what the patterns match in Python."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from kinfold.bronze.fast_path.lookup_tables import MAY_END, NONE, STATE_WIDTH
from kinfold.bronze.fast_path.patterns import pattern_states

FIRST = 7


def matches(states: Sequence[Sequence[int]], text: str) -> bool:
    """Whether a text matches, by following the states as the scanner does."""
    state = FIRST
    for byte in text.encode():
        state = states[state - FIRST][byte]
        if state == NONE:
            return False
    return bool(states[state - FIRST][MAY_END])


def test_the_states_of_a_pattern_are_numbered_from_the_first():
    states = pattern_states("^ab$", FIRST)
    assert states is not None
    assert [len(state) for state in states] == [STATE_WIDTH] * 3
    assert [state[MAY_END] for state in states] == [0, 0, 1]
    assert states[0][ord("a")] == FIRST + 1
    assert states[1][ord("b")] == FIRST + 2
    assert states[0][ord("b")] == NONE


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("^[A-Z]{3}$", ["EUR"], ["", "EU", "EURO", "eur", "EUR\n", "ÄÖÜ"]),
        ("^[a-z][a-z0-9_]{0,2}$", ["a", "a0_"], ["", "0", "abcd", "_a"]),
        ("^a*b+c?$", ["b", "aabbc", "bc"], ["", "a", "ac", "bcc"]),
        ("^a{2,}$", ["aa", "aaaa"], ["", "a", "aab"]),
        ("^a?a{1,2}$", ["a", "aa", "aaa"], ["", "aaaa"]),
        ("^[a-c.]+$", ["a.b", "..."], ["", "a-b", "d"]),
        ("^/@: -$", ["/@: -"], ["", "/@: ", "/@:--"]),
    ],
)
def test_a_text_matches_from_its_start_to_its_end(pattern, matching, others):
    states = pattern_states(pattern, FIRST)
    assert states is not None
    assert [text for text in [*matching, *others] if matches(states, text)] == matching


_parts = st.tuples(
    st.sampled_from(["a", "b", "[ab]", "[a-c]", "[0-9_]"]),
    st.sampled_from(["", "*", "+", "?", "{2}", "{1,3}", "{2,}", "{0,1}"]),
).map("".join)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.lists(_parts, min_size=1, max_size=4).map(lambda parts: f"^{''.join(parts)}$"),
    st.lists(st.text("abc0_", max_size=8), min_size=1, max_size=8),
)
def test_a_pattern_matches_what_it_matches_in_python(pattern, texts):
    states = pattern_states(pattern, FIRST)
    assert states is not None
    for text in texts:
        assert matches(states, text) == bool(re.search(pattern, text)), text


@pytest.mark.parametrize(
    "pattern",
    [
        *("a", "^a", "a$", "^$", r"^\d$", "^.$", "^[^a]$", "^(ab)$", "^a|b$", "^(?:a)$", "^a+?$"),
        *("^ä$", r"^\p{L}$", "^[a-]$", "^a{,2}$", "^a$\n"),
    ],
)
def test_other_patterns_are_not_supported(pattern):
    assert pattern_states(pattern, FIRST) is None


def test_a_pattern_with_more_than_a_thousand_states_is_not_supported():
    assert len(pattern_states("^a{999}$", FIRST) or ()) == 1_000
    assert pattern_states("^a{1000}$", FIRST) is None
