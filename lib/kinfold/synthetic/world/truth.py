"""The truth of a generated world: what a correct pipeline finds. For tests and summaries only."""

from collections.abc import Mapping
from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS, NAMESPACES, timestamp_text
from kinfold.synthetic.collection.faults import MALFORMED, SCHEMA_BREAKING
from kinfold.synthetic.people.identifiers import person_id

EVENT_TYPES = (
    *("page_view", "product_view", "add_to_cart", "purchase", "return"),
    *("email_open", "login", "identify", "consent"),
)


def identifier_owners(received: DataFrame, cards: DataFrame, *, days: int) -> DataFrame:
    """The owners of each identifier that is in an event or in the CRM extract.

    Args:
        received: see `faults.received_events`. Placeholders and junk values have no owner and are
            left out.
        cards: see `crm.customer_cards`.

    Returns:
        One row per (namespace, value, person_id), with the value in normalised form. A shared
        identifier has one row per person.
    """
    in_events = received.where(F.col("received_ms") < days * DAY_MS).select(
        "person",
        "placeholder_in",
        "junk_in",
        F.explode(_pairs({name: f"identifiers.{name}" for name in NAMESPACES})).alias("sent"),
    )
    has_no_owner = F.lit(False)
    for replaced_in in ("placeholder_in", "junk_in"):
        has_no_owner |= F.col(replaced_in).eqNullSafe(F.col("sent.namespace"))
    in_crm = cards.select(
        "person",
        F.explode(_pairs({name: name for name in ("crm_id", "email", "phone")})).alias("sent"),
    )
    sent = in_events.where(~has_no_owner).select("person", "sent").unionByName(in_crm)
    pairs = (
        sent.where(F.col("sent.value").isNotNull())
        .select("sent.namespace", "sent.value", "person")
        .distinct()
    )
    return pairs.select("namespace", "value", person_id().alias("person_id"))


def _pairs(columns: Mapping[str, str]) -> Column:
    pairs = (
        F.struct(F.lit(name).alias("namespace"), F.col(column).alias("value"))
        for name, column in columns.items()
    )
    return F.array(*pairs)


def next_purchases(orders: DataFrame, *, days: int, horizon_days: int) -> DataFrame:
    """The first purchase of each person within the horizon, which starts after the last day.

    Args:
        orders: events of type purchase, at least those of the horizon.

    Returns:
        One row per buyer: person_id and next_purchase_ms (by a correct clock).
    """
    start_ms, end_ms = days * DAY_MS, (days + horizon_days) * DAY_MS
    in_horizon = (F.col("occurred_ms") >= start_ms) & (F.col("occurred_ms") < end_ms)
    first = (
        orders.where(in_horizon)
        .groupBy("person")
        .agg(F.min("occurred_ms").alias("next_purchase_ms"))
    )
    return first.select(person_id().alias("person_id"), "next_purchase_ms")


def buyers(identifiers: DataFrame, next_purchases: DataFrame, *, start_on: date) -> DataFrame:
    """Whether each person with an identifier buys within the horizon.

    Returns:
        One row per person of `identifiers`: person_id, buys and next_purchase_at (text; null =
        does not buy).
    """
    at = timestamp_text(F.col("next_purchase_ms"), start_on=start_on)
    seen = identifiers.select("person_id").distinct()
    return seen.join(next_purchases, on="person_id", how="left").select(
        "person_id",
        F.col("next_purchase_ms").isNotNull().alias("buys"),
        F.when(F.col("next_purchase_ms").isNotNull(), at).alias("next_purchase_at"),
    )


def line_counts(*, days: int) -> list[Column]:
    """The counts to take while the lines are written, which saves a second pass over them.

    All count lines that are received within the world, except in_flight: events that occurred
    within it and are received after it. Each event is counted once; duplicates and damaged lines
    have counts of their own.
    """
    end_ms = days * DAY_MS
    is_in = F.col("received_ms") < end_ms
    is_event = is_in & (F.col("copy") == "original")
    conditions = {
        "lines": is_in & (F.col("copy") != "heading"),
        "events": is_event,
        "duplicates": is_in & (F.col("copy") == "duplicate"),
        "malformed": is_in & (F.col("copy") == "malformed"),
        "schema_breaking": is_in & (F.col("copy") == "schema_breaking"),
        **{f"malformed_{kind}": is_in & F.col("damage").eqNullSafe(kind) for kind in MALFORMED},
        **{
            f"schema_breaking_{kind}": is_in & F.col("damage").eqNullSafe(kind)
            for kind in SCHEMA_BREAKING
        },
        **{
            timing: is_event & (F.col("timing") == timing)
            for timing in ("late", "out_of_order", "clock_skew")
        },
        # A junk value can replace a placeholder.
        "placeholders": is_event
        & F.col("placeholder_in").isNotNull()
        & ~F.col("placeholder_in").eqNullSafe(F.col("junk_in")),
        "junk_values": is_event & F.col("junk_in").isNotNull(),
        "in_flight": (F.col("copy") == "original") & ~is_in,
        **{f"events_{kind}": is_event & (F.col("event_type") == kind) for kind in EVENT_TYPES},
    }
    return [F.count_if(condition).alias(name) for name, condition in conditions.items()]
