"""The state of an order: what all events about it together say. Their order of arrival is
irrelevant.
"""

from collections.abc import Sequence
from enum import StrEnum

from pyspark.sql import Column, DataFrame, Window, functions as F

from kinfold.runtime.sums import MAX_BIGINT, capped_product, capped_sum_of
from kinfold.silver.orders.events import CANCEL, PURCHASE, RETURN, UPDATE
from kinfold.tables import silver

_AT = ("occurred_at", "event_id")
"""Order of the events of an order."""


class OrderStatus(StrEnum):
    """What became of an order."""

    COMPLETED = "completed"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # no purchase is known, only what happened to the order later
    CONTESTED = "contested"  # unknown whose: several people bought an order of this id


NOT_BOUGHT = (OrderStatus.CANCELLED, OrderStatus.UNKNOWN, OrderStatus.CONTESTED)
"""Orders that do not count as bought."""


def stored_statements(orders: DataFrame) -> DataFrame:
    """The statements in silver.orders, with the profile_id and order_key of their order."""
    events = orders.select("profile_id", "order_key", F.explode("events").alias("event"))
    return events.select("profile_id", "order_key", "event.*")


def order_states(
    statements: DataFrame, *, by: Sequence[str], further: Sequence[Column] = ()
) -> DataFrame:
    """The state of each order, by its events.

    - A purchase with the content (amount, currency, lines) of an earlier one is a copy, such as a
      thank-you page that was loaded again. It changes nothing.
    - Events about the whole order replace each other: the latest purchase or update with an amount
      says what the order is worth, and the latest one with lines what was bought.
    - Without such events the order is the sum of its purchases of one line.
    - Refunds add up, to at most the amount. A refund without an amount is worth its lines, at the
      order's prices where it has none; without lines, it is of everything that is left. Equal
      refunds of one moment are copies. A refund in another currency than the order's is left out.
    - A cancelled order is worth nothing, whatever happens later.

    Args:
        statements: `order_statements` of order events, with the columns `by`, and `rate` (factor
            from `currency` to the reporting currency; null = unknown).
        by: columns that tell orders apart.
        further: more aggregates of the statements of an order.

    Returns:
        One row per order: the columns `by` and `further`, and

        - status (see `OrderStatus`), ordered_at (of the first purchase; without one null),
          is_before_earliest (of ordered_at), returned_at (of the latest refund);
        - currency, amount_cents, refunded_cents, revenue_cents (the amount without refunds; of an
          unknown order minus its refunds), and rate (of ordered_at);
        - lines (of silver.STATED_LINE) and copy_count, foreign_refund_count.
    """
    totals = _totals()
    return (
        _marked(statements, by=by)
        .groupBy(*by)
        .agg(*(total.alias(name) for name, total in totals.items()), *further)
        .withColumns(_bought())
        .withColumns(_refunds())
        .withColumn("refunded_cents", _refunded_cents())
        .withColumns(_state())
        .drop(*totals, "is_known", "own_rate", "own_refunds")
    )


def _marked(statements: DataFrame, *, by: Sequence[str]) -> DataFrame:
    """Adds is_copy: whether the event repeats an earlier one of its order."""
    is_return, is_purchase = (F.col("event_type") == t for t in (RETURN, PURCHASE))
    same_moment = F.when(is_return, F.col("occurred_at"))
    same_content = Window.partitionBy(
        *by, "event_type", same_moment, "amount_cents", "currency", "lines"
    ).orderBy(*_AT)
    is_copy = (is_return | is_purchase) & (F.row_number().over(same_content) > 1)
    return statements.withColumn("is_copy", is_copy)


def _totals() -> dict[str, Column]:
    """Aggregates of `_marked` events."""
    at, is_kept = F.struct(*_AT), ~F.col("is_copy")
    is_purchase, is_return = (F.col("event_type") == t for t in (PURCHASE, RETURN))
    is_whole_purchase = is_purchase & ~F.col("is_line") & is_kept
    is_whole = (F.col("event_type") == UPDATE) | is_whole_purchase
    is_part = is_purchase & F.col("is_line") & is_kept
    has_amount, has_lines = F.col("amount_cents").isNotNull(), F.size("lines") > 0
    has_currency = ~is_return & F.col("currency").isNotNull()
    of_day = F.struct("occurred_at", "is_before_earliest", "currency", "rate")
    dated_first = F.struct("is_before_earliest", *_AT)
    money = F.struct("amount_cents", "currency", "rate")
    part = F.struct(*_AT, money.alias("money"), F.col("lines")[0].alias("line"))
    refund = F.struct("amount_cents", "currency", "lines")
    repeated = F.greatest(F.count_if(is_whole_purchase) - F.lit(1), F.lit(0))
    return {
        "first": F.min_by(of_day, F.when(is_purchase, dated_first)),
        "whole": F.max_by(money, F.when(is_whole & has_amount, at)),
        "whole_lines": F.max_by("lines", F.when(is_whole & has_lines, at)),
        "parts": F.array_sort(F.collect_list(F.when(is_part, part))),
        "stated_currency": F.max_by("currency", F.when(has_currency, at)),
        "last_refund": F.max_by(money, F.when(is_return, at)),
        "refunds": F.collect_list(F.when(is_return & is_kept, refund)),
        "is_cancelled": F.max(F.col("event_type") == CANCEL),
        "last_return_at": F.max(F.when(is_return, F.col("occurred_at"))),
        "repeated": F.count_if(is_purchase & F.col("is_copy")) + repeated,
    }


