"""The rows of events."""

from datetime import date

import pytest
from pyspark.sql import SparkSession, functions as F

from kinfold.synthetic.behaviour.events import timestamp_text

pytestmark = pytest.mark.xdist_group("synthetic")


def test_a_moment_is_written_in_utc_to_the_millisecond(spark: SparkSession) -> None:
    moments = spark.createDataFrame(
        [(0,), (86_399_999,), (86_400_000 * 59 + 45_296_007,)], "ms long"
    )
    text = moments.select(timestamp_text(F.col("ms"), start_on=date(2026, 1, 1)).alias("text"))
    assert [row.text for row in text.collect()] == [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T23:59:59.999Z",
        "2026-03-01T12:34:56.007Z",
    ]
