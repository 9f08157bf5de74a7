"""silver.orders and silver.order_lines."""

from datetime import date
from decimal import Decimal

from frames import at
from kinfold.silver.orders.events import order_events, with_order_group
from kinfold.silver.orders.orders import order_lines, orders
from kinfold.silver.orders.rates import Conversion, Rate
from kinfold.tables import silver
from kinfold.tables.collected import collected


def test_orders_have_a_buyer_a_state_their_events_and_an_amount_in_the_reporting_currency(spark):
    def event(event_id, event_type, person, order_id, cents=None, currency="USD", **more):
        return dict(
            event_id=event_id,
            event_type=event_type,
            order_id=order_id,
            amount_cents=cents,
            currency=currency if cents else None,
            occurred_at=at("09:00"),
            received_at=at("09:00"),
            is_before_earliest=False,
            identifiers=[dict(namespace="email", value=person)] if person else [],
            **more,
        )

    two_lines = [
        dict(product_id="mug", category="kitchen", quantity=2, price_cents=400),
        dict(product_id="cup", category=None, quantity=None, price_cents=200),
    ]
    events = silver.EVENTS.frame(
        spark,
        event("e1", "purchase", "ann", "o1", 1000, order_lines=two_lines),
        event("e2", "return", None, "o1", 100),
        event("e3", "purchase", "ann", "twice", 500),
        event("e4", "purchase", "ben", "twice", 700, currency="SEK"),
        event("e5", "order_cancel", None, "twice"),
        event("e6", "purchase", "ben", None, 300, currency="EUR", product_id="hat"),
        event("e7", "purchase", "ben", "gone", 300, product_id="cap"),
        event("e8", "order_cancel", "ben", "gone"),
        event("e9", "return", None, "not bought", 50),
    )
    people = {"ann": "p-ann", "ben": "p-ben"}
    named = (
        order_events(events)
        .withColumnRenamed("identifiers", "who")
        .selectExpr("*", "array() as identifiers", "'p-' || get(who, 0).value as profile_id")
    )
    conversion = Conversion("EUR", [Rate(date(2026, 1, 1), "USD", Decimal("0.9"))])
    rows = orders(named.transform(with_order_group), conversion=conversion)
    found = {
        tuple(event["event_id"] for event in row["events"]): row
        for row in collected(silver.ORDERS.conform(rows))
    }
    columns = ("order_id", "profile_id", "status", "revenue_cents", "reporting_cents")
    ann, ben = people.values()
    assert {ids: tuple(row[name] for name in columns) for ids, row in found.items()} == {
        ("e1", "e2"): ("o1", ann, "partly_refunded", 900, 810),
        ("e3",): ("twice", ann, "completed", 500, 450),
        ("e4",): ("twice", ben, "completed", 700, None),
        ("e5",): ("twice", None, "contested", 0, None),
        ("e6",): (None, ben, "completed", 300, 300),
        ("e7", "e8"): ("gone", ben, "cancelled", 0, 0),
        ("e9",): ("not bought", None, "unknown", -50, -45),
    }
    assert len({row["order_key"] for row in found.values()}) == len(found)
    names = ("order_id", "line_number", "product_id", "category", "quantity", "amount_cents")
    lines = collected(silver.ORDER_LINES.conform(order_lines(rows)))
    assert sorted(tuple(row[name] or "" for name in names) for row in lines) == [
        ("", 1, "hat", "", "", 300),
        ("o1", 1, "mug", "kitchen", 2, 800),
        ("o1", 2, "cup", "", "", 200),
    ]
