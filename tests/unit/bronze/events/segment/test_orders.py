"""What messages say about orders."""

from typing import Any

import pytest

from kinfold.bronze.events.segment.event import segment_event
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import validate
from poison import rules
from project import SCHEMAS
from segment_samples import message, nested, tracked

REGISTRY = SchemaRegistry.load(SCHEMAS)
LATER = ("Order Updated", "Order Refunded", "Order Cancelled")


def line(sent: Any, *, event: str = "Order Completed", **order: Any) -> Any:
    """The described line of an order with one line."""
    (described,) = tracked(event, order_id="o", products=[sent], **order)["products"]
    return described


def reasons(event: str, **properties: Any) -> list[str]:
    """Why the schema refuses an order that names nobody; [] if it does not."""
    return rules(validate(REGISTRY, segment_event(message(event=event, properties=properties))))


def test_a_line_keeps_its_members_and_gets_those_that_are_described():
    sent = {"productId": 17, "category": "Shoes", "price": 1.5, "quantity": "2", "colour": "red"}
    assert line(sent) == sent | {"product_id": "17", "price_cents": 150, "quantity": 2}
    assert line({"sku": "s", "price": "0.30"}) == {
        **{"sku": "s", "price": "0.30"},
        **{"product_id": "s", "price_cents": 30},
    }
    assert line({"id": "p"}) == {"id": "p", "product_id": "p"}


def test_a_part_of_a_piece_is_one_piece_of_what_it_costs():
    sent = {"product_id": "flour", "price": 3, "quantity": 0.5}
    assert line(sent) == {"product_id": "flour", "price": 3, "quantity": 1, "price_cents": 150}


@pytest.mark.parametrize(
    ("sent", "described"),
    [
        ({"price": "POA"}, {"price": "POA", "price_cents": "POA"}),
        ({"price": True}, {"price": True, "price_cents": True}),
        ({"quantity": "two"}, {"quantity": "two"}),
        ({"quantity": 0.5}, {"quantity": 0.5}),
        ({"product_id": [1], "category": {}}, {"product_id": [1], "category": {}}),
        ("p", "p"),
        (None, None),
    ],
)
def test_values_of_a_line_that_cannot_be_read_are_left_for_silver_to_name(sent, described):
    assert line(sent) == described


def test_the_lines_of_a_sender_are_kept_if_a_member_was_replaced():
    sent = [{"product_id": 17, "price": 1}, {"product_id": "p"}]
    added = [{"product_id": "p", "price": 1}]
    for products, kept in ((sent, sent), (added, None)):
        native = segment_event(message(event="Order Completed", properties={"products": products}))[
            "properties"
        ]
        of_message = native["segment_message"].get("properties", {})
        assert of_message.get("products") == kept


def test_deep_lines_are_never_compared():
    deep = nested(20_000, {})
    assert line({"product_id": "p", "options": deep})["options"] is deep


@pytest.mark.parametrize("event", LATER)
def test_a_later_event_needs_only_the_id_of_its_order(event):
    assert tracked(event, orderId=17) == {"orderId": 17, "order_id": "17"}
    assert reasons(event, orderId=17) == []
    assert reasons(event) == ["/properties: 'order_id' is missing"]


@pytest.mark.parametrize("absent", [None, ""])
def test_a_later_event_without_a_currency_has_that_of_its_order(absent):
    for event in LATER:
        assert tracked(event, order_id="o", total=5, currency=absent) == {
            **{"order_id": "o", "total": 5, "currency": None},
            "amount_cents": 500,
        }
        assert reasons(event, order_id="o", total=5, currency=absent) == []


def test_a_change_has_an_amount_in_its_currency_and_lines():
    changed = tracked(
        "Order Updated", order_id="o", total=900, currency="jpy", products=[{"price": 450}]
    )
    assert changed == {
        **{"order_id": "o", "total": 900, "currency": "JPY", "amount_cents": 900},
        "products": [{"price": 450, "price_cents": 450}],
    }


def test_a_part_of_an_order_is_refunded_by_its_total_or_by_its_lines():
    refunded = [{"product_id": "p", "price": 19, "quantity": 2}]
    by_total = tracked("Order Refunded", order_id="o", total=30, products=refunded)
    by_lines = tracked("Order Refunded", order_id="o", products=refunded)
    assert (by_total["amount_cents"], by_lines["amount_cents"]) == (3000, 3800)
    without_price = tracked("Order Refunded", order_id="o", products=[{"product_id": "p"}])
    assert "amount_cents" not in without_price


def test_lines_that_are_given_back_are_positive_even_if_they_are_sent_negative():
    given_back = line({"price": -5, "quantity": -2}, event="Order Refunded")
    assert given_back == {"price": -5, "price_cents": 500, "quantity": 2}


@pytest.mark.parametrize(
    "sent",
    [
        *({"total": sent} for sent in ("all", "12,50", "", True, [5], 1e300)),
        *({"products": sent} for sent in ("p", {}, ["p"], [None])),
        {"currency": "euro"},
        {"currency": 978},
        {"price": "POA"},
        {"price": 5, "quantity": "two"},
    ],
)
def test_a_refund_that_cannot_be_read_is_refused_because_it_would_be_one_of_everything(sent):
    assert len(reasons("Order Refunded", order_id="o", **sent)) == 1


def test_a_cancellation_takes_effect_whatever_else_it_says():
    sent = {"total": "all", "currency": 978, "products": ["p", {"price": "POA"}]}
    assert reasons("Order Cancelled", order_id="o", **sent) == []
