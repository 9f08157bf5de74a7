"""Properties of accepted events: as sent, and as typed columns."""

import json
import random
from typing import Any

import orjson
import pytest

from kinfold.bronze.schemas.described_properties import DescribedProperties
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import compiled_schemas
from kinfold.silver.cleansing.properties import TYPED_COLUMNS, property_columns
from kinfold.silver.profiles.survivorship import trait_texts
from project import SCHEMAS, shared_case

REGISTRY = SchemaRegistry.load(SCHEMAS)
OURS = DescribedProperties.of(REGISTRY)
EVERYTHING = DescribedProperties(
    {
        "any/1-0-0": frozenset(
            [
                "order_id",
                "product_id",
                "category",
                "quantity",
                "amount_cents",
                "currency",
                "purpose",
                "decision",
                "products",
            ]
        )
    },
    {"any": "any/1-0-0"},
)
LONG = "1." + "3" * 1_003


def columns(event: str, event_type: str = "any", described: DescribedProperties = EVERYTHING):
    """The columns of one event that are not null."""
    read = property_columns([event], [event_type], [f"{event_type}/1-0-0"], described=described)
    assert {len(values) for values in read.values()} == {1}
    return {name: values[0] for name, values in read.items() if values[0] is not None}


def typed(event_type: str = "any", described: DescribedProperties = EVERYTHING, **properties: Any):
    read = columns(json.dumps({"properties": properties}), event_type, described)
    del read["properties"]
    return read


def test_described_properties_become_typed_columns():
    assert typed(
        order_id=" o1 ",
        product_id=17,
        category=" Garden\u00a0",
        quantity=2,
        amount_cents=1999,
        currency="usd ",
        purpose="email",
        decision="Granted",
        free="x",
    ) == dict(
        order_id="o1",
        product_id="17",
        category="garden",
        quantity=2,
        amount_cents=1999,
        currency="USD",
        consent_purpose="email",
        consent_decision="granted",
    )


@pytest.mark.parametrize(
    ("sent", "cents"),
    [
        ("5", 5),
        ("5.0", 5),
        ('"7"', 7),
        ("3e2", 300),
        ("0", 0),
        ("-0", 0),
        ('" 8\\n"', 8),
        ("9007199254740993", 2**53 + 1),
        ("9223372036854775807", 2**63 - 1),
        ("1e0000001", 10),
    ],
)
def test_a_whole_number_keeps_every_digit_however_it_is_written(sent, cents):
    assert columns(f'{{"properties": {{"amount_cents": {sent}}}}}')["amount_cents"] == cents


@pytest.mark.parametrize(
    "sent",
    [
        "-1",
        "1.5",
        '"x"',
        "1e999999999",
        "9223372036854775808",
        '"1_000"',
        "true",
        "[1]",
        '"٣"',
        '{"a":1}',
        LONG,
        '"1e' + "9" * 30 + '"',
    ],
)
def test_a_value_that_does_not_fit_is_null_and_named(sent):
    read = columns(f'{{"properties": {{"amount_cents": {sent}, "quantity": 1}}}}')
    del read["properties"]
    assert read == {"quantity": 1, "invalid_properties": ["amount_cents"]}


def test_each_kind_of_invalid_value_is_null_and_named():
    assert typed(
        currency="dollars", decision="approved", order_id=[1], category=True, quantity=-2
    ) == {"invalid_properties": ["category", "currency", "decision", "order_id", "quantity"]}


def test_null_and_blank_values_are_not_known_and_not_invalid():
    blank = {"order_id": " ", "amount_cents": "", "currency": None, "decision": "\u200b"}
    assert typed(**blank) == {}


def test_the_lines_of_an_order_have_product_category_quantity_and_price():
    lines = [
        {"product_id": " p1 ", "category": "Rugs", "quantity": 2, "price_cents": 1999, "name": "x"},
        {"sku": 17, "price_cents": "5"},
        {"product_id": "", "sku": "s3", "quantity": None},
    ]
    assert typed(products=lines) == {
        "order_lines": [
            dict(product_id="p1", category="rugs", quantity=2, price_cents=1999),
            dict(product_id="17", category=None, quantity=None, price_cents=5),
            dict(product_id="s3", category=None, quantity=None, price_cents=None),
        ]
    }


@pytest.mark.parametrize("absent", [None, []])
def test_an_event_without_lines_has_none(absent):
    assert typed(products=absent) == {}


@pytest.mark.parametrize("sent", ["p1", 5, {"product_id": "p1"}, ["p1"], [[]], [None]])
def test_lines_that_cannot_be_read_are_null_and_named(sent):
    assert typed(products=sent) == {"invalid_properties": ["products"]}


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        *(("price_cents", sent) for sent in ("POA", 19.99, -5, True, [])),
        *(("quantity", sent) for sent in ("two", 0.5, -1)),
        *(("category", sent) for sent in (False, {})),
        ("product_id", [1]),
    ],
)
def test_a_value_of_a_line_that_cannot_be_read_is_null_and_the_lines_are_named(name, sent):
    line = dict(product_id="p1", category="rugs", quantity=2, price_cents=5)
    assert typed(products=[line | {name: sent}, line, "p2"], quantity=1) == {
        "quantity": 1,
        "order_lines": [line | {name: None}, line],
        "invalid_properties": ["products"],
    }


def test_every_type_of_an_order_has_lines_and_others_keep_free_products():
    lines = [{"product_id": "p1"}]
    for event_type in ("purchase", "return", "order_update", "order_cancel"):
        assert "products" in OURS.names(event_type, None)
    assert "order_lines" in typed("order_update", OURS, order_id="o", products=lines)
    assert typed("purchase", OURS, products=lines) == {}  # purchase/1-0-0 does not describe them
    assert typed("track", OURS, products=lines) == {}


