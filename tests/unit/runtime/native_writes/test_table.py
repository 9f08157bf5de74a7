"""Appends without Spark's writer, and where Spark writes instead."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pyspark.sql import types as T

from frames import assert_rows, at
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.lake.write_strategies import Commit
from kinfold.runtime.native_writes.delta_log import DeltaLog
from kinfold.tables.spec import Field
from many_kinds import MANY_KINDS


@pytest.fixture
def lake(spark, lake_root):
    return Lake(spark, lake_root, "run-1", at("09:00"))


@pytest.mark.parametrize("native", [True, False], ids=["workers", "spark"])
def test_rows_that_workers_make_are_appended_once_and_counted(lake, spark, native):
    lake = replace(lake, native_writes=native)
    records = spark.range(0, 5, numPartitions=2).withColumnRenamed("id", "number")

    def doubled(batches):
        for batch in batches:
            for _ in range(2):
                yield batch

    def counted(rows):
        return {"even": sum(n.as_py() % 2 == 0 for n in rows["number"])}

    def land(batch_id, writer="w"):
        return lake.append_made_once(
            MANY_KINDS, records, doubled, count=counted, writer=writer, batch_id=batch_id
        )

    assert (lake.native(MANY_KINDS) is not None) == native
    first = land(0)
    assert (first.rows, first.counts) == (10, {"received": 5, "even": 6})
    assert land(0) is None
    assert land(1) == Commit(first.version + 1, 10, {"received": 5, "even": 6})
    assert land(0, writer="other") is not None
    assert lake.read(MANY_KINDS).count() == 30
    assert lake.read(MANY_KINDS).where("number = 4").count() == 6
    batch = lake.append_made_once(
        MANY_KINDS, records.limit(0), doubled, count=counted, writer="w", batch_id=2
    )
    assert batch is not None
    assert (batch.rows, sum(batch.counts.values())) == (0, 0)
    assert land(2) is None


def test_rows_written_by_the_driver_and_by_spark_are_read_alike(lake, spark):
    moment = at("2026-03-01T09:00") + timedelta(microseconds=1)
    row = dict(number=1, text="a", moment=moment, share=0.5, name="n", counts={"x": 1, "y": None})
    lake.append(MANY_KINDS, MANY_KINDS.frame(spark, row))
    lake.append_record(MANY_KINDS, [row, dict(number=2)])
    columns = ["number", "text", "moment", "share", "name", "counts"]
    same = tuple(row.values())
    assert_rows(lake.read(MANY_KINDS), columns, [same, same, (2, None, None, None, None, None)])
    between = f"moment = timestamp'{moment.isoformat()}'"
    assert lake.read(MANY_KINDS).where(between).count() == 2, "found by bounds cut to milliseconds"
    changes = lake.changes(MANY_KINDS, after=0, until=lake.version(MANY_KINDS))
    assert [r["_change_type"] for r in changes.collect()] == ["insert"] * 3


def test_a_table_with_a_constraint_is_left_to_spark(lake, spark, lake_root):
    lake.ensure(MANY_KINDS)
    assert lake.native(MANY_KINDS) is not None
    path = lake.path(MANY_KINDS)
    spark.sql(f"ALTER TABLE delta.`{path}` ADD CONSTRAINT small CHECK (number < 10)")
    assert lake.native(MANY_KINDS) is None
    with pytest.raises(Exception, match="CHECK constraint small"):
        lake.append_record(MANY_KINDS, [dict(number=11)])
    lake.append_record(MANY_KINDS, [dict(number=9)])
    assert lake.read(MANY_KINDS).count() == 1


def test_spark_writes_where_workers_cannot(lake, spark, monkeypatch):
    lake.ensure(MANY_KINDS)
    name = "spark.sql.parquet.compression.codec"
    before = spark.conf.get(name)
    try:
        spark.conf.set(name, "brotli")
        assert lake.native(MANY_KINDS) is None
    finally:
        spark.conf.set(name, before)
    monkeypatch.setattr(DeltaLog, "of", lambda *_: None)
    assert lake.native(MANY_KINDS) is None
    lake.append_record(MANY_KINDS, [dict(number=1)])
    assert (lake.version(MANY_KINDS), lake.read(MANY_KINDS).count()) == (1, 1)
    monkeypatch.undo()
    monkeypatch.setattr(DeltaLog, "location", None)  # as of a storage that Python does not know
    assert lake.native(MANY_KINDS) is None
    lake.append_record(MANY_KINDS, [dict(number=2)])
    assert lake.read(MANY_KINDS).count() == 2


def test_the_folder_is_the_one_that_spark_reads(lake, spark, lake_root, tmp_path):
    odd = replace(lake, root=f"file:{tmp_path}/a%20lake+%C3%A9")
    odd.append_record(MANY_KINDS, [dict(number=1)])
    assert odd.read(MANY_KINDS).count() == 1
    plain = replace(lake, root=f"{tmp_path}/a b%20é")
    plain.append_record(MANY_KINDS, [dict(number=1)])
    assert plain.read(MANY_KINDS).count() == 1


def test_a_table_with_an_undeclared_required_column_is_left_to_spark(lake):
    more = Field("more", T.StringType(), "Declared once.", nullable=False)
    lake.ensure(replace(MANY_KINDS, fields=(*MANY_KINDS.fields, more)))
    assert lake.native(MANY_KINDS) is None
