"""Truth: what a correct pipeline must find in a generated world; for tests and summaries only."""

from collections.abc import Mapping
from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour import DAY_MS
from kinfold.synthetic.events import NAMESPACES, timestamp_text
from kinfold.synthetic.faults import MALFORMED, SCHEMA_BREAKING
from kinfold.synthetic.people import person_id

EVENT_TYPES = (
    *("page_view", "product_view", "add_to_cart", "purchase", "return"),
    *("email_open", "login", "identify", "consent"),
)


def owned_identifiers(received: DataFrame, cards: DataFrame, *, days: int) -> DataFrame:
    """Who each identifier belongs to that was sent in an event or stands in the CRM extract.

    Args:
        received: see `faults.received_events`; placeholders and junk belong to nobody and are left
            out.
        cards: see `crm.customer_cards`.

    Returns:
        One row per (namespace, value, person_id): value in normalised form; shared ones once per
        person.
    """
    in_events = received.where(F.col("received_ms") < days * DAY_MS).select(
        "person",
        "placeholder_in",
        "junk_in",
        F.explode(_pairs({name: f"identifiers.{name}" for name in NAMESPACES})).alias("sent"),
    )
    of_nobody = F.lit(False)
    for replaced_in in ("placeholder_in", "junk_in"):
        of_nobody |= F.col(replaced_in).eqNullSafe(F.col("sent.namespace"))
    in_crm = cards.select(
        "person",
        F.explode(_pairs({name: name for name in ("crm_id", "email", "phone")})).alias("sent"),
    )
    sent = in_events.where(~of_nobody).select("person", "sent").unionByName(in_crm)
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
    """When people buy next after the last day, among those who do within the horizon.

    Args:
        orders: events of type purchase, at least those of the horizon.

    Returns:
        One row per buyer: person_id and next_purchase_ms, the moment the order occurred by a right
        clock.
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
    """Whether each person who was seen buys within the horizon.

    Returns:
        One row per person of `identifiers`: person_id, buys and next_purchase_at (text, null =
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
    """What to count while lines are written, so that no second pass over them is needed.

    Counts are of lines received within the world, but for in_flight: events that occurred within
    it and are received after it. Events are counted once each, duplicates and damaged lines apart.
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
        # Junk typed over a placeholder leaves none.
        "placeholders": is_event
        & F.col("placeholder_in").isNotNull()
        & ~F.col("placeholder_in").eqNullSafe(F.col("junk_in")),
        "junk_values": is_event & F.col("junk_in").isNotNull(),
        "in_flight": (F.col("copy") == "original") & ~is_in,
        **{f"events_{kind}": is_event & (F.col("event_type") == kind) for kind in EVENT_TYPES},
    }
    return [F.count_if(condition).alias(name) for name, condition in conditions.items()]
