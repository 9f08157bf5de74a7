"""Builds the rows of events, before collection adds faults."""

from collections.abc import Mapping
from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.draws import Draws, padded_hex

DAY_MS = 86_400_000
NAMESPACES = ("cookie_id", "device_id", "user_id", "email", "phone", "crm_id")


def as_events(
    moments: DataFrame,
    *,
    draws: Draws,
    identifiers: Mapping[str, Column],
    properties: Mapping[str, Column],
) -> DataFrame:
    """Native events as rows, before they are written as JSON.

    Args:
        moments: one row per event with person, visit and event_no (together unique), event_type
            and occurred_ms.
        identifiers: by namespace, in normalised form; absent or null = not part of the event.
        properties: by name, in the order of the JSON text; null = not part of the event.

    Returns:
        One row per event: person (number), event_key (long, for further draws), event_id,
        event_type, occurred_ms (since the start of the world), identifiers (struct of every
        namespace) and properties (JSON text).
    """
    event_key = draws.number("event_key", "visit", "event_no")
    other_half = draws.number("event_id", "person", "visit", "event_no")
    shown = (identifiers.get(name, F.lit(None)).cast("string").alias(name) for name in NAMESPACES)
    written = (value.alias(name) for name, value in properties.items())
    return moments.select(
        "person",
        event_key.alias("event_key"),
        F.concat(padded_hex(event_key), padded_hex(other_half)).alias("event_id"),
        "event_type",
        "occurred_ms",
        F.struct(*shown).alias("identifiers"),
        F.to_json(F.struct(*written)).alias("properties"),
    )


def timestamp_text(ms: Column, *, start_on: date) -> Column:
    """Milliseconds since the start of the world, as ISO 8601 text in UTC.

    Does not depend on the session's time zone.
    """
    day = F.floor(ms / DAY_MS).cast("int")
    ms_of_day = F.pmod(ms, F.lit(DAY_MS))

    def two_digits(milliseconds: int, cycle: int) -> Column:
        return F.lpad((F.floor(ms_of_day / milliseconds) % cycle).cast("string"), 2, "0")

    return F.concat(
        F.date_add(F.lit(start_on), day).cast("string"),
        F.lit("T"),
        two_digits(3_600_000, 24),
        F.lit(":"),
        two_digits(60_000, 60),
        F.lit(":"),
        two_digits(1_000, 60),
        F.lit("."),
        F.lpad((ms_of_day % 1_000).cast("string"), 3, "0"),
        F.lit("Z"),
    )
