"""Frames that are cached during a part of a job."""

import pytest

from kinfold.runtime.caching import cached, caching_scope, lazily_cached, materialized


def test_materialized_rows_stay_the_same_after_a_write_to_their_table(spark, tmp_path):
    folder = str(tmp_path / "table")
    spark.range(3).write.format("delta").save(folder)
    rows = materialized(spark.read.format("delta").load(folder))
    spark.range(9).write.format("delta").mode("overwrite").save(folder)
    assert rows.count() == 3


def test_cached_frames_end_with_their_scope_and_materialized_and_lazy_ones_with_the_outermost(
    spark,
):
    outside = cached(spark.range(1))
    with caching_scope():
        first = cached(spark.range(2))
        with caching_scope():
            second, kept, lazy = (
                cached(spark.range(3)),
                materialized(spark.range(4)),
                spark.range(5),
            )
            lazy = lazily_cached(lazy)
        assert [f.is_cached for f in (first, second, kept, lazy)] == [True, False, True, True]
    assert [f.is_cached for f in (outside, first, kept, lazy)] == [True, False, False, False]
    assert (first.count(), kept.count()) == (2, 4)
    outside.unpersist()


def test_frames_are_unpersisted_after_an_error(spark):
    rows = spark.range(2)

    def fails():
        with caching_scope():
            cached(rows)
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        fails()
    assert not rows.is_cached
