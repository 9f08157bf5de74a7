"""What messages say about orders: the described properties of purchases, returns, updates and
cancellations, with their lines.
"""

from typing import Any

from kinfold.bronze.events.segment.amounts import (
    NO_AMOUNT,
    REFUND_MEMBERS,
    line_amount,
    lines_amount,
    minor_units,
    order_amount,
)
from kinfold.bronze.events.segment.values import (
    Members,
    decimal_of,
    is_known,
    texts_of,
    whole_number_of,
)

DEFAULT_CURRENCY = "USD"
"""Segment's default for an amount without a currency."""

_ORDER = {
    "product_id": ("product_id", "productId", "sku"),  # an order's `id` is not a product's
    "category": ("category",),
    "order_id": ("order_id", "orderId"),
}
_LINE = {"product_id": ("product_id", "productId", "sku", "id"), "category": ("category",)}
_NUMBERS = ("amount_cents", "price_cents", "quantity")


def purchase(body: Members, remaining: Members, context: Members) -> Members:
    """Described properties of a placed order. Its schema requires an amount and a currency."""
    currency = currency_of(body, default=DEFAULT_CURRENCY)
    amount = order_amount(body)
    if amount is NO_AMOUNT:
        amount = lines_amount(body)
    return _order(body, currency) | {"currency": currency} | _amount(body, amount, currency)


def order_update(body: Members, remaining: Members, context: Members) -> Members:
    """Described properties of a changed order: only what the message has."""
    return _later_change(body, order_amount(body))


def order_return(body: Members, remaining: Members, context: Members) -> Members:
    """Described properties of a refund. Some shops send negative amounts and quantities."""
    described = _later_change(body, order_amount(body, names=REFUND_MEMBERS))
    if isinstance(lines := described.get("products"), list):
        described["products"] = [
            _positive(line) if isinstance(line, dict) else line for line in lines
        ]
    return described | _positive({n: described[n] for n in _NUMBERS if n in described})


def order_cancel(body: Members, remaining: Members, context: Members) -> Members:
    """Described properties of a cancelled order: whatever they are, the order is cancelled."""
    return _later_change(body, order_amount(body))


def currency_of(body: Members, *, default: str | None = None) -> str | None:
    """The currency of a message in capitals; `default` if it has none, None if it has no text."""
    currency = body.get("currency")
    if not is_known(currency):
        return default
    return currency.strip().upper() if isinstance(currency, str) else None


def _later_change(body: Members, amount: Any) -> Members:
    """What a message about an order that was placed before has: no member is required of it.

    A currency that cannot be read stays as it was sent, so that the schema refuses it.
    """
    currency = currency_of(body)
    if amount is NO_AMOUNT and (of_lines := lines_amount(body)) is not None:
        amount = of_lines  # lines without prices have those of the order
    described = _order(body, currency) | _amount(body, amount, currency)
    if currency is not None or body.get("currency") == "":
        described["currency"] = currency
    return described


def _amount(body: Members, amount: Any, currency: str | None) -> Members:
    """`amount_cents`. An amount that cannot be read stays as it was sent, so that the schema
    refuses it: null would mean that the message has none, and a refund be one of everything."""
    if "amount_cents" in body or amount is NO_AMOUNT:
        return {}
    cents = minor_units(amount, currency)
    return {"amount_cents": amount if cents is None else cents}


def _order(body: Members, currency: str | None) -> Members:
    described = texts_of(body, _ORDER)
    if body.get("quantity") is not None:
        described["quantity"] = whole_number_of(body["quantity"])
    if isinstance(lines := body.get("products"), list):
        described["products"] = [_line(line, currency) for line in lines]
    return described


def _line(line: Any, currency: str | None) -> Any:
    """A line of an order with its members as they are described. Others stay, also values that
    cannot be read: silver makes them null, and names them."""
    if not isinstance(line, dict):
        return line
    described = {name: text for name, text in texts_of(line, _LINE).items() if text is not None}
    price, quantity = line.get("price"), line.get("quantity")
    has_price = "price_cents" not in line and price is not None
    if has_price:
        cents = minor_units(price, currency)
        described["price_cents"] = price if cents is None else cents
    count = decimal_of(quantity)
    if count is not None and (whole := whole_number_of(count)) is not None:
        described["quantity"] = whole
    elif has_price and (worth := line_amount(line)) is not None and quantity is not None:
        # Half a kilogram: one piece of what it costs.
        described |= {"quantity": 1, "price_cents": minor_units(worth, currency)}
    return line | described


def _positive(members: Members) -> Members:
    """The members with their numbers of pieces and money as positive ones."""
    numbers = {name: members.get(name) for name in _NUMBERS}
    return members | {name: abs(one) for name, one in numbers.items() if type(one) is int}
