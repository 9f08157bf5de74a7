"""Numbers of messages as they were sent."""

import json
import random

import orjson
import pyarrow as pa
import pytest

from kinfold.bronze.events.segment.event import segment_event
from kinfold.bronze.events.segment.spelling import dumps, have_spelling, loads


def sent_and_written(text: bytes) -> bytes:
    (flag,) = have_spelling(pa.array([text], pa.binary()))
    return dumps(loads(text, has_spelling=flag))


@pytest.mark.parametrize(
    "number",
    [
        "0.10",
        "1e2",
        "1.00",
        "-0",
        "-0.0",
        "1.0",
        "12345678901234567890.5",
        "0.00001",
        "1E-7",
        "0",
        "18446744073709551616",
        "0.1234567890123456789",
        "5e-324",
        "100",
        "-1.50",
        "1." + "3" * 99,
    ],
)
def test_a_number_is_written_as_it_was_sent(number):
    for text in (f'{{"a":{number}}}', f"[{number},1]", f'[[{number}],"x"]'):
        assert sent_and_written(text.encode()).decode() == text


def test_numbers_in_texts_and_usual_numbers_take_the_fast_parser():
    texts = ['{"at":"2026-03-01T10:00:00.120Z","v":"1.10"}', '{"price":12.99,"n":7,"t":1.7e1}']
    texts += [r'["\"1.10",0,1.5]', "[17000000000000]", "", '["1.10', "[0.10]"]
    values = pa.array([None, *(text.encode() for text in texts)], pa.binary())
    assert have_spelling(values).tolist() == [False] * 2 + [True] + [False] * 4 + [True]
    assert have_spelling(values.slice(7)).tolist() == [True]
    assert have_spelling(pa.array([None], pa.binary())).tolist() == [False]


def test_no_number_is_written_in_another_way_for_random_numbers():
    draw = random.Random(5)
    digits = "0123456789"

    def some(count: int) -> str:
        return "".join(draw.choices(digits, k=count))

    def number() -> str:
        whole = draw.choice(["0", draw.choice(digits[1:]) + some(draw.randrange(18))])
        fraction = "." + some(draw.randint(1, 8)) if draw.random() < 0.7 else ""
        exponent = draw.choice(["e", "E+", "e-"]) + some(1) if draw.random() < 0.2 else ""
        return draw.choice(["", "-"]) + whole + fraction + exponent

    for _ in range(2_000):
        text = f"[{number()}]".encode()
        assert sent_and_written(text) == text
        assert json.loads(sent_and_written(text)) == orjson.loads(text)


def test_a_spelled_number_is_still_a_number_for_the_mapping():
    message = b"""{"type": "track", "event": "Order Completed", "userId": 1e2, "messageId": "m",
        "timestamp": "2026-03-01T10:00:00Z", "properties": {"orderId": 7.00, "total": 12.50,
        "quantity": 2.0, "rate": 0.10}}"""
    event = segment_event(loads(message, has_spelling=True))
    assert event["identifiers"] == {"user_id": "100"}
    properties = json.loads(dumps(event), parse_float=str)["properties"]
    assert (properties["order_id"], properties["amount_cents"], properties["quantity"]) == (
        "7",
        1250,
        2,
    )
    assert (properties["rate"], properties["total"]) == ("0.10", "12.50")


def test_copies_of_a_message_without_an_id_that_spell_a_number_in_two_ways_have_one_id():
    one, other = (
        segment_event(loads(b'{"type":"page","userId":"u","x":%b}' % number, has_spelling=True))
        for number in (b"0.10", b"0.1")
    )
    assert one["event_id"] == other["event_id"]


def test_a_text_that_is_not_json_is_refused_in_both_ways():
    for has_spelling in (True, False):
        with pytest.raises(orjson.JSONDecodeError):
            loads(b'{"a": 0.10', has_spelling=has_spelling)
    assert loads(b"[" * 1_000 + b"0.10" + b"]" * 1_000, has_spelling=True)
