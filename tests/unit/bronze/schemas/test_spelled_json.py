"""Numbers of JSON stay as they are spelled."""

import pytest

from kinfold.bronze.schemas.spelled_json import json_text, json_value


@pytest.mark.parametrize(
    "text", ['{"a":0.10,"b":[12345678901234567890.5,1e2,-0]}', '{"é":{"c":null,"d":true}}', '"x"']
)
def test_a_value_is_written_as_it_was_read(text):
    value, reason = json_value(text)
    assert (json_text(value).replace("\\u00e9", "é"), reason) == (text, None)


def test_the_last_of_a_repeated_member_counts_and_what_is_not_a_number_is_null():
    assert json_value('{"a":1,"a":NaN,"b":"1"}') == ({"a": None, "b": "1"}, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "/: not a JSON object"), ("[" * 100_000, "/: nested too deeply")],
)
def test_a_text_that_cannot_be_read_has_a_reason(text, reason):
    assert json_value(text) == (None, reason)
