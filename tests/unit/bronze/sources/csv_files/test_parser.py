"""CSV by RFC 4180: every record is read whole or is unreadable as a whole."""

import csv
import io

import pytest
from hypothesis import given, strategies as st

from kinfold.bronze.sources.csv_files import parser as module
from kinfold.bronze.sources.csv_files.format import CsvFormat, csv_format
from kinfold.bronze.sources.csv_files.parser import (
    NOT_CLOSED,
    NOT_DOUBLED,
    TOO_LONG,
    CsvParser,
    CsvRecord,
)


def records(data: bytes, *, at_once: int = 1000, width: int = 2, **options) -> list[CsvRecord]:
    """The records of a file whose lines the parser gets in parts of `at_once` lines."""
    parser = CsvParser(csv_format(options, where="shop.yaml"), width)
    lines = data.split(b"\n")
    lines = lines if lines[-1] else lines[:-1]
    found: list[CsvRecord] = []
    for start in range(0, len(lines), at_once):
        found += parser.records(lines[start : start + at_once])
    return [*found, *parser.last_records()]


def cells(data: bytes, **options) -> list[list[str] | None]:
    return [record.cells for record in records(data, **options)]


@pytest.mark.parametrize("at_once", [1, 1000])
def test_quotes_are_doubled_and_a_backslash_is_an_ordinary_character(at_once):
    data = b'1,"12"" ruler"\n2,"says ""hi"", twice"\n3,"C:\\tmp\\"\n4,C:\\"x\n'
    assert cells(data, at_once=at_once) == [
        ["1", '12" ruler'],
        ["2", 'says "hi", twice'],
        ["3", "C:\\tmp\\"],
        ["4", 'C:\\"x'],
    ]


@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_a_line_break_in_quotes_belongs_to_the_record(at_once):
    assert cells(b'1,"a\nb\r\nc"\r\n2,d\n', at_once=at_once) == [["1", "a\nb\r\nc"], ["2", "d"]]


def test_lines_may_end_with_carriage_returns_only():
    assert cells(b'1,"a\rb"\r2,c\r') == [["1", "a\rb"], ["2", "c"]]


def test_a_byte_order_mark_and_empty_lines_are_not_data():
    assert cells(b'\xef\xbb\xbf"1",2\r\n\r\n  \n3,4') == [["1", "2"], ["3", "4"]]
    assert cells(b"\t\n", sep="\t") == [["", ""]], "a row of empty cells is a record"


@pytest.mark.parametrize("at_once", [1, 1000])
def test_a_quote_that_never_closes_is_one_unreadable_record(at_once):
    data = b'1,a\n2,"b\n3,c\n4,d\n'
    assert records(data, at_once=at_once) == [
        CsvRecord(["1", "a"]),
        CsvRecord(None, b'2,"b\n3,c\n4,d', NOT_CLOSED),
    ]


@pytest.mark.parametrize("at_once", [1, 1000])
def test_after_a_quote_that_is_not_doubled_the_next_whole_record_is_read(at_once):
    data = b'1,"12" ruler"\n2,b\n3,"c ""d"""\n'
    assert records(data, at_once=at_once) == [
        CsvRecord(None, b'1,"12" ruler"', NOT_DOUBLED),
        CsvRecord(["2", "b"]),
        CsvRecord(["3", 'c "d"']),
    ]


@pytest.mark.parametrize("at_once", [1, 1000])
def test_the_second_line_of_an_unreadable_record_is_never_a_record(at_once):
    data = b'1,"a "b" c\nd,e"\n2,f\n'
    assert records(data, at_once=at_once) == [
        CsvRecord(None, b'1,"a "b" c\nd,e"', NOT_DOUBLED),
        CsvRecord(["2", "f"]),
    ]


@pytest.mark.parametrize("at_once", [1, 1000])
def test_a_record_that_is_not_text_in_its_encoding_keeps_its_bytes(at_once):
    data = b'1,\xc3\xa9\n2,\xe9\n3,"a\n\xff"\n4,b\n'
    assert records(data, at_once=at_once) == [
        CsvRecord(["1", "é"]),
        CsvRecord(None, b"2,\xe9", "/: not UTF-8"),
        CsvRecord(None, b'3,"a\n\xff"', "/: not UTF-8"),
        CsvRecord(["4", "b"]),
    ]
    assert cells(b"1,\xe9", encoding="ISO-8859-1") == [["1", "é"]]
    [undefined] = records(b"1,\x81", encoding="windows-1252")
    assert undefined == CsvRecord(None, b"1,\x81", "/: not CP1252")


@pytest.mark.parametrize("at_once", [1, 1000])
@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32"])
def test_characters_of_several_bytes_may_contain_the_byte_of_a_line_end(encoding, at_once):
    text = '1,\u0a78\u7900\u0a0a\r\n"2\nx",é\n'
    found = cells(text.encode(encoding), encoding=encoding, at_once=at_once)
    assert found == [["1", "\u0a78\u7900\u0a0a"], ["2\nx", "é"]]
    without_last_end = text.removesuffix("\n").encode(encoding)
    assert cells(without_last_end, encoding=encoding, at_once=at_once) == found
    [_, _, cut] = records(text.encode(encoding) + b"x", encoding=encoding, at_once=at_once)
    assert (cut.cells, cut.raw) == (None, b"x")


def test_half_a_surrogate_pair_is_not_text():
    data = "1,a\n2,\ud800\n".encode("utf-16-le", "surrogatepass")
    found = records(data, encoding="UTF-16LE")
    assert found[0] == CsvRecord(["1", "a"])
    assert (found[1].cells, found[1].reason) == (None, "/: not UTF-16-LE")
    assert found[1].raw.startswith("2,\ud800".encode("utf-16-le", "surrogatepass"))


def test_an_escape_a_comment_and_blanks_are_options():
    assert cells(b'1,"say \\"hi\\" \\\\"\n', escape="\\") == [["1", 'say "hi" \\']]
    assert cells(b"# 1,a\n2,b\n", comment="#") == [["2", "b"]]
    trims = {"ignoreLeadingWhiteSpace": "true", "ignoreTrailingWhiteSpace": True}
    assert cells(b" 1 ,b \n", **trims) == [["1", "b"]]
    assert cells(b'1,"a\n', quote="") == [["1", '"a']]


def test_memory_is_bounded_when_a_quote_never_closes(monkeypatch):
    monkeypatch.setattr(module, "MAX_CHARACTERS", 30)
    data = b'1,"' + b"x,y\n" * 20 + b'",\n2,b\n'
    found = records(data, at_once=1)
    assert {record.reason for record in found[:-1]} == {TOO_LONG}
    assert b"\n".join(record.raw for record in found[:-1]) + b"\n2,b\n" == data
    assert found[-1] == CsvRecord(["2", "b"])


TEXTS = st.text(alphabet='ab",;\\\n\r é\t', max_size=6)


@given(rows=st.lists(st.tuples(TEXTS, TEXTS.filter(bool)), max_size=8), at_once=st.integers(1, 5))
def test_what_pythons_writer_wrote_is_read_unchanged(rows, at_once):
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    assert cells(file.getvalue().encode(), at_once=at_once) == [list(row) for row in rows]


def test_the_parser_knows_whether_it_is_inside_of_a_record():
    parser = CsvParser(CsvFormat())
    assert [*parser.records([b"1,a", b'2,"b'])] == [CsvRecord(["1", "a"])]
    assert not parser.is_between_records
    assert [*parser.records([b'c"'])] == [CsvRecord(["2", "b\nc"])]
    assert parser.is_between_records
