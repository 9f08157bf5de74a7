"""Dates that senders write if they do not know the time: 1970-01-01, year 1."""

from datetime import UTC, date, datetime

from pyspark.sql import Column, functions as F

from kinfold.tables.bronze import CLOCK_TOLERANCE


def is_before(time: str, day: date) -> Column:
    """Whether a time lies before a day (UTC)."""
    return F.col(time) < F.lit(datetime(day.year, day.month, day.day, tzinfo=UTC))


def not_in_the_future(time: str) -> Column:
    """A sender's time; if it lies too far after ingestion, when the record was ingested.

    Such records are rejected now (`CLOCK_TOLERANCE`); lakes of older versions have accepted them.
    """
    is_ahead = F.col(time) > F.col("ingested_at") + F.lit(CLOCK_TOLERANCE)
    return F.when(is_ahead, F.col("ingested_at")).otherwise(F.col(time))


def seen_at(occurred: str = "occurred_at", arrived: str = "received_at") -> Column:
    """When the people of an event or record were seen: when it occurred, or when it arrived if its
    date is one that its sender made up (`is_before_earliest`).

    Args:
        occurred, arrived: columns; those of a record are changed_at and ingested_at.
    """
    return F.when(F.col("is_before_earliest"), F.col(arrived)).otherwise(F.col(occurred))
