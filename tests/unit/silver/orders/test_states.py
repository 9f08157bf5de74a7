"""The state of an order by all its events."""

import random

import pytest
from pyspark.sql import types as T

from frames import at
from kinfold.silver.orders.events import ORDER_EVENT_TYPES
from kinfold.silver.orders.states import OrderStatus, order_states
from kinfold.tables import silver
from kinfold.tables.collected import collected


def line(product, quantity=None, price=None, amount=None, category=None):
    if amount is None and price is not None:
        amount = price * (quantity or 1)
    return (product, category, quantity, price, amount)


def said(event_type, time, cents=None, *lines, currency="EUR", **more):
    """What an event says about its order, as `order_statements` returns it."""
    worths = [one[4] for one in lines]
    if cents is None and lines and None not in worths:
        cents = sum(worths)
    return (
        dict(
            event_type=event_type,
            occurred_at=at(time),
            amount_cents=cents,
            currency=currency,
            lines=list(lines) or None,
            is_line=False,
            rate=1.0,
            is_before_earliest=False,
        )
        | more
    )


def bought(time, cents, *lines, **more):
    return said("purchase", time, cents, *lines, **more)


def bought_line(time, product, cents, **more):
    return said("purchase", time, cents, line(product, amount=cents), is_line=True, **more)


def updated(time, cents=None, *lines, **more):
    return said("order_update", time, cents, *lines, **more)


def refunded(time, cents=None, *lines, **more):
    return said("return", time, cents, *lines, **{"currency": None, **more})


def cancelled(time):
    return said("order_cancel", time, currency=None)


MUG, CUP = line("mug", 2, 300), line("cup", 1, 400)

