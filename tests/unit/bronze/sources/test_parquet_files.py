"""The columns of Parquet files: nanoseconds, and types that differ between files."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from kinfold.bronze.sources.declaration import DataSource
from kinfold.bronze.sources.files import file_rows, mapping_session
from kinfold.bronze.sources.listing import input_files
from kinfold.bronze.sources.parquet_files import parquet_columns
from kinfold.core.errors import ConfError, ContractError

NANOS = 1_772_359_200_123_456_789
SECOND = datetime(2026, 3, 1, 10, tzinfo=UTC) + timedelta(microseconds=123_456)


@pytest.fixture
def write(tmp_path):
    def written(name: str, **columns: pa.Array) -> None:
        pq.write_table(pa.table(columns), tmp_path / name)

    return written


@pytest.fixture
def columns_of(spark, tmp_path):
    source = DataSource(name="s", display_path="s", format="parquet")
    session = mapping_session(spark, source)
    return lambda: parquet_columns(session, input_files(spark, str(tmp_path)))


def test_nanoseconds_are_read_as_instants_or_in_the_zone_of_the_source(spark, write, tmp_path):
    write(
        "a.parquet",
        utc=pa.array([NANOS, None, -1], pa.timestamp("ns", tz="UTC")),
        local=pa.array([NANOS, None, -1], pa.timestamp("ns")),
        id=pa.array([1, 2, 3], pa.int32()),
    )
    source = DataSource(name="s", display_path="s", format="parquet", input=str(tmp_path),
                        timezone="Europe/Paris")  # fmt: skip  # one call
    rows = file_rows(mapping_session(spark, source), source, path=str(tmp_path))
    micros = [F.unix_micros(name).alias(name) for name in ("utc", "local")]
    first, none, before_1970 = rows.frame.orderBy("id").select(*micros).collect()
    second = int(SECOND.timestamp()) * 1_000_000 + 123_456
    hour = 3_600_000_000
    assert tuple(first) == (second, second - hour)
    assert tuple(none) == (None, None)
    assert tuple(before_1970) == (-1, -1 - hour)


def test_the_wider_type_of_a_column_is_read_and_a_column_of_one_file_is_null_in_others(
    write, columns_of
):
    write("a.parquet", n=pa.array([1], pa.int32()), x=pa.array([1.0], pa.float32()))
    write("b.parquet", n=pa.array([2], pa.int64()), x=pa.array([1.0]), rare=pa.array(["r"]))
    schema = columns_of().schema
    assert {f.name: f.dataType.simpleString() for f in schema} == {
        "n": "bigint", "x": "double", "rare": "string",
    }  # fmt: skip  # one value


@pytest.mark.parametrize(
    ("one", "other", "types"),
    [
        (pa.array([1]), pa.array(["1"]), "bigint.*string|string.*bigint"),
        (pa.array([1]), pa.array([NANOS], pa.timestamp("ns")), "a time with nanoseconds"),
    ],
)
def test_types_that_cannot_be_read_as_one_are_named_with_their_files(
    write, columns_of, one, other, types
):
    write("a.parquet", total=one)
    write("b.parquet", total=other)
    with pytest.raises(ContractError, match=types) as caught:
        columns_of()
    assert all(name in str(caught.value) for name in ("'total'", "a.parquet", "b.parquet"))


def test_a_file_that_is_not_parquet_is_named(write, columns_of, tmp_path):
    write("a.parquet", total=pa.array([1]))
    (tmp_path / "b.parquet").write_text("PAR1?")
    with pytest.raises(ConfError, match=r"b\.parquet cannot be read as parquet"):
        columns_of()
