"""Sums and products that cannot overflow."""

from pyspark.sql import functions as F

from frames import assert_rows
from kinfold.runtime.sums import MAX_BIGINT, capped_product, capped_sum, capped_sum_of


def test_a_sum_stops_at_the_largest_bigint_and_null_counts_as_0(spark):
    rows = [("a", 1), ("a", None), ("a", 2), ("none", None), ("max", MAX_BIGINT), ("max", 0)]
    rows += [("over", MAX_BIGINT), ("over", 1), *(("many", 2**53 - 1) for _ in range(1_025))]
    amounts = spark.createDataFrame(rows, "name string, cents bigint").repartition(3)
    assert_rows(
        amounts.groupBy("name").agg(capped_sum(amounts["cents"]).alias("sum")),
        ["name", "sum"],
        [("a", 3), ("none", 0), ("max", MAX_BIGINT), ("over", MAX_BIGINT), ("many", MAX_BIGINT)],
    )


def test_sums_of_arrays_and_products_stop_at_the_largest_bigint(spark):
    rows = [([3, 4], 12), ([], None), ([2**62, 2], MAX_BIGINT), ([MAX_BIGINT, 1], MAX_BIGINT)]
    frame = spark.createDataFrame(rows, "amounts array<bigint>, product bigint")
    first, second = (F.try_element_at("amounts", F.lit(position)) for position in (1, 2))
    actual = frame.select(
        capped_sum_of(F.col("amounts")).alias("sum"),
        capped_product(first, second).eqNullSafe(F.col("product")).alias("is_product"),
    )
    assert_rows(
        actual, ["sum", "is_product"], [(7, True), (0, True), (2**62 + 2, True), (MAX_BIGINT, True)]
    )
