"""Sums that cannot overflow."""

from frames import assert_rows
from kinfold.runtime.sums import MAX_BIGINT, capped_sum


def test_a_sum_stops_at_the_largest_bigint_and_null_counts_as_0(spark):
    rows = [("a", 1), ("a", None), ("a", 2), ("none", None), ("max", MAX_BIGINT), ("max", 0)]
    rows += [("over", MAX_BIGINT), ("over", 1), *(("many", 2**53 - 1) for _ in range(1_025))]
    amounts = spark.createDataFrame(rows, "name string, cents bigint").repartition(3)
    assert_rows(
        amounts.groupBy("name").agg(capped_sum(amounts["cents"]).alias("sum")),
        ["name", "sum"],
        [("a", 3), ("none", 0), ("max", MAX_BIGINT), ("over", MAX_BIGINT), ("many", MAX_BIGINT)],
    )
