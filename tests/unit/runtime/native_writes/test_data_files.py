"""Data files that workers write: equal to Spark's, and nothing remains of a failed one."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem
from pyspark.sql import types as T

from frames import assert_rows, at
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.lake.write_strategies import Commit
from kinfold.runtime.native_writes import data_files
from kinfold.runtime.native_writes.data_files import write_file
from kinfold.runtime.native_writes.delta_log import DeltaLog
from kinfold.runtime.native_writes.locations import Location
from kinfold.tables.spec import Field, Privacy, Table

MANY_KINDS = Table(
    name="bronze.many_kinds",
    comment="One row per number.",
    fields=(
        Field("number", T.LongType(), "Key.", nullable=False),
        Field("text", T.StringType(), "Text."),
        Field("moment", T.TimestampType(), "Moment."),
        Field("share", T.DoubleType(), "Share."),
        Field("name", T.StringType(), "Who it is.", privacy=Privacy.IDENTIFIER),
        Field("counts", T.MapType(T.StringType(), T.LongType()), "By name."),
    ),
    key=("number",),
    written_by="tests.py",
    cluster_by=("number",),
)


@pytest.fixture
def lake(spark, lake_root):
    return Lake(spark, lake_root, "run-1", at("09:00"))


def rows_of(*rows: dict) -> pa.Table:
    return MANY_KINDS.arrow_rows(rows)


def here(folder: Path) -> Location:
    return Location(LocalFileSystem(), str(folder))


def written(tmp_path, *rows: dict) -> dict:
    file = write_file(
        rows_of(*rows),
        table=MANY_KINDS,
        location=here(tmp_path),
        codec="snappy",
    )
    assert file.rows == len(rows)
    assert file.size == (tmp_path / file.name).stat().st_size
    return json.loads(file.statistics)


def test_statistics_have_bounds_and_nulls_except_of_columns_that_identify_a_person(tmp_path):
    moment = at("2026-03-01T09:00") + timedelta(microseconds=1_999)
    statistics = written(
        tmp_path,
        dict(number=3, text="b", moment=moment, share=0.5, name="Ann"),
        dict(number=-1, text="é", name="Bob"),
    )
    assert statistics == {
        "numRecords": 2,
        "minValues": {"number": -1, "text": "b", "moment": "2026-03-01T09:00:00.001Z"},
        "maxValues": {"number": 3, "text": "é", "moment": "2026-03-01T09:00:00.001Z"},
        "nullCount": {"number": 0, "text": 0, "moment": 1, "share": 1},
    }


def test_a_long_text_and_a_column_of_nulls_have_no_bounds(tmp_path):
    statistics = written(tmp_path, dict(number=1, text="x" * 33))
    assert (statistics["minValues"], statistics["nullCount"]["moment"]) == ({"number": 1}, 1)


def test_a_null_in_a_required_column_is_refused_and_no_file_remains(tmp_path):
    with pytest.raises(
        ValueError, match=r"bronze.many_kinds: column number is null, expected a value"
    ):
        written(tmp_path, dict(number=1), dict(text="a"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_fails_midway_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "_ROW_GROUP_BYTES", 1)
    batches = pa.concat_tables([rows_of(dict(number=1)), rows_of(dict(text="a"))])
    with pytest.raises(ValueError, match="number is null, expected a value"):
        write_file(batches, table=MANY_KINDS, location=here(tmp_path), codec="zstd")
    assert not list(tmp_path.iterdir())


def test_many_rows_are_row_groups_of_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "_ROW_GROUP_BYTES", 1)
    rows = pa.concat_tables([rows_of(dict(number=n, counts={"a": n})) for n in range(3)])
    file = write_file(rows, table=MANY_KINDS, location=here(tmp_path), codec="zstd")
    stored = pq.ParquetFile(tmp_path / file.name)
    assert (stored.num_row_groups, stored.metadata.num_rows, file.rows) == (3, 3, 3)
    assert stored.metadata.row_group(0).column(0).compression == "ZSTD"


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


def test_two_processes_of_one_writer_cannot_both_commit_a_batch(lake, spark):
    lake.ensure(MANY_KINDS)
    log = DeltaLog.of(spark, lake.path(MANY_KINDS))
    first, second = log.start_batch("w", 0), log.start_batch("w", 0)
    folder = Path(lake.path(MANY_KINDS))
    file = write_file(
        rows_of(dict(number=1)),
        table=MANY_KINDS,
        location=here(folder),
        codec="snappy",
    )
    first.commit([file], run_id="run-1")
    with pytest.raises(Exception, match="CONCURRENT_TRANSACTION"):
        second.commit([file], run_id="run-1")
    assert lake.read(MANY_KINDS).count() == 1


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
