"""A number that is no whole number, or too large, never becomes one."""

import pytest
from pyspark.sql import functions as F
from pyspark.sql.classic.column import Column

from kinfold.bronze.sources.declaration import DataSource
from kinfold.bronze.sources.files import mapping_session
from kinfold.bronze.sources.whole_numbers import with_exact_casts

NAN, INFINITY = float("nan"), float("inf")


@pytest.fixture(scope="module")
def values(spark):
    """`values(expressions, (text, double, long))`: the values of expressions for one row."""
    source = DataSource(name="s", display_path="s", format="csv")
    session = mapping_session(spark, source)

    def run(expressions: list[str], row: tuple) -> list[object]:
        rows = session.createDataFrame([row], "text string, number double, whole bigint")
        utils = session._jvm.org.apache.spark.sql.classic.ExpressionUtils
        columns = [Column(utils.column(with_exact_casts(rows, F.expr(one)))) for one in expressions]
        return list(rows.select(*(c.alias(f"c{n}") for n, c in enumerate(columns))).collect()[0])

    return run


CASTS = [
    "cast(round(text * 100) as bigint)",
    "bigint(number)",
    "int(whole)",
    "ceil(number)",
    "floor(text * 1)",
    "transform(array(number), x -> cast(x as int))[0]",
    "coalesce(cast(number as bigint), -1)",
]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("12.50", 3.5, 7), [1250, 3, 7, 4, 12, 3, 3]),
        (("-12.50", -3.5, -7), [-1250, -3, -7, -3, -13, -3, -3]),
        (("NaN", NAN, 2**40), [None, None, None, None, None, None, -1]),
        (("Infinity", INFINITY, None), [None, None, None, None, None, None, -1]),
        (("1e300", -1e300, -(2**40)), [None, None, None, None, None, None, -1]),
        (("", None, None), [None, None, None, None, None, None, -1]),
        (("x", 0.0, 0), [None, 0, 0, 0, None, 0, 0]),
    ],
)
def test_a_number_that_does_not_fit_is_null(values, row, expected):
    assert values(CASTS, row) == expected


def test_texts_and_expressions_without_casts_are_as_before(values):
    expressions = ["int(text)", "upper(text)", "cast(whole as double)", "number > 1"]
    assert values(expressions, ("17850.0", 3.5, 7)) == [17850, "17850.0", 7.0, True]


def test_a_sum_or_product_that_does_not_fit_is_null(values):
    expressions = ["whole * whole", "whole + 1", "int(whole) * 2", "-5 - whole", "number * whole"]
    assert values(expressions, ("", 0.5, 7)) == [49, 8, 14, -12, 3.5]
    assert values(expressions, ("", 0.5, 2**62)) == [None, 2**62 + 1, None, -5 - 2**62, 2.0**61]
    assert values(["whole + whole", "int(whole) * 3"], ("", 0.5, 2**30)) == [2**31, None]


def test_a_cast_inside_of_another_one_is_exact_too(values):
    expressions = ["ceil(cast(text as bigint) / 2)", "int(ceil(number) * 2)", "abs(int(number))"]
    assert values(expressions, ("3", 1.5, 0)) == [2, 4, 1]
    assert values(expressions, ("x", NAN, 0)) == [None, None, None]
