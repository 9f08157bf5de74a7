"""The properties that schemas describe, and what happens to those they replace."""

import json
from typing import Any

import pytest

from kinfold.bronze.events.segment.event import segment_event
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.schemas.validation import validate
from project import SCHEMAS
from segment_samples import message, nested, tracked

REGISTRY = SchemaRegistry.load(SCHEMAS)


def order(**properties: Any) -> dict[str, Any]:
    return tracked("Order Completed", **properties)


@pytest.mark.parametrize(
    ("sent", "currency"),
    [(None, "USD"), ("", "USD"), ("eur", "EUR"), (" GBP ", "GBP"), (978, None)],
)
def test_a_currency_is_in_capitals_and_usd_if_it_is_missing(sent, currency):
    assert order(currency=sent)["currency"] == currency


def test_the_quantity_added_to_a_cart_is_one_if_it_is_missing():
    added = tracked("Product Added", product_id="p", category="c", price="1.50")
    assert (added["quantity"], added["price_cents"]) == (1, 150)
    assert tracked("Product Added", quantity="3")["quantity"] == 3
    assert tracked("Product Added", quantity=3.0)["quantity"] == 3
    assert tracked("Product Added", quantity=0.5)["quantity"] is None


@pytest.mark.parametrize("name", ["product_id", "productId", "sku", "id"])
def test_a_product_id_is_any_of_its_four_spellings(name):
    assert tracked("Product Viewed", **{name: 17})["product_id"] == "17"


def test_the_id_of_an_order_is_not_a_product_id():
    assert "product_id" not in order(id="o")


def test_an_unreadable_price_does_not_reject_the_event():
    event = segment_event(
        message(
            event="Product Viewed",
            properties={"product_id": "p", "category": "c", "price": "POA"},
        )
    )
    assert event["properties"]["price_cents"] is None
    assert validate(REGISTRY, event) == []


@pytest.mark.parametrize("name", ["campaign_id", "campaignId", "campaign_name"])
def test_a_campaign_id_is_any_of_its_three_spellings(name):
    assert tracked("Email Opened", **{name: "c"})["campaign_id"] == "c"


def test_url_and_referrer_of_a_page_come_from_its_properties_or_else_its_context():
    context = {"page": {"url": "https://a/", "referrer": "https://b/"}}
    bare = segment_event(message(type="page", context=context))["properties"]
    own = segment_event(message(type="page", context=context, properties={"url": "https://c/"}))
    assert (bare["url"], bare["referrer"]) == ("https://a/", "https://b/")
    assert own["properties"]["url"] == "https://c/"


def test_a_screen_may_have_no_name():
    event = segment_event(message(type="screen"))
    assert validate(REGISTRY, event) == []
    named = segment_event(message(type="screen", properties={"name": "Basket"}))
    assert named["properties"]["screen_name"] == "Basket"


def test_an_overwritten_property_of_the_sender_is_kept_in_segment_message():
    properties = segment_event(
        message(
            event="Order Completed",
            properties={"order_id": 17, "currency": "eur", "segment_message": "mine", "total": 1},
        )
    )["properties"]
    assert properties["order_id"] == "17"
    assert properties["segment_message"]["properties"] == {
        "order_id": 17,
        "currency": "eur",
        "segment_message": "mine",
    }


def test_a_number_that_is_only_written_differently_is_kept_as_it_was_written():
    properties = segment_event(message(event="Product Added", properties={"quantity": 2.0}))
    kept = properties["properties"]["segment_message"]["properties"]["quantity"]
    assert json.dumps([properties["properties"]["quantity"], kept]) == "[2, 2.0]"


def test_traits_that_are_not_an_object_are_kept_in_segment_message():
    context = {"traits": {"city": 5}}
    properties = segment_event(message(type="identify", traits="text", context=context))
    assert properties["properties"] == {
        "city": "5",
        "segment_message": {"event": "Wishlist Shared", "traits": "text", "context": context},
    }


def test_without_remaining_members_there_is_no_segment_message():
    assert segment_event(message())["properties"] == {"event_name": "Wishlist Shared"}


@pytest.mark.parametrize(
    ("kind", "member", "body", "name"),
    [
        ("track", "event", "properties", "event_name"),
        ("group", "groupId", "traits", "group_id"),
        ("alias", "previousId", "properties", "previous_id"),
    ],
)
def test_a_deep_value_is_never_compared_with_the_property_of_its_name(kind, member, body, name):
    deep, other = nested(20_000, {}), nested(20_000, {})
    event = segment_event(message(type=kind, **{member: deep, body: {name: other}}))
    assert event["properties"][name] is None


@pytest.mark.parametrize("body", [None, "text", ["list"], 5])
def test_properties_that_are_not_an_object_are_kept_in_segment_message(body):
    event = segment_event(message(properties=body))
    assert event["properties"]["segment_message"]["properties"] == body
    assert validate(REGISTRY, event) == []


def test_an_order_with_a_product_of_its_own_keeps_it_beside_its_lines():
    properties = order(order_id="o", product_id=17, category=3, products=[{"price": 1}])
    assert (properties["product_id"], properties["category"]) == ("17", "3")
    assert properties["products"] == [{"price": 1, "price_cents": 100}]
