"""Dates that senders write if they do not know the time: 1970-01-01, year 1."""

from datetime import UTC, date, datetime

from pyspark.sql import Column, functions as F


def is_before(time: str, day: date) -> Column:
    """Whether a time lies before a day (UTC)."""
    return F.col(time) < F.lit(datetime(day.year, day.month, day.day, tzinfo=UTC))


def seen_at(occurred: str = "occurred_at", arrived: str = "received_at") -> Column:
    """When the people of an event or record were seen: when it occurred, or when it arrived if its
    date is one that its sender made up (`is_before_earliest`).

    Args:
        occurred, arrived: columns; those of a record are changed_at and ingested_at.
    """
    return F.when(F.col("is_before_earliest"), F.col(arrived)).otherwise(F.col(occurred))
