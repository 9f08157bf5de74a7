"""The orders of a lake in the summary."""

from kinfold.reporting.orders import order_lines_of, order_values
from kinfold.tables import silver

NONE = dict(
    bought=0,
    sent_twice=0,
    cancelled=0,
    unknown=0,
    contested=0,
    foreign_refunds=0,
    revenue_cents=0,
    currency=None,
    unconverted={},
)


def test_orders_are_counted_by_what_became_of_them(spark):
    def order(status, currency, cents, copies=0, foreign=0):
        return dict(
            status=status,
            currency=currency,
            reporting_currency="EUR",
            reporting_cents=cents,
            copy_count=copies,
            foreign_refund_count=foreign,
        )

    orders = silver.ORDERS.frame(
        spark,
        order("completed", "EUR", 1000, copies=3),
        order("partly_refunded", "JPY", 500, copies=1, foreign=2),
        order("refunded", "SEK", None),
        order("completed", "USD", None),
        order("completed", "USD", None),
        order("cancelled", "DKK", None),
        order("unknown", "EUR", -100),
        order("unknown", None, None),
        order("contested", None, None),
    )
    assert order_values(orders) == dict(
        bought=5,
        sent_twice=2,
        cancelled=1,
        unknown=2,
        contested=1,
        foreign_refunds=2,
        revenue_cents=1400.0,
        currency="EUR",
        unconverted={"USD": 2, "SEK": 1},
    )
    assert order_values(orders.limit(0)) == NONE


def test_the_summary_says_what_is_left_out_and_what_to_do():
    values = dict(NONE, bought=1200, sent_twice=7, revenue_cents=123_450.0, currency="JPY")
    assert order_lines_of(values) == [
        "  1,200 orders, worth 123,450 JPY after refunds; 7 sent more than once, which count once"
    ]
    lines = order_lines_of(
        dict(
            NONE,
            bought=1,
            cancelled=1,
            unknown=2,
            contested=1,
            foreign_refunds=1,
            currency="EUR",
            unconverted={"USD": 2, "SEK": 1, "NOK": 1, "an unknown currency": 1},
        )
    )
    assert [line[:48] for line in lines] == [
        "  1 order, worth 0.00 EUR after refunds",
        "  1 order cancelled: worth nothing",
        "  2 orders without a purchase: only refunds, upd",
        "  1 order id that several people bought, with a ",
        "  1 refund left out: the currency is not that of",
        "  orders without a rate to EUR: 2 in USD, 1 in S",
    ]
    assert "1 in NOK, ..." in lines[-1]
    assert lines[-1].endswith("Declare rates: money.rates, see docs/orders.md")


def test_a_lake_without_orders_says_so():
    assert order_lines_of(NONE) == ["  none"]
