"""JSON lines as rows."""

import pytest

from frames import assert_rows
from kinfold.bronze.sources.declaration import EventMapping, Source
from kinfold.bronze.sources.json_rows import json_hint, json_rows
from kinfold.core.errors import ConfError


@pytest.fixture
def rows_of(spark):
    """`rows_of(lines, {property: expression})`: the rows and the names of their columns."""

    def read(lines: list[str], properties: dict[str, str], *, may_lack: bool = False):
        mapping = EventMapping(
            event_type="'login'",
            occurred_at="at",
            identifiers={"email": "user.email"},
            properties=properties,
        )
        source = Source(name="s", display_path="s.yaml", format="json", input="in", event=mapping)
        columns = "value string, _metadata map<string, int>"
        frame = spark.createDataFrame([(line, {"a": 1}) for line in lines], columns)
        return json_rows(frame, frame, source, reason="_why", may_lack=may_lack)

    return read


def test_a_record_of_another_shape_has_nulls_and_the_others_have_their_values(rows_of):
    lines = [
        '{"at":"1","user":{"email":"a"},"value":1.50}',
        '{"at":"2","user":[]}',
        '{"at":"3","user":"{\\"email\\":\\"c\\"}","at":"4"}',
        "{",
    ]
    frame, columns = rows_of(lines, {"value": "value"})
    assert columns == ["at", "user", "value"]
    assert_rows(
        frame.selectExpr("_line", "at", "user.email", "value", "_why"),
        ["_line", "at", "email", "value", "_why"],
        [
            (lines[0], "1", "a", "1.50", None),
            (lines[1], "2", None, None, None),
            (lines[2], "4", "c", None, None),
            ("{", None, None, None, "/: not a JSON object"),
        ],
    )


def test_a_member_that_no_record_has_is_an_error_at_first_and_later_a_remark(rows_of, capsys):
    lines = ['{"at":"1","user":{"email":"a"}}']
    message = r"s\.yaml: event\.properties\.x: the data has no column 'att'\. Did you mean 'at'\?"
    with pytest.raises(ConfError, match=message):
        rows_of(lines, {"x": "att"})
    frame, _ = rows_of(lines, {"x": "att"}, may_lack=True)
    assert "att" in frame.columns
    assert "the data has no column 'att'" in capsys.readouterr().err


def test_a_member_that_only_a_late_record_has_is_found(rows_of):
    lines = ['{"at":"1","user":{"email":"a"}}'] * 1_000 + ['{"rare":"x"}']
    frame, _ = rows_of(lines, {"rare": "rare"})
    assert frame.where("rare = 'x'").count() == 1


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (b"PAR1\x15", "Parquet"),
        (b"PK\x03", "ZIP or Excel"),
        (b"[", "one object per line"),
        (b"a;b", "format: csv"),
        (b"hello", "text like aaaaa"),
    ],
)
def test_lines_of_another_format_are_recognised(rows_of, line, hint):
    assert hint in json_hint(line)


def test_lines_without_an_object_are_not_json(rows_of):
    with pytest.raises(ConfError, match=r"none of the first 2 lines of in is a JSON object.*csv"):
        rows_of(["at,user", "1,2"], {})
