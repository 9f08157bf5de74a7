"""silver.orders and silver.order_lines: one row per order, and per line of an order."""

from pathlib import Path

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.caching import lazily_cached
from kinfold.runtime.job import JobRun
from kinfold.silver.orders.changed import changed_order_events
from kinfold.silver.orders.events import (
    PURCHASE,
    group_of,
    order_events,
    order_statements,
    with_order_group,
)
from kinfold.silver.orders.owners import with_owner
from kinfold.silver.orders.rates import Conversion, converted, most_frequent_currency, read_rates
from kinfold.silver.orders.states import NOT_BOUGHT, OrderStatus, order_states
from kinfold.tables import silver
from kinfold.tables.collected import first_row

ORDER_RULES = (
    "kinfold.core.currencies",
    "kinfold.runtime.sums",
    "kinfold.silver.identity.graph.nodes",
    "kinfold.silver.orders",
    "kinfold.silver.profiles.attribution",
)
"""Code that decides what an order is worth, and whose it is."""


def publish_orders(run: JobRun) -> None:
    """Compute the orders whose events or people have changed, with their lines."""
    conversion = _conversion(run)
    events = changed_order_events(run).transform(with_order_group)
    rows = lazily_cached(orders(events, conversion=conversion))
    lines, key = order_lines(rows), list(silver.ORDERS.key)
    stored = run.existing_rows(silver.ORDERS).withColumn("order_group", _stored_group())
    groups = events.select("order_group").distinct()
    before = lazily_cached(stored.join(groups, "order_group", how="semi").select(*key))
    run.publish(silver.ORDERS, rows, deleted=before.join(rows.select(*key), key, how="anti"))
    of_line = list(silver.ORDER_LINES.key)
    lines_before = run.existing_rows(silver.ORDER_LINES).join(before, key, how="semi")
    outdated = lines_before.select(*of_line).join(lines.select(*of_line), of_line, how="anti")
    run.publish(silver.ORDER_LINES, lines, deleted=outdated)
    run.count(touched=rows.count(), orders=run.lake.read(silver.ORDERS).count())


def orders(events: DataFrame, *, conversion: Conversion) -> DataFrame:
    """One row per order and person, with the lines of the order.

    Args:
        events: all events of some order groups: order events with order_group and profile_id (null
            = the event names nobody).

    Returns:
        The columns of silver.orders, and `lines`.
    """
    statements = (
        events.transform(with_owner)
        .transform(order_statements)
        .transform(conversion.with_rate)
        .withColumn("order_key", _order_key())
    )
    statement = F.struct(*silver.ORDER_EVENT.fieldNames())
    further = [
        F.first("order_id").alias("order_id"),
        F.first("profile_id").alias("profile_id"),
        F.max("is_contested").alias("is_contested"),
        F.array_sort(F.collect_list(statement)).alias("events"),
    ]
    states = order_states(statements, by=silver.ORDERS.key, further=further)
    is_contested = (F.col("status") == OrderStatus.UNKNOWN) & F.col("is_contested")
    return states.withColumns(
        {
            "status": F.when(is_contested, OrderStatus.CONTESTED.value).otherwise(F.col("status")),
            "reporting_currency": F.lit(conversion.currency).cast("string"),
            "reporting_cents": converted(F.col("revenue_cents"), F.col("rate")),
        }
    )


def order_lines(orders: DataFrame) -> DataFrame:
    """silver.order_lines: one row per line of the orders that count as bought."""
    return (
        orders.where(~F.col("status").isin(*NOT_BOUGHT))
        .select(
            "order_key",
            "order_id",
            "profile_id",
            "currency",
            "ordered_at",
            F.posexplode("lines").alias("_position", "_line"),
        )
        .withColumn("line_number", F.col("_position") + F.lit(1))
        .select("*", "_line.*")
        .drop("_position", "_line")
    )


def _conversion(run: JobRun) -> Conversion:
    """The reporting currency and the rates of a run. A changed default makes the run a rebuild."""
    conf = run.settings.money
    if conf.currency is not None:
        rates = read_rates(Path(conf.rates), reporting=conf.currency) if conf.rates else ()
        return Conversion(conf.currency, rates)
    events = order_events(run.read(silver.EVENTS)).where(F.col("event_type") == PURCHASE)
    row = first_row(most_frequent_currency(with_order_group(events)))
    currency = None if row is None else row["currency"]
    before = first_row(run.existing_rows(silver.ORDERS).select("reporting_currency"))
    if before is not None and before["reporting_currency"] != currency:
        run.start_again(f"most orders are now in {currency}, which is the reporting currency")
    return Conversion(currency)


def _order_key() -> Column:
    parts = F.to_json(F.array("order_group", "profile_id"), {"ignoreNullFields": "false"})
    return F.sha2(parts, 256)


def _stored_group() -> Column:
    return group_of(F.col("order_id"), F.col("events")[0]["event_id"])
