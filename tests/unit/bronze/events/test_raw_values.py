"""Received bytes are stored as text where they are UTF-8, else as bytes."""

import pyarrow as pa
import pytest

from arrow_landing import binary
from kinfold.bronze.events.raw_values import are_utf8, raw_columns


@pytest.mark.parametrize(
    ("value", "is_text"),
    [
        (b"", True),
        (b"plain", True),
        ("é😀".encode(), True),
        (None, True),
        (b"a\x00b", True),
        (b"\xc3\x28", False),
        (b"\xc0\x80", False),
        (b"\xed\xa0\x80", False),
        (b"\xff", False),
        (b"\xf0\x9f\x98", False),
    ],
)
def test_a_value_is_utf8_or_not(value, is_text):
    assert are_utf8(binary([value])).to_pylist() == [is_text]


def test_each_value_of_a_column_is_checked():
    values = binary([b"a", b"\xff", None, b"b"])
    assert are_utf8(values).to_pylist() == [True, False, True, True]
    assert are_utf8(values[2:]).to_pylist() == [True, True]
    assert are_utf8(binary([])).to_pylist() == []


def test_each_value_is_in_the_column_of_its_kind_and_null_in_the_other():
    values = binary([b"a", b"\xff", None, b""])
    columns = raw_columns(values, are_utf8(values))
    assert columns["raw"].to_pylist() == ["a", None, None, ""]
    assert columns["raw_bytes"].to_pylist() == [None, b"\xff", None, None]


def test_columns_of_texts_only_have_the_same_types_as_mixed_ones():
    texts, mixed = (binary([b"a", b"b"]), binary([b"a", b"\xff"]))
    columns = [raw_columns(values, are_utf8(values)) for values in (texts, mixed)]
    assert columns[0]["raw"].to_pylist() == ["a", "b"]
    assert columns[0]["raw_bytes"].to_pylist() == [None, None]
    for one in columns:
        assert {name: one[name].type for name in one} == {
            "raw": pa.string(),
            "raw_bytes": pa.binary(),
        }