def test_free_properties_of_the_same_name_fill_no_column():
    for free in ({"currency": "usd"}, {"quantity": -2}, {"decision": "approved"}):
        assert typed("track", OURS, event_name="x", **free) == {}
        assert typed("page_view", OURS, **free) == {}
    assert typed("product_view", OURS, product_id="p", currency="x") == {"product_id": "p"}
    assert typed("consent", OURS, purpose="email", amount_cents=-1) == {"consent_purpose": "email"}


def test_of_a_repeated_member_the_last_one_counts():
    text = '{"properties":{"order_id":"no"},"properties":{"category":"rugs","category":null}}'
    assert columns(text) == {"properties": '{"category":"rugs","category":null}'}
    text = r'{"pr\u006fperties":{"order_id":"yes"},"a":"properties"}'
    assert columns(text)["order_id"] == "yes"


def test_properties_keep_their_text_and_long_numbers_elsewhere_change_nothing():
    text = '{"rate": 0.10,"points":12345678901234567890.5 , "factor":1e2,"decision":"withdrawn"}'
    event = f'{{"n":{LONG},"{"n" * 60_000}":1,"properties": {text} ,"deep":{"[" * 400}{"]" * 400}}}'
    assert columns(event) == {"properties": text, "consent_decision": "withdrawn"}


def test_rows_keep_their_order_and_an_event_without_text_has_nothing():
    events = [None, '{"properties":{"quantity":1}}', '{"properties":{}}']
    read = property_columns(events, ["any"] * 3, ["any/1-0-0"] * 3, described=EVERYTHING)
    assert read["quantity"] == [None, 1, None]
    assert read["properties"] == [None, '{"quantity":1}', "{}"]
    assert all(read[name] == [None] * 3 for name in TYPED_COLUMNS if name != "quantity")


SPELLINGS = {  # texts of JSON values that parsers are known to read differently
    "amount_cents": ["5", "5.0", "5e0", "9007199254740991", "0", "50E-1", LONG, "5e-400"],
    "currency": ['"GBP"', '"GB\\u0050"'],
    "order_id": ['"o"', '"\\ud83d\\ude00"', '"\u00e9\\t"', f'"{"x" * 250}"', '"\\u0000"'],
    "category": ["null", '"Rugs"', '"R\\/ugs"', '"\u00a0"'],
    "quantity": ["null", "1", "1.0", "2e1"],
    "free": ["0.10", "1e2", "-0.0", LONG, "12345678901234567890.5", "[[1]]", '{"a":1,"a":2}'],
}


def random_event(draw: random.Random) -> str:
    """A purchase as text: members in any order, some twice, some with an escaped name."""

    def member(name: str, value: str) -> str:
        if draw.random() < 0.1:
            name = name.replace("e", "\\u0065").replace("o", "\\u006f")
        return f'{draw.choice(["", " "])}"{name}"{draw.choice(["", " "])}:{value}'

    def text(members: list[str]) -> str:
        draw.shuffle(members)
        return "{" + ",".join(members) + draw.choice(["", "\n"]) + "}"

    properties = [
        member(name, draw.choice(values))
        for name, values in SPELLINGS.items()
        for _ in range(draw.choice([0, 1, 1, 1, 1, 1, 2]))
    ]
    members = {
        "event_id": '"e"',
        "event_type": '"purchase"',
        "occurred_at": '"2026-03-01T10:00:00Z"',
        "identifiers": '{"user_id":"properties"}' if draw.random() < 0.1 else "{}",
        "context": draw.choice(["null", LONG, '{"properties":{"order_id":"no"}}']),
        "properties": text(properties),
    }
    parts = [member(name, value) for name, value in members.items()]
    return text(parts + ([member("properties", text(properties))] if draw.random() < 0.1 else []))


def test_whatever_the_verdict_accepts_is_read_with_the_values_that_pythons_json_reads():
    """A second reading of the contract between bronze and silver, value by value."""
    draw, schemas, accepted = random.Random(17), compiled_schemas(REGISTRY), 0
    for _ in range(3_000):
        event = random_event(draw)
        if not schemas.accepting(orjson.loads(event)):
            continue
        accepted += 1
        read = columns(event, "purchase", OURS)
        sent = json.loads(event)["properties"]
        assert json.loads(read["properties"]) == sent
        assert read["properties"] in event
        assert read["amount_cents"] == int(sent["amount_cents"])
        assert read.get("quantity") == sent.get("quantity")
        assert read["currency"] == sent["currency"]
        assert read.get("order_id", "") == sent["order_id"].strip().strip("\x00")
        assert read.get("category", "") == (sent.get("category") or "").strip().lower()
        assert "invalid_properties" not in read
    assert accepted > 500


def of_case(name: str) -> dict[str, list[Any]]:
    """The columns of the events of a case file."""
    events = shared_case(f"events/{name}.jsonl").read_text(encoding="utf-8").splitlines()
    types = [json.loads(event)["event_type"] for event in events]
    return property_columns(events, types, [f"{t}/1-0-0" for t in types], described=OURS)


def test_the_cases_of_long_numbers_repeated_members_and_spellings_are_right():
    assert of_case("consent_withdrawn")["consent_decision"] == ["granted", "withdrawn"]
    assert of_case("member_twice_then_null")["category"] == [None]
    (properties,) = of_case("number_spelling")["properties"]
    expected = {"rate": "0.10", "points": "12345678901234567890.5", "factor": "1e2"}
    assert trait_texts(properties) == expected