CASES = {
    "one purchase is a completed order": (
        [bought("09:00", 1000)],
        dict(status="completed", amount_cents=1000, revenue_cents=1000, ordered_at=at("09:00")),
    ),
    "a thank-you page loaded three times is one order": (
        [bought("09:00", 1000, MUG), bought("09:05", 1000, MUG), bought("21:00", 1000, MUG)],
        dict(status="completed", revenue_cents=1000, copy_count=2, ordered_at=at("09:00")),
    ),
    "another amount of the same order replaces the earlier one": (
        [bought("09:00", 1000), bought("10:00", 800)],
        dict(revenue_cents=800, copy_count=1, ordered_at=at("09:00")),
    ),
    "an update replaces amount and lines": (
        [bought("09:00", 1000, MUG, CUP), updated("10:00", 600, MUG)],
        dict(amount_cents=600, revenue_cents=600, products=["mug"], copy_count=0),
    ),
    "an update without an amount is worth its lines": (
        [bought("09:00", 1000, MUG, CUP), updated("10:00", None, CUP)],
        dict(amount_cents=400, products=["cup"]),
    ),
    "an update that says neither amount nor lines changes nothing": (
        [bought("09:00", 1000, MUG, CUP), updated("10:00", currency=None)],
        dict(amount_cents=1000, products=["mug", "cup"], currency="EUR"),
    ),
    "lines without prices change what was bought, not the amount": (
        [bought("09:00", 1000, MUG), updated("10:00", None, line("pot"))],
        dict(amount_cents=1000, products=["pot"]),
    ),
    "a thank-you page loaded after an update does not undo it": (
        [bought("09:00", 1000, MUG), updated("10:00", 600), bought("11:00", 1000, MUG)],
        dict(revenue_cents=600, copy_count=1),
    ),
    "an update may repeat an earlier one": (
        [bought("09:00", 9), updated("10:00", 6), updated("11:00", 7), updated("12:00", 6)],
        dict(revenue_cents=6, copy_count=0),
    ),
    "an update that happened before the purchase is older": (
        [updated("08:00", 600), bought("09:00", 1000)],
        dict(revenue_cents=1000, ordered_at=at("09:00")),
    ),
    "a cancelled order is worth nothing whatever happens later": (
        [bought("09:00", 1000), cancelled("10:00"), updated("11:00", 900), refunded("12:00", 50)],
        dict(status="cancelled", revenue_cents=0),
    ),
    "refunds add up": (
        [bought("09:00", 1000), refunded("10:00", 100), refunded("11:00", 100)],
        dict(status="partly_refunded", refunded_cents=200, revenue_cents=800),
    ),
    "a refund that was sent twice at one moment counts once": (
        [bought("09:00", 1000), refunded("10:00", 100), refunded("10:00", 100)],
        dict(refunded_cents=100, revenue_cents=900),
    ),
    "no more than the amount is refunded": (
        [bought("09:00", 1000), refunded("10:00", 700), refunded("11:00", 700)],
        dict(status="refunded", refunded_cents=1000, revenue_cents=0),
    ),
    "a refund without an amount is of everything that is left": (
        [bought("09:00", 1000), refunded("10:00", 100), refunded("11:00")],
        dict(status="refunded", refunded_cents=1000, revenue_cents=0),
    ),
    "a refund of everything after an update is of the updated amount": (
        [bought("09:00", 1000), updated("10:00", 600), refunded("11:00")],
        dict(status="refunded", refunded_cents=600, revenue_cents=0),
    ),
    "a refund of lines without prices takes those of the order": (
        [bought("09:00", 1000, MUG, CUP), refunded("10:00", None, line("mug", 1))],
        dict(status="partly_refunded", refunded_cents=300, revenue_cents=700),
    ),
    "a refund of all pieces of a line is of what the line is worth": (
        [bought_line("09:00", "mug", 1000), refunded("10:00", None, line("mug"))],
        dict(status="refunded", refunded_cents=1000),
    ),
    "a refund of a product that was not bought is of nothing": (
        [bought("09:00", 1000, MUG), refunded("10:00", None, line("hat"))],
        dict(status="partly_refunded", refunded_cents=0, revenue_cents=1000),
    ),
    "a refund with prices is worth its lines": (
        [bought("09:00", 1000, MUG, CUP), refunded("10:00", None, line("mug", 2, 250), CUP)],
        dict(refunded_cents=900, revenue_cents=100),
    ),
    "a refund in another currency is left out and counted": (
        [bought("09:00", 1000), refunded("10:00", 100, currency="USD")],
        dict(refunded_cents=0, revenue_cents=1000, foreign_refund_count=1),
    ),
    "a refund of an order that nobody bought counts against its person": (
        [refunded("10:00", 100, currency="USD"), refunded("11:00", 50, currency="USD")],
        dict(
            status="unknown",
            amount_cents=None,
            refunded_cents=150,
            revenue_cents=-150,
            currency="USD",
            ordered_at=None,
        ),
    ),
    "a refund without an amount of an unknown order is worth nothing": (
        [refunded("10:00")],
        dict(status="unknown", revenue_cents=0, currency=None),
    ),
    "an order of which only updates and cancellations are known is not bought": (
        [updated("09:00", 1000), cancelled("10:00")],
        dict(status="unknown", revenue_cents=0),
    ),
    "lines that were sent one by one add up": (
        [bought_line("09:00", "mug", 600), bought_line("09:01", "cup", 400)],
        dict(revenue_cents=1000, products=["mug", "cup"], copy_count=0),
    ),
    "a line that was sent twice counts once": (
        [
            *(bought_line("09:00", "mug", 6), bought_line("09:01", "cup", 4)),
            *(bought_line("10:00", "mug", 6), bought_line("10:01", "cup", 4)),
        ],
        dict(revenue_cents=10, products=["mug", "cup"], copy_count=2),
    ),
    "different lines of one product add up": (
        [bought_line("09:00", "mug", 600), bought_line("09:01", "mug", 300)],
        dict(revenue_cents=900, products=["mug", "mug"], copy_count=0),
    ),
    "the whole order counts instead of lines that were sent one by one": (
        [
            bought_line("09:00", "mug", 600),
            bought("09:00", 950, CUP),
            bought_line("09:01", "cup", 400),
        ],
        dict(revenue_cents=950, products=["cup"]),
    ),
    "a cancelled order with a full refund is worth nothing, not less": (
        [bought("09:00", 1000), cancelled("10:00"), refunded("10:01")],
        dict(status="cancelled", revenue_cents=0),
    ),
    "a purchase of a made-up date is not the first one": (
        [bought("1970-01-01", 10, is_before_earliest=True), bought("09:00", 10)],
        dict(ordered_at=at("09:00"), copy_count=1, is_before_earliest=False),
    ),
    "absurd amounts stop at the largest number": (
        [
            bought("09:00", 2**62, line("a", 2**62, 8, amount=2**62)),
            refunded("10:00", None, line("a", 2**61)),
        ],
        dict(refunded_cents=2**62, revenue_cents=0),
    ),
    "an update in another currency takes its own rate": (
        [bought("09:00", 10, rate=2.0), updated("10:00", 8, currency="USD", rate=3.0)],
        dict(currency="USD", amount_cents=8, rate=3.0),
    ),
    "an order is converted by the rate of its first day": (
        [bought("09:00", 10, rate=2.0), updated("2026-03-09", 8, rate=3.0)],
        dict(amount_cents=8, rate=2.0),
    ),
}


def frame_of(spark, orders):
    """The statements of orders by name; the events of an order are numbered, so ids are ordered."""
    names = silver.ORDER_EVENT.fieldNames()
    rows = [
        (name, *(dict(event_id=f"e{i:03}", **event).get(column) for column in names))
        for name, events in orders.items()
        for i, event in enumerate(events)
    ]
    schema = T.StructType([T.StructField("name", T.StringType()), *silver.ORDER_EVENT.fields])
    random.Random(1).shuffle(rows)  # events arrive in any order
    return spark.createDataFrame(rows, schema)


def states_of(spark, orders):
    rows = [row.asDict() for row in collected(order_states(frame_of(spark, orders), by=["name"]))]
    products = {row["name"]: [one["product_id"] for one in row["lines"] or []] for row in rows}
    return {row["name"]: row | dict(products=products[row["name"]]) for row in rows}


@pytest.fixture(scope="module")
def states(spark):
    return states_of(spark, {name: events for name, (events, _) in CASES.items()})


