"""Data files that workers write: equal to Spark's, and nothing remains of a failed one."""

import json
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frames import at
from kinfold.runtime.native_writes import data_files
from kinfold.runtime.native_writes.data_files import write_file
from many_kinds import MANY_KINDS, here, rows_of


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
