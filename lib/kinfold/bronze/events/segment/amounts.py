"""Amounts of money in messages, in cents."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from kinfold.bronze.events.segment.values import Members, decimal_of, object_or_empty

NO_AMOUNT = object()
"""Returned for an order that has neither an amount nor lines with prices."""

# What the customer paid comes first: `total` includes tax and shipping, `revenue` does not.
_AMOUNT_MEMBERS = ("total", "revenue", "value")
_CENT = Decimal("0.01")


def order_amount(order: Members) -> Any:
    """What an order is worth, in units of its currency; the sum of its lines if it has no amount.

    Returns:
        The amount as sent, or the sum as a Decimal; None if a line has no readable price or
        quantity; `NO_AMOUNT` if there is nothing to compute it from.
    """
    for name in _AMOUNT_MEMBERS:
        if (amount := order.get(name)) is not None:
            return amount
    lines = order.get("products")
    if not isinstance(lines, list) or not lines:
        return _line_amount(order) if order.get("price") is not None else NO_AMOUNT
    total: Decimal = Decimal(0)
    for line in lines:
        amount = _line_amount(object_or_empty(line))
        if amount is None:
            return None
        total += amount
    return total


def cents(amount: object) -> int | None:
    """Units of a currency in cents, halves to the even cent; None if it is not an amount."""
    number = decimal_of(amount)
    if number is None:
        return None
    # quantize rounds once; multiplying first would already round to 28 digits.
    return int(number.quantize(_CENT, ROUND_HALF_EVEN).scaleb(2))


def _line_amount(line: Members) -> Decimal | None:
    price, quantity = decimal_of(line.get("price")), line.get("quantity")
    count = Decimal(1) if quantity is None else decimal_of(quantity)
    return None if price is None or count is None else price * count
