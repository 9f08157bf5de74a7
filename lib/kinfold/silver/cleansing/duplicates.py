"""What counts as a copy of an event: another record with its event_id, whenever it arrives.

The first valid record to land is the event; the others are copies of it and change nothing.
"""

from pyspark.sql import Column, DataFrame, Window, functions as F

from kinfold.quality.rows import REASONS, rows_with_reasons
from kinfold.tables import silver

LINEAGE = ("source", "source_partition", "source_offset", "record_index")
_CONTENT = ("event_type", "properties", "identifiers")


def first_valid(events: DataFrame) -> DataFrame:
    """One row per event_id: the first valid record by ingested_at, then by source and position.

    A record that breaks a rule of silver.events is the event only if all records of the id do: so a
    corrected record counts in the same batch as well as in a later one.

    Args:
        events: silver.events columns, one row per record.
    """
    is_invalid = F.size(REASONS) > 0
    order = Window.partitionBy("event_id").orderBy(is_invalid, "ingested_at", *LINEAGE)
    return (
        rows_with_reasons(silver.EVENTS, events)
        .withColumn("_rank", F.row_number().over(order))
        .where("_rank = 1")
        .drop("_rank", REASONS)
    )


def valid(events: DataFrame) -> DataFrame:
    """The rows that break no rule of silver.events."""
    return rows_with_reasons(silver.EVENTS, events).where(F.size(REASONS) == 0).drop(REASONS)


def is_origin(of: str) -> Column:
    """Whether a record is the one that an event, whose columns have the prefix `of`, names."""
    is_same = F.lit(True)
    for column in LINEAGE:
        is_same = is_same & (F.col(column) == F.col(f"{of}{column}"))
    return is_same


def copies(records: DataFrame, events: DataFrame) -> DataFrame:
    """The records that are copies of an event.

    Args:
        records: event_id, ingested_at, the lineage columns and any others.
        events: silver.events, at least the rows with an event_id of the records.

    Returns:
        The columns of `records`, original_at: when the event occurred, and is_first: whether the
        record started to land before the event.
    """
    order = ("ingested_at", *LINEAGE)
    originals = events.select(
        "event_id",
        F.col("occurred_at").alias("original_at"),
        *(F.col(c).alias(f"_{c}") for c in order),
    )
    is_first = F.struct(*order) < F.struct(*(F.col(f"_{c}").alias(c) for c in order))
    return (
        records.join(originals, "event_id", how="inner")
        .where(~is_origin("_"))
        .withColumn("is_first", is_first)
        .drop(*(f"_{c}" for c in order))
    )


def conflicts(copied: DataFrame, events: DataFrame) -> DataFrame:
    """Numbers of copies that say something else than their event, by the sources of both.

    Times do not count: a sender may send an event again with a new time of sending.

    Args:
        copied: silver.events columns of copies.
        events: silver.events, at least the rows with an event_id of the copies.

    Returns:
        source, original_source, conflicting.
    """
    originals = events.select(
        "event_id",
        F.col("source").alias("original_source"),
        *(F.col(c).alias(f"_{c}") for c in _CONTENT),
    )
    is_equal = F.lit(True)
    for column in _CONTENT:
        is_equal = is_equal & F.col(column).eqNullSafe(F.col(f"_{column}"))
    return (
        copied.select("event_id", "source", *_CONTENT)
        .join(originals, "event_id", how="inner")
        .where(~is_equal)
        .groupBy("source", "original_source")
        .agg(F.count(F.lit(1)).alias("conflicting"))
    )
