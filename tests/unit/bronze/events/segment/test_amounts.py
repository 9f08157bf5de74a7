"""Amounts of orders, in cents."""

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
    assert order(total=total)["amount_cents"] == cents


def test_an_amount_is_the_total_or_else_revenue_value_or_the_sum_of_the_lines():
    lines = [{"price": 0.1, "quantity": 3}, {"price": "2.5"}]
    everything = {"total": 9, "revenue": 8, "value": 7, "products": lines}
    amounts = []
    for name in ("total", "revenue", "value", "products"):
        amounts.append(order(**everything)["amount_cents"])
        everything[name] = None
    assert amounts == [900, 800, 700, 280]
    assert order(price=1.5, quantity=2)["amount_cents"] == 300
    assert "amount_cents" not in order(products=[])


def test_an_amount_that_is_sent_in_cents_is_kept():
    assert order(amount_cents=5, total=9)["amount_cents"] == 5
    assert tracked("Product Viewed", price_cents=5, price=9)["price_cents"] == 5


def test_an_order_with_a_line_without_a_price_has_an_unknown_amount():
    assert order(products=[{"price": 1}, {"quantity": 2}])["amount_cents"] is None
    assert order(products=[{"price": 1}, "p"])["amount_cents"] is None
    assert order(products=[{"price": 1, "quantity": "two"}])["amount_cents"] is None


def test_a_refund_is_positive_even_if_it_is_sent_negative():
    refund = tracked("Order Refunded", order_id="o", total=-5.5)
    assert refund == {"order_id": "o", "total": -5.5, "amount_cents": 550, "currency": "USD"}
