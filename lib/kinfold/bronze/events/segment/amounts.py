"""Amounts of money in messages, in minor units of their currency."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from kinfold.bronze.events.segment.values import Members, decimal_of, object_or_empty
from kinfold.core.currencies import minor_digits

NO_AMOUNT = object()
"""Returned for an order that has neither an amount nor lines."""

# What the customer paid comes first: `total` includes tax and shipping, `revenue` and `subtotal`
# do not.
_AMOUNT_MEMBERS = ("total", "revenue", "subtotal", "value")
REFUND_MEMBERS = ("refund_amount", "refundAmount", "amount", *_AMOUNT_MEMBERS)
"""Where a refund has its amount. The first three are not in the spec, but if they were not read,
the refund would be one of everything."""
_UNITS = [Decimal(1).scaleb(-digits) for digits in range(5)]
"""The minor unit by its number of decimals."""


def order_amount(order: Members, *, names: Sequence[str] = _AMOUNT_MEMBERS) -> Any:
    """What a message says that an order is worth, in units of its currency, as sent: the first of
    `names` that is known.

    Without an amount of its own, an order of one product is worth its price times quantity.

    Returns:
        A value, which may not be readable; of price and quantity the one that is not. `NO_AMOUNT`
        if the message does not say it.
    """
    for name in names:
        if (amount := order.get(name)) is not None:
            return amount
    price = order.get("price")
    if _lines(order) or price is None:
        return NO_AMOUNT
    worth = line_amount(order)
    if worth is not None:
        return worth
    return price if decimal_of(price) is None else order.get("quantity")


def lines_amount(order: Members) -> Any:
    """The sum of the lines of an order, less its `discount`, in units of its currency.

    Returns:
        A Decimal; None if a line has no readable price or quantity; `NO_AMOUNT` without lines.
    """
    lines = _lines(order)
    if not lines:
        return NO_AMOUNT
    discount = order.get("discount")
    total = Decimal(0) if discount is None or discount == "" else decimal_of(discount)
    if total is None:
        return None
    total = -abs(total)  # some shops send a negative discount
    for line in lines:
        amount = line_amount(object_or_empty(line))
        if amount is None:
            return None
        total += amount
    return total


def line_amount(line: Members) -> Decimal | None:
    """Price times quantity of a line (1 if it has none); None if one of them cannot be read."""
    price, quantity = decimal_of(line.get("price")), line.get("quantity")
    count = Decimal(1) if quantity is None else decimal_of(quantity)
    return None if price is None or count is None else price * count


def minor_units(amount: object, currency: str | None) -> int | None:
    """An amount in minor units of its currency, halves to the even unit; None if it is not one.

    Args:
        amount: in units of the currency: a number, or its text.
        currency: ISO 4217 code; null and unknown codes have cents.
    """
    number = decimal_of(amount)
    if number is None:
        return None
    digits = minor_digits(currency)
    # quantize rounds once; multiplying first would already round to 28 digits.
    return int(number.quantize(_UNITS[digits], ROUND_HALF_EVEN).scaleb(digits))


def _lines(order: Members) -> list[Any]:
    lines = order.get("products")
    return lines if isinstance(lines, list) else []
