"""The table "What you get from Segment" of docs/segment.md, row by row: messages as a user sends
them, through landing, cleansing, orders and features.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from arrow_landing import landed_both_ways
from frames import at
from kinfold.bronze.schemas.described_properties import DescribedProperties
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.gold.features.behaviour import features_as_of
from kinfold.silver.cleansing.identifiers import Normaliser, Spelling
from kinfold.silver.cleansing.properties import property_columns
from kinfold.silver.orders.events import order_events, with_order_group
from kinfold.silver.orders.orders import order_lines, orders
from kinfold.silver.orders.rates import Conversion
from kinfold.silver.profiles.profile import order_totals
from kinfold.tables import silver
from project import HOME, SCHEMAS

DOCUMENTED = HOME / "docs" / "segment.md"
AS_OF = at("2026-01-06")
SHOES = {"product_id": "shoes", "category": "Shoes", "price": 50.0, "quantity": 2}
SOCKS = {"product_id": "socks", "category": "Socks", "price": 4.99}
ORDER = {"order_id": "o", "total": 110, "currency": "EUR", "products": [SHOES, SOCKS]}


@dataclass
class Row:
    """What a row of the table promises.

    Attributes:
        sent: messages; those without a userId are from a server that names nobody.
        types: of the accepted events in bronze; `rejected` for a message that is not accepted.
        silver: columns of the last event in silver.events.
        orders: status, currency, amount, refunded, revenue and copies of each order.
        lines: product, category, quantity and price of each line of the orders as they are now.
        revenue: of the person, by currency.
        features: of the person.
    """

    sent: list[dict[str, Any]]
    types: list[str]
    silver: dict[str, Any] = field(default_factory=dict)
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    revenue: dict[str, int] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)


def tracked(event: str, properties: dict[str, Any], **message: Any) -> dict[str, Any]:
    return dict(type="track", userId="u", event=event, properties=properties) | message


def bought(**properties: Any) -> dict[str, Any]:
    return tracked("Order Completed", ORDER | properties)


def from_server(event: str, **properties: Any) -> dict[str, Any]:
    """Names only the order, an hour later."""
    late = dict(userId=None, timestamp="2026-01-05T11:00:00Z")
    return tracked(event, {"order_id": "o"} | properties, **late)


BOTH_LINES = [("shoes", "shoes", 2, 5000), ("socks", "socks", None, 499)]
ROWS = {
    "identify": Row(
        [
            dict(
                type="identify",
                userId="u",
                anonymousId="c",
                traits={"email": "Ada@Example.com", "firstName": "Ada", "tier": "gold"},
            )
        ],
        ["identify"],
        silver=dict(
            identifiers=[("cookie_id", "c"), ("email", "ada@example.com"), ("user_id", "u")]
        ),
        features=dict(event_count_30d=1),
    ),
    "page, screen": Row(
        [dict(type="page", userId="u"), dict(type="screen", userId="u", name="Home")],
        ["page_view", "screen_view"],
        features=dict(event_count_30d=2, product_view_count_30d=0),
    ),
    "Product Viewed": Row(
        [tracked("Product Viewed", SHOES)],
        ["product_view"],
        silver=dict(product_id="shoes", category="shoes"),
        features=dict(product_view_count_30d=1, category_count_90d=1),
    ),
    "Product Added": Row(
        [tracked("Product Added", SOCKS)],
        ["add_to_cart"],
        silver=dict(product_id="socks", category="socks", quantity=1),
        features=dict(add_to_cart_count_30d=1, category_count_90d=1),
    ),
    "Cart Viewed, Checkout Started, your own names": Row(
        [
            tracked(name, {"products": [SHOES], "value": 100})
            for name in ("Cart Viewed", "Checkout Started", "Quiz Finished")
        ],
        ["track", "track", "track"],
        silver=dict(order_lines=None, amount_cents=None),
        features=dict(event_count_30d=3, category_count_90d=0, order_count=0),
    ),
    "Order Completed": Row(
        [bought()],
        ["purchase"],
        silver=dict(amount_cents=11000, currency="EUR", order_lines=BOTH_LINES),
        orders=[("completed", "EUR", 11000, 0, 11000, 0)],
        lines=BOTH_LINES,
        revenue={"EUR": 11000},
        features=dict(order_count=1, spend_cents=11000, category_count_90d=2),
    ),
    "Order Completed without a total": Row(
        [bought(total=None, discount=5, tax=20, shipping=7)],
        ["purchase"],
        orders=[("completed", "EUR", 9999, 0, 9999, 0)],
        lines=BOTH_LINES,
        revenue={"EUR": 9999},
        features=dict(spend_cents=9999),
    ),
    "the same message again": Row(
        [bought() | {"messageId": "again"}] * 2,
        ["purchase", "purchase"],
        orders=[("completed", "EUR", 11000, 0, 11000, 0)],
        lines=BOTH_LINES,
        revenue={"EUR": 11000},
        features=dict(event_count_30d=1, order_count=1, spend_cents=11000),
    ),
    "the same order again": Row(
        [bought(), bought()],
        ["purchase", "purchase"],
        orders=[("completed", "EUR", 11000, 0, 11000, 1)],
        lines=BOTH_LINES,
        revenue={"EUR": 11000},
        features=dict(event_count_30d=2, order_count=1, spend_cents=11000),
    ),
    "Order Updated": Row(
        [bought(), from_server("Order Updated", total=50, products=[SHOES | {"quantity": 1}])],
        ["purchase", "order_update"],
        orders=[("completed", "EUR", 5000, 0, 5000, 0)],
        lines=[("shoes", "shoes", 1, 5000)],
        revenue={"EUR": 5000},
        features=dict(order_count=1, spend_cents=5000, category_count_90d=1),
    ),
    "Order Cancelled": Row(
        [bought(), from_server("Order Cancelled", total=110)],
        ["purchase", "order_cancel"],
        orders=[("cancelled", "EUR", 11000, 0, 0, 0)],
        revenue={},
        features=dict(order_count=0, spend_cents=0, return_count_90d=0),
    ),
    "Order Refunded with only the order id": Row(
        [bought(), from_server("Order Refunded")],
        ["purchase", "return"],
        silver=dict(amount_cents=None, identifiers=[]),
        orders=[("refunded", "EUR", 11000, 11000, 0, 0)],
        lines=BOTH_LINES,
        revenue={"EUR": 0},
        features=dict(order_count=1, spend_cents=0, return_count_90d=1),
    ),
    "Order Refunded with a total": Row(
        [bought(), from_server("Order Refunded", total=-30)],
        ["purchase", "return"],
        orders=[("partly_refunded", "EUR", 11000, 3000, 8000, 0)],
        lines=BOTH_LINES,
        revenue={"EUR": 8000},
        features=dict(order_count=1, spend_cents=8000, return_count_90d=1),
    ),
    "Order Refunded with products": Row(
        [bought(), from_server("Order Refunded", products=[{"product_id": "socks"}])],
        ["purchase", "return"],
        orders=[("partly_refunded", "EUR", 11000, 499, 10501, 0)],
        lines=BOTH_LINES,
        revenue={"EUR": 10501},
        features=dict(spend_cents=10501),
    ),
    "an order in yen": Row(
        [tracked("Order Completed", {"order_id": "o", "total": 3000, "currency": "JPY"})],
        ["purchase"],
        silver=dict(amount_cents=3000, currency="JPY"),
        orders=[("completed", "JPY", 3000, 0, 3000, 0)],
        revenue={"JPY": 3000},
        features=dict(order_count=1, spend_cents=0),
    ),
    "orders in two currencies": Row(
        [bought(), bought(order_id="o2", currency="USD", total=20, products=None)],
        ["purchase", "purchase"],
        orders=[
            ("completed", "EUR", 11000, 0, 11000, 0),
            ("completed", "USD", 2000, 0, 2000, 0),
        ],
        lines=BOTH_LINES,
        revenue={"EUR": 11000, "USD": 2000},
        features=dict(order_count=2, spend_cents=11000),
    ),
    "alias": Row(
        [dict(type="alias", userId="u", previousId="c")],
        ["alias"],
        silver=dict(
            identifiers=[("cookie_id", "c"), ("user_id", "c"), ("user_id", "u")],
            previous_account="c",
        ),
        features=dict(event_count_30d=1),
    ),
    "group": Row(
        [dict(type="group", userId="u", groupId="acme", traits={"email": "office@acme.example"})],
        ["group"],
        silver=dict(identifiers=[("user_id", "u")]),
        features=dict(event_count_30d=1),
    ),
    "Email Opened": Row(
        [tracked("Email Opened", {"campaign_id": "spring"})],
        ["email_open"],
        features=dict(email_open_count_30d=1),
    ),
    "Signed In": Row(
        [tracked("Signed In", {}, anonymousId="c")],
        ["login"],
        silver=dict(identifiers=[("cookie_id", "c"), ("user_id", "u")]),
        features=dict(event_count_30d=1),
    ),
    "Segment Consent Preference Updated": Row(
        [
            tracked(
                "Segment Consent Preference Updated",
                {},
                context={"consent": {"categoryPreferences": {"Advertising": False}}},
            )
        ],
        ["track"],
        silver=dict(consent_purpose=None, consent_decision=None),
        features=dict(event_count_30d=1),
    ),
    "a total or a type that cannot be read": Row(
        [bought(total="12,50"), from_server("Order Refunded", total="all"), dict(type="reset")],
        ["rejected", "rejected", "rejected"],
    ),
}
ORDER_COLUMNS = (
    *("status", "currency", "amount_cents", "refunded_cents", "revenue_cents", "copy_count"),
)
LINE_COLUMNS = ("product_id", "category", "quantity", "price_cents")


def documented_rows() -> dict[str, str]:
    """The table: the name of each row, and its cell about bronze."""
    text = DOCUMENTED.read_text(encoding="utf-8").partition("## What you get from Segment")[2]
    table = text.partition("\n## ")[0]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines() if line[:1] == "|"]
    return {row[0].strip(): row[1] for row in cells[2:]}


def landed(name: str) -> list[dict[str, Any]]:
    """The bronze rows of the messages of one row. Each row has orders and ids of its own."""
    texts = []
    for number, one in enumerate(ROWS[name].sent):
        noon = dict(messageId=f"{name} {number}", timestamp="2026-01-05T10:00:00Z")
        texts.append(json.dumps(noon | one).replace('"o"', f'"o {name}"').encode())
    return landed_both_ways(texts, shape="segment")


@cache
def cleansed(name: str) -> list[dict[str, Any]]:
    """The rows of silver.events of one row of the table, with its person as profile_id."""
    described = DescribedProperties.of(SchemaRegistry.load(SCHEMAS))
    rows = [row for row in landed(name) if row["verdict"] == "accepted"]
    first = list({row["event_id"]: row for row in reversed(rows)}.values())[::-1]
    columns = ("event", "event_type", "schema_id")
    read = property_columns(*([row[c] for row in first] for c in columns), described=described)
    normaliser = Normaliser.of(Spelling())
    sent = pa.array([row["identifiers"] for row in first], pa.map_(pa.string(), pa.string()))
    read |= {column: values.to_pylist() for column, values in normaliser.columns(sent).items()}
    return [
        dict(
            event_id=row["event_id"],
            event_type=row["event_type"],
            occurred_at=row["occurred_at"],
            received_at=row["occurred_at"],
            is_before_earliest=False,
            **{column: values[number] for column, values in read.items()},
            profile_id=name if read["identifiers"][number] else None,
        )
        for number, row in enumerate(first)
    ]


@pytest.fixture(scope="module")
def computed(spark):
    """Orders, lines, revenue by currency and features of the person of each row of the table."""
    everything = [row for name in ROWS for row in cleansed(name)]
    named = [(row["event_id"], row.pop("profile_id")) for row in everything]
    people = spark.createDataFrame(named, "event_id string, profile_id string")
    events = silver.EVENTS.frame(spark, *everything)
    of_orders = order_events(events).join(people, "event_id").transform(with_order_group)
    order_rows = orders(of_orders, conversion=Conversion("EUR")).cache()
    with_people = events.join(people, "event_id")
    rows = {
        "orders": order_rows.orderBy("order_id").collect(),
        "lines": order_lines(order_rows).orderBy("order_id", "line_number").collect(),
        "revenue": order_totals(order_rows).collect(),
        "features": features_as_of(with_people, order_rows, as_ofs=[AS_OF]).collect(),
    }
    order_rows.unpersist()
    return rows


@pytest.mark.parametrize("name", documented_rows())
def test_a_message_becomes_what_the_documentation_says(name, computed):
    row = ROWS[name]

    def of_person(table: str) -> list[dict[str, Any]]:
        return [one.asDict(True) for one in computed[table] if one["profile_id"] == name]

    accepted = [
        one["event_type"] if one["verdict"] == "accepted" else "rejected" for one in landed(name)
    ]
    assert accepted == row.types
    assert set(re.findall("`([a-z_]+)`", documented_rows()[name])) == set(row.types)
    events = cleansed(name)
    assert {column: plain(events[-1][column]) for column in row.silver} == row.silver
    assert [tuple(one[c] for c in ORDER_COLUMNS) for one in of_person("orders")] == row.orders
    assert [tuple(one[c] for c in LINE_COLUMNS) for one in of_person("lines")] == row.lines
    revenue = of_person("revenue")
    assert (revenue[0]["revenue"] if revenue else {}) == row.revenue
    features = of_person("features")
    assert {c: features[0][c] for c in row.features} == row.features
    assert bool(features) == bool(row.features)


def test_every_message_that_is_tested_is_documented():
    assert list(documented_rows()) == list(ROWS)


def plain(value: Any) -> Any:
    """Structs as tuples."""
    return [tuple(v.values()) for v in value] if isinstance(value, list) else value
