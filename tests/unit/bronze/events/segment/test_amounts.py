"""Amounts of orders, in minor units."""

from typing import Any

import pytest

from segment_samples import tracked


def order(**properties: Any) -> dict[str, Any]:
    return tracked("Order Completed", **properties)


@pytest.mark.parametrize(
    ("total", "cents"),
    [
        (19.99, 1999),
        (0.285, 28),  # as a double it is a little less, and 100 times that a little more
        (0.275, 28),
        (1.005, 100),
        (1.015, 102),
        (-0.005, 0),
        (25, 2500),
        (0, 0),
        ("19.99", 1999),
        (" 25 ", 2500),
        (1234567890123.45, 123456789012345),
        ("0.0149999999999999999999999999999999999999", 1),
        (1e-300, 0),
        ("12,50", None),
        ("€ 5", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e999999999", None),
        ("1e-999999999", 0),
        (1e300, None),
        ("9" * 5_000, None),
        ("", None),
        (True, None),
        ([5], None),
    ],
)
def test_an_amount_is_in_cents_with_halves_rounded_to_the_even_cent(total, cents):
    amount_cents = order(total=total)["amount_cents"]
    # An amount that cannot be read stays as it was sent, for the reason of its rejection.
    assert amount_cents == (total if cents is None else cents)


@pytest.mark.parametrize(
    ("currency", "total", "amount"),
    [
        ("JPY", 3000, 3000),
        ("jpy", "3000.00", 3000),
        ("JPY", 2999.5, 3000),
        ("JPY", 3000.5, 3000),
        ("KRW", 15000, 15000),
        ("CLP", 9990, 9990),
        ("VND", 250000, 250000),
        ("ISK", 1990, 1990),
        ("KWD", 1.2345, 1234),
        ("KWD", 1.2355, 1236),
        ("BHD", 12.3, 12300),
        ("TND", "4.5", 4500),
        ("CLF", 1.5, 15000),
        ("UYW", 0.00005, 0),
        ("EUR", 19.99, 1999),
        ("XTS", 19.99, 1999),
        (None, 19.99, 1999),
        (978, 19.99, 1999),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(currency, total, amount):
    assert order(currency=currency, total=total)["amount_cents"] == amount


def test_a_price_has_the_decimals_of_its_currency():
    for event in ("Product Viewed", "Product Added"):
        sent = tracked(event, product_id="p", price=1200, currency="JPY")
        assert sent["price_cents"] == 1200
    yen = order(currency="JPY", products=[{"price": 1200, "quantity": 2}])
    assert (yen["amount_cents"], yen["products"][0]["price_cents"]) == (2400, 1200)


def test_an_amount_is_the_total_or_else_revenue_subtotal_value_or_the_sum_of_the_lines():
    lines = [{"price": 0.1, "quantity": 3}, {"price": "2.5"}]
    everything = {"total": 9, "revenue": 8, "subtotal": 7, "value": 6, "products": lines}
    amounts = []
    for name in ("total", "revenue", "subtotal", "value", "products"):
        amounts.append(order(**everything)["amount_cents"])
        everything[name] = None
    assert amounts == [900, 800, 700, 600, 280]
    assert order(price=1.5, quantity=2)["amount_cents"] == 300
    assert order(price=1.5, quantity=2, products="p")["amount_cents"] == 300
    assert "amount_cents" not in order(products=[])


def test_of_tax_shipping_and_discount_only_a_discount_changes_the_sum_of_the_lines():
    lines = [{"price": 10, "quantity": 2}, {"price": 5}]
    assert order(products=lines, tax=2, shipping=4, coupon="NEW")["amount_cents"] == 2500
    assert order(products=lines, tax=2, shipping=4, discount=2.5)["amount_cents"] == 2250
    assert order(products=lines, discount=-2.5)["amount_cents"] == 2250
    assert order(products=lines, discount="")["amount_cents"] == 2500
    assert order(products=lines, discount="ten")["amount_cents"] is None
    assert order(products=lines, discount=2.5, total=22.5, tax=9)["amount_cents"] == 2250


def test_an_amount_that_is_sent_in_cents_is_kept():
    assert order(amount_cents=5, total=9)["amount_cents"] == 5
    assert tracked("Product Viewed", price_cents=5, price=9)["price_cents"] == 5
    (line,) = order(products=[{"price_cents": 5, "price": 9}])["products"]
    assert line == {"price_cents": 5, "price": 9}


def test_an_order_with_a_line_without_a_price_has_an_unknown_amount():
    assert order(products=[{"price": 1}, {"quantity": 2}])["amount_cents"] is None
    assert order(products=[{"price": 1}, "p"])["amount_cents"] is None
    assert order(products=[{"price": 1, "quantity": "two"}])["amount_cents"] is None


def test_a_refund_is_positive_even_if_it_is_sent_negative():
    refund = tracked("Order Refunded", order_id="o", total=-5.5)
    assert refund == {"order_id": "o", "total": -5.5, "amount_cents": 550}
    of_product = tracked("Order Refunded", product_id="p", price=-5, quantity=-2)
    assert (of_product["amount_cents"], of_product["quantity"]) == (1000, 2)


def test_a_refund_has_its_amount_under_names_that_an_order_does_not_have():
    for name in ("refund_amount", "refundAmount", "amount"):
        assert tracked("Order Refunded", total=110, **{name: 20})["amount_cents"] == 2000
        assert order(total=110, **{name: 20})["amount_cents"] == 11000
