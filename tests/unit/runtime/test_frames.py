"""Frames that stay, and rows found by number."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from kinfold.runtime import frames
from kinfold.runtime.frames import (
    cached,
    columns_of,
    frame_of,
    held,
    let_go,
    numbers,
    persisted,
    rows_with,
)


def test_numbers_of_several_frames_and_columns_come_once_and_in_order(spark):
    pairs = spark.createDataFrame([(3, 1), (2, 3)], "a bigint, b bigint")
    assert numbers(pairs, pairs.select("a")).tolist() == [1, 2, 3]
    assert numbers(pairs.where("a > 9")).tolist() == []


@pytest.mark.parametrize("few", [10, 1])
@pytest.mark.parametrize("values", [[], [1], [1, 3, 7]])
def test_rows_are_found_by_few_numbers_as_by_many(spark, monkeypatch, few, values):
    monkeypatch.setattr(frames, "FEW", few)
    rows = spark.range(5).withColumn("twice", F.col("id") * 2)
    found = columns_of(rows_with(rows, "id", np.array(values, np.int64)))
    assert sorted(found["id"].tolist()) == [value for value in values if value < 5]
    assert sorted(found["twice"].tolist()) == [value * 2 for value in values if value < 5]


def test_a_frame_of_no_rows_keeps_its_columns(spark):
    frame = frame_of(spark, pa.table({"node_id": pa.array([], pa.int64())}))
    assert (frame.columns, frame.count()) == (["node_id"], 0)


def test_held_rows_stay_when_the_table_they_came_from_is_written(spark, tmp_path):
    folder = str(tmp_path / "table")
    spark.range(3).write.format("delta").save(folder)
    rows = held(spark.read.format("delta").load(folder))
    spark.range(9).write.format("delta").mode("overwrite").save(folder)
    assert rows.count() == 3


def test_what_is_cached_is_let_go_where_it_was_made_and_what_is_held_at_the_very_end(spark):
    outside = cached(spark.range(1))
    with let_go():
        first = cached(spark.range(2))
        with let_go():
            second, kept, lazy = cached(spark.range(3)), held(spark.range(4)), spark.range(5)
            lazy = persisted(lazy)
        assert [f.is_cached for f in (first, second, kept, lazy)] == [True, False, True, True]
    assert [f.is_cached for f in (outside, first, kept, lazy)] == [True, False, False, False]
    assert (first.count(), kept.count()) == (2, 4)
    outside.unpersist()


def test_frames_are_let_go_when_the_work_fails(spark):
    rows = spark.range(2)

    def fails():
        with let_go():
            cached(rows)
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        fails()
    assert not rows.is_cached


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
        numbers(spark.createDataFrame([(1,), (None,)], "a bigint"))
