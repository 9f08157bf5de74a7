"""What is told of texts from their bytes is what regular expressions find in each."""

import re

import pyarrow as pa
from hypothesis import given, strategies as st

from kinfold.bronze.json_bytes import places_of_large_numbers, places_of_nul, texts_with

LARGE = re.compile(rb"[:,\[ \t\n\r]-?[0-9][0-9.]*[eE]\+?[0-9]{3}|[:,\[ \t\n\r]-?[0-9][0-9.]{200}")
NUL = re.compile(rb"\\u0000")

_pieces = st.sampled_from(
    [
        *(bytes([one]) for one in b'eE+-.0123456789:,[ \t\n\r\\ua}"'),
        *(rb"\u0000", b":1e400", b"9" * 100, b"9" * 201, b"a5e123", b",-12.5E+100", b"x" * 131_070),
    ]
)
_texts = st.lists(st.lists(_pieces, max_size=12).map(b"".join), max_size=6)


@given(_texts, st.integers(0, 3))
def test_no_text_with_a_large_number_is_overlooked(texts, cut):
    found = texts_with(pa.array(texts, pa.binary())[cut:], places_of_large_numbers)
    assert {i for i, text in enumerate(texts[cut:]) if LARGE.search(text)} <= set(found)


@given(_texts, st.integers(0, 3))
def test_texts_with_nul_are_found(texts, cut):
    within = [text for text in texts[cut:] if NUL.search(text)]
    found = texts_with(pa.array(texts, pa.binary())[cut:], places_of_nul)
    assert {i for i, text in enumerate(texts[cut:]) if text in within} <= set(found)


def test_usual_texts_are_left_alone():
    texts = [
        b'{"a":1e99,"b":-1.5E+10,"c":"5e123","id":"c-3e4567","n":123456789012345678901234567890}',
        b'{"hex":"d41d8cd98f00b204e9800998ecf8427e","u":"\\u00e9\\\\u1","e":2.5e-300}',
        b"",
    ]
    assert texts_with(pa.array(texts), places_of_nul, places_of_large_numbers) == []
    assert texts_with(pa.array([], pa.binary()), places_of_nul) == []


def test_a_number_at_the_edge_of_what_is_looked_at_together_is_found():
    for size in range(131_060, 131_080):
        text = b'{"x":"' + b"x" * (size - 6) + b'","y":1e400}'
        assert texts_with(pa.array([b"{}", text, b"{}"]), places_of_large_numbers) == [1]
