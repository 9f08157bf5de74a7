"""Arrow tables as frames, and rows found by number."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from kinfold.runtime import arrow_frames
from kinfold.runtime.arrow_frames import columns_of, distinct_numbers, frame_of, rows_with_values


def test_numbers_of_several_frames_and_columns_come_once_and_in_order(spark):
    pairs = spark.createDataFrame([(3, 1), (2, 3)], "a bigint, b bigint")
    assert distinct_numbers(pairs, pairs.select("a")).tolist() == [1, 2, 3]
    assert distinct_numbers(pairs.where("a > 9")).tolist() == []


@pytest.mark.parametrize("few", [10, 1])
@pytest.mark.parametrize("values", [[], [1], [1, 3, 7]])
def test_rows_are_found_by_few_numbers_as_by_many(spark, monkeypatch, few, values):
    monkeypatch.setattr(arrow_frames, "MAX_LITERAL_VALUES", few)
    rows = spark.range(5).withColumn("twice", F.col("id") * 2)
    found = columns_of(rows_with_values(rows, "id", np.array(values, np.int64)))
    assert sorted(found["id"].tolist()) == [value for value in values if value < 5]
    assert sorted(found["twice"].tolist()) == [value * 2 for value in values if value < 5]


def test_a_frame_of_no_rows_keeps_its_columns(spark):
    frame = frame_of(spark, pa.table({"node_id": pa.array([], pa.int64())}))
    assert (frame.columns, frame.count()) == (["node_id"], 0)


def test_columns_come_in_the_order_of_their_rows_whatever_the_batches(spark):
    rows = spark.range(10_000, numPartitions=3).select(
        "id", (F.col("id") % 2 == 0).alias("even"), F.col("id").cast("float").alias("share")
    )
    found = columns_of(rows)
    assert found["id"].tolist() == list(range(10_000))
    assert found["even"].tolist() == [n % 2 == 0 for n in range(10_000)]
    assert (found["even"].dtype, found["share"].dtype) == (np.bool_, np.float32)
    assert {name: len(a) for name, a in columns_of(rows.limit(0)).items()} == dict.fromkeys(
        found, 0
    )


def test_a_null_is_refused_and_not_made_a_number(spark):
    with pytest.raises(ValueError, match="a has nulls"):
        distinct_numbers(spark.createDataFrame([(1,), (None,)], "a bigint"))
