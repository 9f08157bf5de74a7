"""What counts as a copy of an event: the same event_id, sent again within a declared period.

The first record to land is the event; later ones are copies of it and change nothing.
"""

from collections.abc import Callable
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window, functions as F


def first_landed(records: DataFrame) -> DataFrame:
    """One row per event_id: the first record by bronze version, then by source and position."""
    landing_order = Window.partitionBy("event_id").orderBy(
        "bronze_version", "source", "source_partition", "source_offset", "record_index"
    )
    return (
        records.withColumn("_rank", F.row_number().over(landing_order))
        .where("_rank = 1")
        .drop("_rank")
    )


def possible_originals(*, within: timedelta | None) -> Callable[[DataFrame], Column] | None:
    """From new events to the condition on `old` rows of silver.events that they may be copies of.

    The condition is a range of occurred_at, so Delta reads only the files of that period: the cost
    follows the period that the new events span, not the table.

    Args:
        within: copies of an event occurred at most this far apart; None = any distance, and then
            there is no condition (None).
    """
    if within is None:
        return None
    distance = within // timedelta(microseconds=1)

    def occurred_nearby(events: DataFrame) -> Column:
        times = events.select(F.unix_micros("occurred_at").alias("at"))
        first, last = times.agg(F.min("at"), F.max("at")).collect()[0]
        if first is None:
            return F.lit(False)
        at = F.col("old.occurred_at")
        start, end = (F.timestamp_micros(F.lit(t)) for t in (first - distance, last + distance))
        return (at >= start) & (at <= end)

    return occurred_nearby