@pytest.mark.parametrize("name", CASES)
def test_state(states, name):
    _, expected = CASES[name]
    assert {key: states[name][key] for key in expected} == expected


def test_statuses_are_those_of_the_table():
    assert {status.value for status in OrderStatus} == set(silver.ORDER_STATUSES)


# ---------------------------------------------------------------------------------------- laws


def random_orders(seed, count):
    draw = random.Random(seed)
    return {f"o{n}": [random_event(draw) for _ in range(draw.randint(1, 6))] for n in range(count)}


def random_event(draw):
    event_type = draw.choice((*ORDER_EVENT_TYPES, "purchase", "return"))
    time = f"{draw.randint(9, 13):02}:00"  # few, so that many events happen at one moment
    products = [
        line(draw.choice("ab"), draw.choice((None, 1, 2)), draw.choice((None, 100, 250)))
        for _ in range(draw.choice((0, 0, 1, 2)))
    ]
    cents = draw.choice((None, 100, 100, 900, 500))
    currency = draw.choice(("EUR", "EUR", "EUR", "USD", None))
    if event_type == "purchase":
        cents, currency = cents or 300, currency or "EUR"
        if draw.random() < 0.4:
            return bought_line(time, draw.choice("ab"), cents, currency=currency)
    if event_type == "order_cancel" and draw.random() < 0.7:
        event_type = "order_update"
    return said(event_type, time, cents, *products, currency=currency)


def reference(events):
    """The same state, by a plain loop over the events in order of time."""
    numbered = [dict(event, event_id=f"e{i:03}") for i, event in enumerate(events)]
    ordered = sorted(numbered, key=lambda e: (e["occurred_at"], e["event_id"]))
    purchases, copies, seen = [], 0, []
    for event in ordered:
        if event["event_type"] == "purchase":
            content = (event["amount_cents"], event["currency"], event["lines"])
            if content in seen:
                copies += 1
            else:
                seen.append(content)
                purchases.append(event)
    whole = [
        e
        for e in ordered
        if e["event_type"] == "order_update" or (e in purchases and not e["is_line"])
    ]
    amount = currency = lines = None
    for event in whole:
        if event["amount_cents"] is not None:
            amount, currency = event["amount_cents"], event["currency"]
        lines = event["lines"] or lines
    copies += max(0, sum(not e["is_line"] for e in purchases) - 1)
    parts = [e for e in purchases if e["is_line"]]
    if amount is None and parts:
        currency = parts[-1]["currency"]
        amount = sum(e["amount_cents"] for e in parts if e["currency"] == currency)
    lines = lines or [e["lines"][0] for e in parts]
    refunds, last_currency = [], None
    for event in ordered:
        if event["event_type"] == "return":
            last_currency = event["currency"]
            content = {k: event[k] for k in ("occurred_at", "amount_cents", "currency", "lines")}
            if content not in refunds:
                refunds.append(content)
    is_known = bool(purchases)
    if currency is None:
        stated = [e["currency"] for e in ordered if e["event_type"] != "return" and e["currency"]]
        currency = stated[-1] if stated else None if is_known else last_currency
    return _after_refunds(
        ordered, refunds, lines, is_known, currency, amount if is_known else None, copies
    )


def _after_refunds(ordered, refunds, lines, is_known, currency, amount, copies):
    own = [r for r in refunds if r["amount_cents"] is None or r["currency"] in (None, currency)]
    left = amount if is_known else 10**9
    for refund in own:
        if refund["amount_cents"] is not None:
            worth = refund["amount_cents"]
        elif refund["lines"]:
            worth = sum(_worth(one, lines) for one in refund["lines"])
        else:
            worth = left if is_known else 0
        left -= min(worth, left)
    refunded_cents = (amount if is_known else 10**9) - left
    is_cancelled = any(e["event_type"] == "order_cancel" for e in ordered)
    status = "completed"
    if not is_known:
        status = "unknown"
    elif is_cancelled:
        status = "cancelled"
    elif own and refunded_cents >= amount:
        status = "refunded"
    elif refunds:
        status = "partly_refunded"
    bought_at = [e["occurred_at"] for e in ordered if e["event_type"] == "purchase"]
    return dict(
        status=status,
        ordered_at=min(bought_at, default=None),
        currency=currency,
        amount_cents=amount,
        refunded_cents=refunded_cents,
        revenue_cents=0 if status == "cancelled" else (amount or 0) - refunded_cents,
        copy_count=copies,
        foreign_refund_count=len(refunds) - len(own),
        products=[one[0] for one in lines or []],
    )


def _worth(one, lines):
    product, _, quantity, _, amount = one
    if amount is not None:
        return amount
    for of_order, _, count, price, worth in lines or []:
        if of_order == product:
            is_all = (quantity or 1) >= (count or 1)
            by_price = None if price is None else price * (quantity or 1)
            return (worth if is_all or by_price is None else by_price) or 0
    return 0


def test_the_state_is_that_of_a_plain_loop_in_any_order_of_arrival(spark):
    orders = random_orders(seed=18, count=400)
    actual = states_of(spark, orders)
    for name, events in orders.items():
        expected = reference(events)
        assert {key: actual[name][key] for key in expected} == expected, events
