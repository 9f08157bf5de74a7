"""Rows of an extract as records, with their errors and hashes."""

import pytest
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.bronze.records.mapping import mapped_records
from kinfold.bronze.sources.files import Rows
from kinfold.core.errors import ConfError
from record_samples import record_source


def test_contents_that_differ_never_share_a_hash(mapped):
    """Absent and shifted values, separators and quotes in them, and other terms."""
    cells = [
        ("1", "x", None),
        ("1", None, "x"),
        ("1", "x,", "y"),
        ("1", "x", ",y"),
        ("1", 'x","b":"', "y"),
    ]
    records = mapped(record_source(), *((*c, None) for c in cells))
    other = mapped(record_source(agreement="A-1"), ("1", "x", None, None))
    assert records.unionByName(other).select("content_hash").distinct().count() == 6


def test_the_order_of_traits_in_the_source_file_does_not_change_the_hash(mapped):
    row = ("1", "x", "y", None)
    one = mapped(record_source(traits={"a": "a", "b": "b"}), row)
    other = mapped(record_source(traits={"b": "b", "a": "a"}), row)
    assert one.unionByName(other).select("content_hash").distinct().count() == 1


def test_a_record_has_the_errors_of_its_row_and_no_values_without_content(mapped):
    source = record_source(identifiers={"email": "a"}, deleted="b = 'gone'")
    records = mapped(
        source,
        (" 1 ", " x ", None, None),
        ("", "x", None, None),
        ("2", " ", None, None),
        ("3", None, "gone", None),
    )
    assert_rows(
        records,
        ["record_id", "errors", "is_deletion", "identifiers", "traits"],
        [
            ("1", [], False, {"email": "x"}, {"a": "x"}),
            ("", ["/record_id: missing"], False, {"email": "x"}, {"a": "x"}),
            ("2", ["/identifiers: none has a value"], False, {}, {}),
            ("3", [], True, None, None),
        ],
    )


def test_a_record_may_have_changed_up_to_a_day_after_it_landed(mapped):
    source = record_source(changed_at="changed")
    in_time, too_late = (
        ("1", "x", None, "2026-03-02T12:00:00Z"),
        ("2", "x", None, "2026-03-02T12:00:01Z"),
    )
    assert_rows(
        mapped(source, in_time, too_late),
        ["changed_at", "errors"],
        [
            (at("2026-03-02T12:00"), []),
            (at("2026-03-02T12:00:01"), ["/changed_at: more than 1 day after ingestion"]),
        ],
    )


def test_an_unreadable_row_keeps_its_reason_alone(spark):
    frame = spark.createDataFrame([("1", None, None)], "id string, a string, b string")
    rows = Rows(frame, frame.columns, raw=F.lit("1,x"), unreadable=F.lit("/: broken"))
    records = mapped_records(rows, record_source(), landed_at=at("12:00"))
    assert_rows(records, ["record_id", "errors", "raw"], [("", ["/: broken"], "1,x")])


def test_an_expression_with_an_unknown_column_is_reported_with_its_key(mapped):
    with pytest.raises(ConfError, match=r"crm\.yaml: traits\.a: the data has no column 'aa'"):
        mapped(record_source(traits={"a": "aa"}))
