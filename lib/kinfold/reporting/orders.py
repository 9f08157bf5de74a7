"""The orders of a lake in the summary: what counts, what does not, and what to do about it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pyspark.sql import DataFrame, functions as F

from kinfold.core.wording import counted, money_text
from kinfold.silver.orders.states import NOT_BOUGHT, OrderStatus
from kinfold.tables.collected import collected

_SHOWN = 3


def order_values(orders: DataFrame) -> dict[str, Any]:
    """Numbers of orders, by what became of them, and those without a rate by currency.

    Args:
        orders: silver.orders.

    Returns:
        bought, sent_twice, cancelled, unknown, contested, foreign_refunds, revenue_cents and
        currency (the reporting currency), unconverted (currency to number of orders).
    """
    is_bought = ~F.col("status").isin(*NOT_BOUGHT)
    by_kind = collected(
        orders.groupBy("status", "currency", "reporting_currency").agg(
            F.count(F.lit(1)).alias("number"),
            F.count_if(F.col("copy_count") > 0).alias("sent_twice"),
            F.sum("foreign_refund_count").alias("foreign_refunds"),
            F.sum(F.col("reporting_cents").cast("double")).alias("cents"),
            F.count_if(is_bought & F.col("reporting_cents").isNull()).alias("unconverted"),
        )
    )

    def total(name: str, *statuses: str) -> Any:
        return sum(row[name] or 0 for row in by_kind if not statuses or row["status"] in statuses)

    bought = [status for status in OrderStatus if status not in NOT_BOUGHT]
    unconverted: dict[str, int] = {}
    for row in by_kind:
        if row["unconverted"]:
            name = row["currency"] or "an unknown currency"
            unconverted[name] = unconverted.get(name, 0) + row["unconverted"]
    return {
        "bought": total("number", *bought),
        "sent_twice": total("sent_twice"),
        "cancelled": total("number", OrderStatus.CANCELLED),
        "unknown": total("number", OrderStatus.UNKNOWN),
        "contested": total("number", OrderStatus.CONTESTED),
        "foreign_refunds": total("foreign_refunds"),
        "revenue_cents": total("cents"),
        "currency": next(
            (r["reporting_currency"] for r in by_kind if r["reporting_currency"]), None
        ),
        "unconverted": dict(sorted(unconverted.items(), key=lambda item: (-item[1], item[0]))),
    }


def order_lines_of(values: Mapping[str, Any]) -> list[str]:
    """The orders for a terminal: what they are worth, and what is left out, with what to do.

    Args:
        values: see `order_values`.
    """
    if not any(values[name] for name in ("bought", "cancelled", "unknown", "contested")):
        return ["  none"]
    return list(_lines(values))


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    orders, worth = values["bought"], money_text(values["revenue_cents"], values["currency"])
    sum_ = f"{counted(orders, 'order')}, worth {worth} after refunds"
    twice = f"; {values['sent_twice']:,} sent more than once, which count once"
    yield f"  {sum_}{twice if values['sent_twice'] else ''}"
    if values["cancelled"]:
        yield f"  {counted(values['cancelled'], 'order')} cancelled: worth nothing"
    if values["unknown"]:
        yield (
            f"  {counted(values['unknown'], 'order')} without a purchase: only refunds, updates or "
            "cancellations are known. Refunds that name a person count against their revenue. If "
            "the orders are older than your events, land their purchases"
        )
    if values["contested"]:
        yield (
            f"  {counted(values['contested'], 'order id')} that several people bought, with a "
            "refund, update or cancellation that names nobody: it has no effect. Make the order "
            "ids of your shops different, or send the person too"
        )
    if values["foreign_refunds"]:
        yield (
            f"  {counted(values['foreign_refunds'], 'refund')} left out: the currency is not that "
            "of the order. Correct the sender"
        )
    if values["unconverted"]:
        listed = [f"{number:,} in {name}" for name, number in values["unconverted"].items()]
        more = ", ..." if len(listed) > _SHOWN else ""
        yield (
            f"  orders without a rate to {values['currency'] or 'a reporting currency'}: "
            f"{', '.join(listed[:_SHOWN])}{more}. They are left out of sums in "
            f"{values['currency'] or 'it'}; see `revenue` of silver.profiles. Declare rates: "
            "money.rates, see docs/orders.md"
        )
