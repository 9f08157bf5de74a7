"""Opening the lake that a job under test has written."""

from datetime import UTC, datetime

from pyspark.sql import SparkSession

from kinfold.runtime.lake import Lake


def lake_of(spark: SparkSession, root: str) -> Lake:
    """The lake at `root`, outside any run."""
    return Lake(spark, root, "test", datetime(2026, 11, 1, tzinfo=UTC))
