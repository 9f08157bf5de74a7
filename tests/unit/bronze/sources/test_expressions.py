"""Expressions of source files are checked against the schema of the data."""

from datetime import datetime

import pytest
from pyspark.sql import functions as F

from kinfold.bronze.sources.expressions import checked_column, instant_text
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
