"""Order events: the events that make, change, refund or cancel an order, in one form."""

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.sums import capped_product, capped_sum_of
from kinfold.tables import silver

PURCHASE, UPDATE, CANCEL, RETURN = "purchase", "order_update", "order_cancel", "return"
ORDER_EVENT_TYPES = (PURCHASE, UPDATE, CANCEL, RETURN)
_ENDS = r"^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$"
_TEMPLATE = r"\{\{|\$\{|<%|%%|\*\||\[\["
_READ = (
    "event_id",
    "event_type",
    "occurred_at",
    "received_at",
    "is_before_earliest",
    "identifiers",
    "order_id",
    "product_id",
    "category",
    "quantity",
    "amount_cents",
    "currency",
    "order_lines",
)


def order_events(events: DataFrame) -> DataFrame:
    """The columns of silver.events that orders need, of the events about orders."""
    return events.where(F.col("event_type").isin(*ORDER_EVENT_TYPES)).select(*_READ)


def with_order_group(events: DataFrame) -> DataFrame:
    """Adds `order_group`, which is equal for the events of one order id.

    An event without an order id is a group of its own.
    """
    return events.withColumn("order_group", group_of(F.col("order_id"), F.col("event_id")))


def group_of(order_id: Column, event_id: Column) -> Column:
    """The `order_group` of an event."""
    of_order = F.concat(F.lit("order "), order_id)
    return F.coalesce(of_order, F.concat(F.lit("event "), event_id))


def usable_order_ids(events: DataFrame, *, placeholders: Sequence[str]) -> DataFrame:
    """The events without order ids that are placeholders: those would make one order of many.

    These are the placeholders of the settings in any case, also in quotes and brackets; ids of only
    zeros; and templates that nobody filled in (`{{order.id}}`).
    """
    # Without punctuation at its ends; but a minus sign belongs to a number.
    bare = F.regexp_replace(F.lower("order_id"), _ENDS, "")
    whole_text, words = F.lower("order_id"), {re.sub(r"^\W+|\W+$", "", p) for p in placeholders}
    is_placeholder = (
        whole_text.isin(*placeholders)
        | bare.isin("", *(word for word in sorted(words) if not word.isdecimal()))
        | bare.rlike("^0+$")
        | F.col("order_id").rlike(_TEMPLATE)
    )
    return events.withColumn("order_id", F.when(~is_placeholder, F.col("order_id")))


def order_statements(events: DataFrame) -> DataFrame:
    """What each order event says about its order.

    Args:
        events: order events, also with further columns.

    Returns:
        The columns of `events`, with `lines` (silver.STATED_LINE) in place of order_lines,
        product_id, category and quantity; and with

        - amount_cents: if the event has none, what its lines are worth, if all of them have a
          price. Null with lines: they have no price; null without: the event says no amount;
        - is_line: the event is a purchase of one line of an order, not of the whole order.
    """
    own_line = F.when(
        F.col("product_id").isNotNull() | F.col("category").isNotNull(), F.array(_own_line())
    )
    sent_lines = F.transform("order_lines", _sent_line)
    has_sent_lines = F.coalesce(F.size("order_lines") > 0, F.lit(False))
    lines = F.when(has_sent_lines, sent_lines).otherwise(own_line)
    worth = F.when(
        ~F.exists("lines", lambda line: line["amount_cents"].isNull()),
        capped_sum_of(F.transform("lines", lambda line: line["amount_cents"])),
    )
    is_line = (F.col("event_type") == PURCHASE) & ~has_sent_lines & own_line.isNotNull()
    return (
        events.withColumns({"lines": lines, "is_line": is_line})
        .withColumn("amount_cents", F.coalesce(F.col("amount_cents"), worth))
        .drop("order_lines", "product_id", "category", "quantity")
    )


def _own_line() -> Column:
    """The line that an event describes with its own product, category, quantity and amount."""
    count = F.coalesce(F.col("quantity"), F.lit(1))
    is_divisible = (count > 0) & (F.try_mod(F.col("amount_cents"), count) == 0)
    price = F.when(is_divisible, F.try_divide(F.col("amount_cents"), count).cast("bigint"))
    return _line(
        F.col("product_id"), F.col("category"), F.col("quantity"), price, F.col("amount_cents")
    )


def _sent_line(line: Column) -> Column:
    price, count = line["price_cents"], F.coalesce(line["quantity"], F.lit(1))
    amount = capped_product(price, count)
    return _line(line["product_id"], line["category"], line["quantity"], price, amount)


def _line(*values: Column) -> Column:
    names = silver.STATED_LINE.fieldNames()
    return F.struct(*(value.alias(name) for name, value in zip(names, values, strict=True)))