def _bought() -> dict[str, Column]:
    """What was bought, from the totals."""
    last = F.try_element_at("parts", F.lit(-1))["money"]
    is_same = F.filter("parts", lambda part: part["money"]["currency"].eqNullSafe(last["currency"]))
    of_parts = capped_sum_of(
        F.transform(is_same, lambda part: _or_zero(part["money"]["amount_cents"]))
    )
    is_known = F.col("first").isNotNull()
    currency = F.coalesce(
        F.when(F.col("whole").isNotNull(), F.col("whole.currency")).otherwise(last["currency"]),
        F.col("stated_currency"),
        F.when(~is_known, F.col("last_refund.currency")),
    )
    lines_of_parts = F.transform("parts", lambda part: part["line"])
    return {
        "is_known": is_known,
        "currency": currency,
        "amount_cents": F.when(is_known, F.coalesce(F.col("whole.amount_cents"), of_parts)),
        "own_rate": F.coalesce(F.col("whole.rate"), last["rate"], F.col("last_refund.rate")),
        "lines": F.coalesce("whole_lines", lines_of_parts),
    }


def _refunds() -> dict[str, Column]:
    """The refunds that take effect."""

    def is_own(refund: Column) -> Column:
        is_same = refund["currency"].isNull() | (refund["currency"] == F.col("currency"))
        return refund["amount_cents"].isNull() | F.coalesce(is_same, F.lit(False))

    own = F.filter("refunds", is_own)
    return {"own_refunds": own}


def _refunded_cents() -> Column:
    def is_of_everything(refund: Column) -> Column:
        return refund["amount_cents"].isNull() & refund["lines"].isNull()

    def worth(refund: Column) -> Column:
        of_lines = capped_sum_of(
            F.transform(F.coalesce(refund["lines"], _no_lines()), _worth_of_line)
        )
        return F.coalesce(refund["amount_cents"], of_lines)

    most = F.coalesce(F.col("amount_cents"), F.lit(MAX_BIGINT))
    sum_ = F.least(most, capped_sum_of(F.transform("own_refunds", worth)))
    is_all = F.col("is_known") & F.exists("own_refunds", is_of_everything)
    return F.when(is_all, F.col("amount_cents")).otherwise(sum_)


def _worth_of_line(line: Column) -> Column:
    """What a line that is given back is worth: its own amount, else by the price of the order."""

    def is_of_it(bought: Column) -> Column:
        is_same_product = bought["product_id"] == line["product_id"]
        is_same_category = bought["category"].eqNullSafe(line["category"])
        return F.coalesce(is_same_product, line["product_id"].isNull() & is_same_category)

    bought = F.try_element_at(F.filter("lines", is_of_it), F.lit(1))
    count = F.coalesce(line["quantity"], F.lit(1))
    is_all_of_it = count >= F.coalesce(bought["quantity"], F.lit(1))
    by_order = F.when(is_all_of_it, bought["amount_cents"]).otherwise(
        F.coalesce(capped_product(bought["price_cents"], count), bought["amount_cents"])
    )
    return _or_zero(F.coalesce(line["amount_cents"], by_order))


def _state() -> dict[str, Column]:
    amount, refunded = F.col("amount_cents"), F.col("refunded_cents")
    is_known, has_refund = F.col("is_known"), F.size("refunds") > 0
    is_refunded = (F.size("own_refunds") > 0) & (refunded >= amount)
    status = (
        F.when(~is_known, F.lit(OrderStatus.UNKNOWN.value))
        .when(F.col("is_cancelled"), F.lit(OrderStatus.CANCELLED.value))
        .when(is_refunded, F.lit(OrderStatus.REFUNDED.value))
        .when(has_refund, F.lit(OrderStatus.PARTLY_REFUNDED.value))
        .otherwise(F.lit(OrderStatus.COMPLETED.value))
    )
    left = F.when(F.col("is_cancelled") & is_known, F.lit(0)).otherwise(_or_zero(amount) - refunded)
    is_currency_of_first = F.col("first.currency").eqNullSafe(F.col("currency"))
    # The rate of the day of the order, not of the event that changed its amount.
    rate = F.when(is_currency_of_first, F.col("first.rate")).otherwise(F.col("own_rate"))
    return {
        "status": status,
        "ordered_at": F.col("first.occurred_at"),
        "is_before_earliest": F.col("first.is_before_earliest"),
        "returned_at": F.col("last_return_at"),
        "revenue_cents": left.cast("bigint"),
        "rate": rate,
        "copy_count": F.col("repeated"),
        "foreign_refund_count": F.size("refunds") - F.size("own_refunds"),
    }


def _or_zero(amount: Column) -> Column:
    return F.coalesce(amount, F.lit(0).cast("bigint"))


def _no_lines() -> Column:
    return F.array().cast(f"array<{silver.STATED_LINE.simpleString()}>")
