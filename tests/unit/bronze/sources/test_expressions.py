"""Expressions of source files are checked against the schema of the data."""

import re
from datetime import datetime

import pytest
from pyspark.sql import functions as F

from kinfold.bronze.sources.declaration import DataSource
from kinfold.bronze.sources.expressions import (
    checked_column,
    identifier_text,
    instant_text,
    require_working_patterns,
    tried,
    unknown_column,
)
from kinfold.bronze.sources.files import mapping_session
from kinfold.core.errors import ConfError


@pytest.fixture(scope="module")
def rows(spark):
    return spark.createDataFrame([("7", "x")], "amount string, `odd.name` string")


def test_a_valid_expression_is_a_column(rows):
    column = checked_column(rows, "cast(amount as int) + 1", columns=rows.columns, where="f: k")
    assert rows.select(column).collect()[0][0] == 8


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("amuont", "f: k: the data has no column 'amuont'. Did you mean 'amount'"),
        ("upper(", "f: k: 'upper\\(' is not a valid Spark SQL expression: "),
        ("no_such_function(amount)", "is not a valid Spark SQL expression: "),
    ],
)
def test_an_invalid_expression_is_reported_with_its_file_and_key(rows, expression, message):
    with pytest.raises(ConfError, match=message):
        checked_column(rows, expression, columns=rows.columns, where="f: k")


def test_a_time_is_written_with_its_offset_in_the_zone_of_the_session(spark):
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "Europe/London")
    rows = session.createDataFrame([("2026-07-01 09:00:00",), (None,)], "at string")
    texts = [row[0] for row in rows.select(instant_text(F.col("at"))).collect()]
    assert texts == ["2026-07-01T09:00:00.000000+01:00", None]
    assert datetime.fromisoformat(texts[0]).utcoffset().total_seconds() == 3600


@pytest.fixture(scope="module")
def mapped(spark):
    """Two rows in a session for mappings."""
    source = DataSource(name="s", display_path="s", format="csv")
    frame = mapping_session(spark, source).createDataFrame(
        [("12", "1.785E7"), ("bad", "0.5")], "a string, b string"
    )
    return frame.selectExpr("a", "cast(b as double) as b", "a as `Order Date`")


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("to_number(a, '99')", [12, None]),
        ("cast(to_number(a, '99') as bigint)", [12, None]),
        ("if(to_number(a, '99') < 100, to_number(a, '99') + to_number(a, '99'), null)", [24, None]),
        ("if(a = 'bad', raise_error('bad value'), a)", ["12", None]),
    ],
)
def test_one_value_for_which_an_expression_fails_is_null(mapped, expression, values):
    columns = [tried(mapped, expression).alias(name) for name in ("x", "y")]
    rows = mapped.select(*columns).collect()
    assert [row["x"] for row in rows] == [row["y"] for row in rows] == values
    require_working_patterns(mapped, {"event.x": expression}, display_path="f")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("to_timestamp(a, 'dd/MM/YYYY')", "Fail to recognize 'dd/MM/YYYY' pattern.*y \\(year\\)"),
        ("to_date(a, 'yyyyy-qq-dd')", "pattern"),
        ("regexp_replace(a, '[', '')", "regexp.*is invalid"),
        ("rlike(a, '[')", "regexp.*is invalid"),
    ],
)
def test_a_pattern_that_fits_no_value_is_reported_with_its_key(mapped, expression, reason):
    expressions = {"event.ok": "a", "event.x": expression}
    with pytest.raises(ConfError, match=rf"^f: event\.x: .*{reason}") as caught:
        require_working_patterns(mapped, expressions, display_path="f")
    assert "\n" not in str(caught.value)
    assert "bad" not in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("purchase", """For the constant text write "'purchase'\""""),
        ("Order Date", "Write the column's name in backquotes: `Order Date`"),
        ("upper(Order Date)", "Write the column's name in backquotes: `Order Date`"),
        ("b.c.d", "is not a valid Spark SQL expression: .+"),
    ],
)
def test_the_message_about_an_expression_says_how_to_quote(mapped, expression, hint):
    with pytest.raises(ConfError) as caught:
        checked_column(mapped, expression, columns=mapped.columns, where="f: k")
    assert re.search(hint, str(caught.value)), caught.value


@pytest.mark.parametrize("header", ['{"email": "ann@shop.example"}', "ann@shop.example", "17"])
def test_a_header_that_is_data_is_not_quoted(header):
    error = unknown_column("x", expression="x", columns=["a", header], where="f: k")
    assert "looks like data" in str(error)
    assert header not in str(error)


def test_a_whole_number_with_a_fraction_is_an_identifier_without_it(mapped):
    texts = [row[0] for row in mapped.select(identifier_text(mapped, F.col("b"))).collect()]
    assert texts == ["17850000", "0.5"]
