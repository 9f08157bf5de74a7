"""Data files that workers write: as Spark would, and nothing left of those that fail."""

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
from kinfold.runtime.lake.tables import Commit, Lake
from kinfold.runtime.native_writes import data_files
from kinfold.runtime.native_writes.data_files import written_file
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
    written_by="nobody.py",
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
    file = written_file(
        rows_of(*rows),
        table=MANY_KINDS,
        place=here(tmp_path),
        codec="snappy",
    )
    assert file.rows == len(rows)
    assert file.size == (tmp_path / file.name).stat().st_size
    return json.loads(file.statistics)


def test_the_log_is_told_bounds_and_nulls_but_of_no_column_that_names_a_person(tmp_path):
    moment = at("2026-03-01T09:00") + timedelta(microseconds=1_999)
    told = written(
        tmp_path,
        dict(number=3, text="b", moment=moment, share=0.5, name="Ann"),
        dict(number=-1, text="é", name="Bob"),
    )
    assert told == {
        "numRecords": 2,
        "minValues": {"number": -1, "text": "b", "moment": "2026-03-01T09:00:00.001Z"},
        "maxValues": {"number": 3, "text": "é", "moment": "2026-03-01T09:00:00.001Z"},
        "nullCount": {"number": 0, "text": 0, "moment": 1, "share": 1},
    }


def test_a_long_text_and_a_column_of_nulls_have_no_bounds(tmp_path):
    told = written(tmp_path, dict(number=1, text="x" * 33))
    assert (told["minValues"], told["nullCount"]["moment"]) == ({"number": 1}, 1)


