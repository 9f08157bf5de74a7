"""CSV files as rows with the columns that a source's expressions use."""

import gzip
import os

import pytest

from frames import assert_rows
from kinfold.bronze.sources.csv_files.format import CsvFormat
from kinfold.bronze.sources.csv_files.rows import OFFSET, VALUE, csv_rows, header_of
from kinfold.bronze.sources.declaration import EventMapping, Source
from kinfold.bronze.sources.files import mapping_session
from kinfold.bronze.sources.listing import EVERY_FILE, input_files


@pytest.fixture
def read(spark, tmp_path):
    """`read({name: text}, expressions)`: the rows; the last file is the newest."""

    def rows(files: dict[str, str | bytes], *expressions: str, may_lack: bool = False, **options):
        for number, (name, text) in enumerate(files.items()):
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
            os.utime(tmp_path / name, (number, number))
        source = Source(
            name="shop",
            display_path="shop.yaml",
            format="csv",
            input=str(tmp_path),
            options=options,
            event=EventMapping(
                event_type="'purchase'",
                occurred_at="now()",
                identifiers={f"i{number}": one for number, one in enumerate(expressions)},
            ),
        )
        return csv_rows(
            mapping_session(spark, source).read,
            str(tmp_path),
            source,
            files=input_files(spark, str(tmp_path)),
            versions=EVERY_FILE,
            may_lack=may_lack,
        )

    return rows


def test_only_columns_that_an_expression_uses_are_columns_of_the_frame(read, capsys):
    rows = read(
        {"a.csv": "id,Mail,x\n1,a@x,0\n", "b.csv": "more,mail\n9,b@x\n"}, "upper(MAIL)", "id"
    )
    assert rows.columns == ["more", "mail", "id", "x"], "the newest file first"
    assert_rows(rows.frame, ["MAIL", "id", OFFSET], [("a@x", "1", 0), ("b@x", None, 0)])
    assert "shop: no column 'id', which is null there: b.csv" in capsys.readouterr().err


def test_a_star_uses_all_columns(read):
    rows = read({"a.csv": "id,mail\n1,a@x\n"}, "to_json(struct(*))")
    assert_rows(rows.frame, ["id", "mail"], [("1", "a@x")])


def test_a_column_that_no_file_has_is_absent_unless_the_files_may_lack_it(read):
    files = {"a.csv": "id\n1\n"}
    assert "mail" not in read(files, "mail").frame.columns
    assert_rows(read(files, "mail", may_lack=True).frame, ["mail"], [(None,)])


def test_a_file_may_be_compressed_and_in_another_encoding(read, spark, tmp_path):
    files = {"a.csv.gz": gzip.compress("id;näme\n1;é\n".encode("utf-16"))}
    rows = read(files, "`näme`", sep=";", encoding="UTF-16")
    assert_rows(rows.frame, ["näme", VALUE], [("é", '{"id":"1","näme":"é"}'.encode())])


def test_the_header_is_read_without_the_file(spark, tmp_path):
    (tmp_path / "a.csv").write_text('"line\nbreak",b\n' + "1,2\n" * 100_000)
    (tmp_path / "b.csv").write_text("only,a,header")
    (tmp_path / "c.csv").write_bytes(b"\xff,b\n1,2\n")
    headers = [header_of(spark, file, CsvFormat()) for file in input_files(spark, str(tmp_path))]
    assert headers == [["line\nbreak", "b"], ["only", "a", "header"], None]
