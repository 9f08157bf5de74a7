"""Rows of files: JSON lines, CSV and Parquet."""

import json

import pytest

from frames import assert_rows
from kinfold.bronze.sources.declaration import DataSource, Source
from kinfold.bronze.sources.files import file_rows, mapping_session, require_input
from kinfold.core.errors import ConfError


def source_of(folder, kind: str, **options: str | bool) -> Source:
    return Source(
        name="shop", display_path="shop.yaml", format=kind, input=str(folder), options=options
    )


@pytest.fixture
def rows_of(spark, tmp_path):
    """`rows_of(format, {file: text})`: (row as text, why it is unreadable) of each row."""

    def read(kind: str, files: dict[str, str], **options: str | bool) -> list[tuple]:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        source = source_of(tmp_path, kind, **options)
        rows = file_rows(mapping_session(spark, source), source, path=str(tmp_path))
        found = rows.frame.select(rows.raw, rows.unreadable.cast("string")).collect()
        return sorted((tuple(row) for row in found), key=str)

    return read


def test_a_row_of_csv_is_a_json_object_with_its_nulls_and_a_short_one_is_unreadable(rows_of):
    rows = rows_of("csv", {"a.csv": "id,city\n1,York\n2,\n3\n"})
    assert [(json.loads(raw), reason) for raw, reason in rows[1:]] == [
        ({"id": "1", "city": "York"}, None),
        ({"id": "2", "city": None}, None),
    ]
    assert rows[0] == ("3", "/: row does not have the columns of the header")


def test_a_line_of_json_is_kept_and_one_that_is_not_an_object_is_unreadable(rows_of):
    rows = rows_of("json", {"a.json": '{"id": 1}\n{"id": \n'})
    assert rows == [('{"id": ', "/: not a JSON object"), ('{"id": 1}', None)]


def test_members_of_json_are_texts_whatever_file_they_come_from(spark, tmp_path):
    (tmp_path / "a.json").write_text('{"id": 1}\n')
    (tmp_path / "b.json").write_text('{"id": "x", "city": "York"}\n')
    source = source_of(tmp_path, "json")
    rows = file_rows(mapping_session(spark, source), source, path=str(tmp_path / "a.json"))
    assert rows.columns == ["city", "id"]
    assert_rows(rows.frame, ["id", "city"], [("1", None)])


def test_parquet_keeps_its_types(spark, tmp_path):
    spark.createDataFrame([(1, None)], "id int, city string").write.parquet(f"{tmp_path}/p")
    source = source_of(tmp_path / "p", "parquet")
    rows = file_rows(mapping_session(spark, source), source, path=str(tmp_path / "p"))
    assert_rows(rows.frame.select("id", rows.raw.alias("raw")), ["id", "raw"],
                [(1, '{"id":1,"city":null}')])  # fmt: skip  # one row
    (tmp_path / "not.parquet").write_text("id\n1\n")
    with pytest.raises(ConfError, match="cannot be read as parquet"):
        file_rows(mapping_session(spark, source), source, path=str(tmp_path / "not.parquet"))


def test_a_bad_value_is_null_and_a_time_is_in_the_zone_of_the_source(spark):
    source = DataSource(name="s", display_path="s", format="csv", timezone="Europe/London")
    session = mapping_session(spark, source)
    row = session.range(1).selectExpr(
        "cast('many' as int) as number",
        "date_format(cast(0 as timestamp), 'HH:mm XXX') as time",
    ).collect()[0]  # fmt: skip  # one call
    assert tuple(row) == (None, "01:00 +01:00")
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC", "the other session is unchanged"


def test_the_first_run_needs_an_input_with_content(spark, tmp_path):
    source = source_of(tmp_path, "json")
    with pytest.raises(ConfError, match="is empty, expected json with at least one record"):
        require_input(spark, source, is_first=True)
    require_input(spark, source, is_first=False)
    (tmp_path / "a.json").write_text("{}\n")
    require_input(spark, source, is_first=True)
    missing = source_of(tmp_path / "missing", "json")
    with pytest.raises(ConfError, match="does not exist or cannot be read"):
        require_input(spark, missing, is_first=False)
