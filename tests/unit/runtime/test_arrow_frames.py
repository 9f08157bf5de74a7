"""Arrow tables as frames, frames as arrays, and rows selected by number."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from kinfold.runtime import arrow_frames
from kinfold.runtime.arrow_frames import (
    columns_of,
    distinct_numbers,
    frame_of,
    rows_with_values,
    small_slices,
)


def test_distinct_numbers_of_several_frames_and_columns_are_sorted(spark):
    pairs = spark.createDataFrame([(3, 1), (2, 3)], "a bigint, b bigint")
    assert distinct_numbers(pairs, pairs.select("a")).tolist() == [1, 2, 3]
    assert distinct_numbers(pairs.where("a > 9")).tolist() == []


@pytest.mark.parametrize("most", [10, 1])
@pytest.mark.parametrize("values", [[], [1], [1, 3, 7]])
def test_a_few_numbers_select_the_same_rows_as_many(spark, monkeypatch, most, values):
    monkeypatch.setattr(arrow_frames, "MAX_LITERAL_VALUES", most)
    rows = spark.range(5).withColumn("twice", F.col("id") * 2)
    columns = columns_of(rows_with_values(rows, "id", np.array(values, np.int64)))
    assert sorted(columns["id"].tolist()) == [value for value in values if value < 5]
    assert sorted(columns["twice"].tolist()) == [value * 2 for value in values if value < 5]


def test_a_frame_of_no_rows_keeps_its_columns(spark):
    frame = frame_of(spark, pa.table({"node_id": pa.array([], pa.int64())}))
    assert (frame.columns, frame.count()) == (["node_id"], 0)


def test_columns_keep_the_order_of_rows_across_batches(spark):
    rows = spark.range(10_000, numPartitions=3).select(
        "id", (F.col("id") % 2 == 0).alias("even"), F.col("id").cast("float").alias("share")
    )
    columns = columns_of(rows)
    assert columns["id"].tolist() == list(range(10_000))
    assert columns["even"].tolist() == [n % 2 == 0 for n in range(10_000)]
    assert (columns["even"].dtype, columns["share"].dtype) == (np.bool_, np.float32)
    lengths = {name: len(array) for name, array in columns_of(rows.limit(0)).items()}
    assert lengths == {"id": 0, "even": 0, "share": 0}


def test_a_null_among_numbers_is_refused(spark):
    with pytest.raises(ValueError, match="a has nulls"):
        distinct_numbers(spark.createDataFrame([(1,), (None,)], "a bigint"))


def test_text_becomes_objects_and_null_becomes_none(spark):
    rows = spark.createDataFrame([("ann", 1), (None, 2)], "name string, n bigint")
    columns = columns_of(rows)
    assert columns["name"].tolist() == ["ann", None]
    assert columns["n"].tolist() == [1, 2]


def test_small_slices_are_all_rows_in_their_order_and_few_at_once():
    numbers = pa.array(range(4_001))
    parts = list(small_slices(numbers))
    assert [len(part) for part in parts] == [2_000, 2_000, 1]
    assert pa.chunked_array(parts).to_pylist() == list(range(4_001))
    assert list(small_slices(pa.array([]))) == []