def test_a_null_that_must_not_be_is_refused_and_no_file_is_left(tmp_path):
    with pytest.raises(ValueError, match=r"bronze.many_kinds: number is null, which it must not"):
        written(tmp_path, dict(number=1), dict(text="a"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_fails_half_way_is_taken_away(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "_GROUP_BYTES", 1)
    batches = pa.concat_tables([rows_of(dict(number=1)), rows_of(dict(text="a"))])
    with pytest.raises(ValueError, match="number is null"):
        written_file(batches, table=MANY_KINDS, place=here(tmp_path), codec="zstd")
    assert not list(tmp_path.iterdir())


def test_many_rows_are_groups_of_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "_GROUP_BYTES", 1)
    rows = pa.concat_tables([rows_of(dict(number=n, counts={"a": n})) for n in range(3)])
    file = written_file(rows, table=MANY_KINDS, place=here(tmp_path), codec="zstd")
    stored = pq.ParquetFile(tmp_path / file.name)
    assert (stored.num_row_groups, stored.metadata.num_rows, file.rows) == (3, 3, 3)
    assert stored.metadata.row_group(0).column(0).compression == "ZSTD"


def test_rows_that_workers_make_are_appended_once_and_counted(lake, spark):
    records = spark.range(0, 5, numPartitions=2).withColumnRenamed("id", "number")

    def doubled(batches):
        for batch in batches:
            for _ in range(2):
                yield batch

    def counted(rows):
        return {"even": sum(n.as_py() % 2 == 0 for n in rows["number"])}

    def land(batch_id, writer="w"):
        return lake.append_files_once(
            MANY_KINDS, records, doubled, count=counted, writer=writer, batch_id=batch_id
        )

    assert lake.takes_files(MANY_KINDS)
    commit, counts = land(0)
    assert (commit.rows, counts) == (10, {"received": 5, "even": 6})
    assert land(0) is None
    assert land(1)[0] == Commit(commit.version + 1, 10)
    assert land(0, writer="other") is not None
    assert lake.read(MANY_KINDS).count() == 30
    assert lake.read(MANY_KINDS).where("number = 4").count() == 6
    batch = lake.append_files_once(
        MANY_KINDS, records.limit(0), doubled, count=counted, writer="w", batch_id=2
    )
    assert batch is not None
    assert (batch[0].rows, batch[1]) == (0, {})
    assert land(2) is None


def test_two_of_one_writer_cannot_both_commit_a_batch(lake, spark):
    lake.ensure(MANY_KINDS)
    log = DeltaLog.of(spark, lake.path(MANY_KINDS))
    first, second = log.batch("w", 0), log.batch("w", 0)
    folder = Path(lake.path(MANY_KINDS))
    file = written_file(
        rows_of(dict(number=1)),
        table=MANY_KINDS,
        place=here(folder),
        codec="snappy",
    )
    first.commit([file], run_id="run-1")
    with pytest.raises(Exception, match="CONCURRENT_TRANSACTION"):
        second.commit([file], run_id="run-1")
    assert lake.read(MANY_KINDS).count() == 1


def test_rows_of_the_driver_and_of_spark_make_one_table(lake, spark):
    moment = at("2026-03-01T09:00") + timedelta(microseconds=1)
    row = dict(number=1, text="a", moment=moment, share=0.5, name="n", counts={"x": 1, "y": None})
    lake.append(MANY_KINDS, MANY_KINDS.frame(spark, row))
    lake.append_record(MANY_KINDS, [row, dict(number=2)])
    told = ["number", "text", "moment", "share", "name", "counts"]
    same = tuple(row.values())
    assert_rows(lake.read(MANY_KINDS), told, [same, same, (2, None, None, None, None, None)])
    between = f"moment = timestamp'{moment.isoformat()}'"
    assert lake.read(MANY_KINDS).where(between).count() == 2, "found by bounds cut to milliseconds"
    changes = lake.changes(MANY_KINDS, after=0, until=lake.version(MANY_KINDS))
    assert [r["_change_type"] for r in changes.collect()] == ["insert"] * 3


def test_a_table_that_asks_more_of_its_writer_is_left_to_spark(lake, spark, lake_root):
    lake.ensure(MANY_KINDS)
    assert lake.takes_files(MANY_KINDS)
    path = lake.path(MANY_KINDS)
    spark.sql(f"ALTER TABLE delta.`{path}` ADD CONSTRAINT small CHECK (number < 10)")
    assert not lake.takes_files(MANY_KINDS)
    with pytest.raises(Exception, match="CHECK constraint small"):
        lake.append_record(MANY_KINDS, [dict(number=11)])
    lake.append_record(MANY_KINDS, [dict(number=9)])
    assert lake.read(MANY_KINDS).count() == 1


def test_where_workers_cannot_write_spark_does(lake, spark, monkeypatch):
    lake.ensure(MANY_KINDS)
    name = "spark.sql.parquet.compression.codec"
    before = spark.conf.get(name)
    try:
        spark.conf.set(name, "brotli")
        assert not lake.takes_files(MANY_KINDS)
    finally:
        spark.conf.set(name, before)
    monkeypatch.setattr(DeltaLog, "of", lambda *_: None)
    assert not lake.takes_files(MANY_KINDS)
    lake.append_record(MANY_KINDS, [dict(number=1)])
    assert (lake.version(MANY_KINDS), lake.read(MANY_KINDS).count()) == (1, 1)
    monkeypatch.undo()
    monkeypatch.setattr(DeltaLog, "place", None)  # that of a storage Python does not know
    assert not lake.takes_files(MANY_KINDS)
    lake.append_record(MANY_KINDS, [dict(number=2)])
    assert lake.read(MANY_KINDS).count() == 2


def test_the_folder_is_where_spark_sees_the_table(lake, spark, lake_root, tmp_path):
    odd = replace(lake, root=f"file:{tmp_path}/a%20lake+%C3%A9")
    odd.append_record(MANY_KINDS, [dict(number=1)])
    assert odd.read(MANY_KINDS).count() == 1
    plain = replace(lake, root=f"{tmp_path}/a b%20é")
    plain.append_record(MANY_KINDS, [dict(number=1)])
    assert plain.read(MANY_KINDS).count() == 1


def test_a_column_that_must_not_be_null_and_that_nobody_declares_is_left_to_spark(lake):
    more = Field("more", T.StringType(), "Declared once.", nullable=False)
    lake.ensure(replace(MANY_KINDS, fields=(*MANY_KINDS.fields, more)))
    assert not lake.takes_files(MANY_KINDS)
