"""Cells of CSV files by the names of each file's header."""

import json

import pyarrow as pa
import pytest

from kinfold.bronze.sources.csv_files.format import CsvFormat, csv_format
from kinfold.bronze.sources.csv_files.records import (
    NO_HEADER,
    WRONG_COLUMNS,
    column_names,
    csv_columns,
)
from project import shared_case

HEADER = b"id,mail,note\n"


def rows(*files: bytes, names: tuple[str, ...] = ("id", "note"), at_once: int = 100, **options):
    """(file, offset, value, reason, cells) of each record; files are named a, b, ..."""
    batches = []
    for file, data in zip("abcdefgh", files, strict=False):
        lines = data.split(b"\n")
        lines = lines if lines[-1] else lines[:-1]
        for start in range(0, len(lines), at_once):
            part = pa.array(lines[start : start + at_once], pa.binary())
            batches.append(
                pa.RecordBatch.from_pydict(
                    {"source_partition": pa.repeat(file, len(part)), "value": part}
                )
            )
    columns = csv_columns(csv_format(options, where="shop.yaml"), names)
    found = [row for batch in columns(batches) for row in batch.to_pylist()]
    return [
        (
            row["source_partition"],
            row["source_offset"],
            row["value"].decode(errors="replace"),
            row["unreadable"],
            [row[f"c{number}"] for number in range(len(names))],
        )
        for row in found
    ]


def cells(*files: bytes, **options) -> list[list[str | None]]:
    return [row[4] for row in rows(*files, **options)]


def test_a_column_is_found_by_its_name_in_every_file():
    swapped = b"note,more,ID,mail\nb note,x,2,b@x\n"
    assert cells(HEADER + b"1,a@x,a note\n", swapped) == [["1", "a note"], ["2", "b note"]]


def test_a_column_that_a_file_lacks_is_null_there():
    assert cells(HEADER + b"1,a@x,a note\n", b"id\n2\n") == [["1", "a note"], ["2", None]]


@pytest.mark.parametrize("at_once", [1, 100])
def test_records_are_numbered_within_their_file_and_kept_as_json_with_nulls(at_once):
    assert rows(HEADER + b'1,,"say ""hi"""\n2,b@x,\n', b"id\n3\n", at_once=at_once) == [
        ("a", 0, '{"id":"1","mail":null,"note":"say \\"hi\\""}', None, ["1", 'say "hi"']),
        ("a", 1, '{"id":"2","mail":"b@x","note":null}', None, ["2", None]),
        ("b", 0, '{"id":"3"}', None, ["3", None]),
    ]


def test_control_characters_are_written_as_spark_writes_them_because_ids_are_hashes_of_rows():
    [row] = rows(b'id,note\n1,"\x1f\t\x08"\n')
    assert row[2] == '{"id":"1","note":"\\u001F\\t\\b"}'


def test_a_row_with_fewer_or_more_cells_is_unreadable_and_kept():
    found = rows(HEADER + b'1,a@x\n2,"b, c",x,y\n3,c@x,z\n')
    assert [(offset, value, reason) for _, offset, value, reason, _ in found] == [
        (0, "1,a@x", WRONG_COLUMNS),
        (1, '2,"b, c",x,y', WRONG_COLUMNS),
        (2, '{"id":"3","mail":"c@x","note":"z"}', None),
    ]


def test_rows_below_a_header_that_cannot_be_read_are_unreadable():
    found = rows(b"id,n\xffte\n1,a\n")
    assert [(reason, cells) for *_, reason, cells in found][1] == (NO_HEADER, [None, None])
    assert len(found) == 2, "the header itself is kept, too"


def test_without_a_header_columns_have_numbers():
    assert cells(b"1,a\n2,b\n", names=("_c1",), header=False) == [["a"], ["b"]]


def test_names_of_columns_are_those_of_spark():
    assert column_names(["id", "", "Note", "note"], CsvFormat()) == ["id", "_c1", "Note2", "note3"]


@pytest.mark.parametrize(
    "line",
    [
        b"1,a@x,plain",
        b'1,"a,b",""',
        b'"1","say ""hi""","back\\slash"',
        "1,é,\u20ac".encode(),
        b"1,,\r",
        b'1,a,"x\ty"',
        b'1,in"ner,x',
    ],
)
def test_the_quick_way_gives_what_the_exact_one_gives(line):
    """A record after a line break in quotes takes the exact way."""
    quick = rows(HEADER + b"0,x,y\n" + line + b"\n", at_once=2)
    exact = rows(HEADER + b"0,x,y\n" + line + b'\n9,"\n",\n', at_once=2)
    assert quick == exact[: len(quick)]
    assert json.loads(quick[-1][2])["id"] == "1"


def test_a_null_value_is_an_option_and_empty_cells_are_null():
    assert cells(b"id,note\n1,NULL\n2,\n", nullValue="NULL") == [["1", None], ["2", None]]


def test_the_files_of_the_case_collection_are_read_as_they_were_meant():
    quoted = shared_case("files/csv_rfc4180.csv").read_bytes()
    assert cells(quoted, names=("OrderNo", "Note")) == [
        ["Q1", '12" ruler'],
        ["Q2", 'says "hi", twice'],
        ["Q3", "folder C:\\tmp\\"],
        ["Q4", "plain"],
    ]
    folder = shared_case("files/csv_columns_swapped")
    swapped = [(folder / name).read_bytes() for name in ("a.csv", "b.csv")]
    assert cells(*swapped, names=("Email", "Note")) == [
        ["ann@shop.example", "first note here"],
        ["bob@shop.example", "second note here"],
        ["cat@shop.example", "a note"],
    ]
