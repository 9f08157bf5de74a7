"""Rates of currencies, and amounts in the reporting currency."""

import pytest

from frames import assert_rows, at
from kinfold.core.errors import ConfError
from kinfold.silver.orders.rates import (
    Conversion,
    converted,
    most_frequent_currency,
    read_rates,
)

HEADER, BAD_LINE = "date,currency,rate\n", "2026-03-01,USD,x\n"
FILE = """\ufeffdate,currency,rate
2026-03-03,USD,0.8
2026-03-01,USD,0.9

2026-03-01,JPY,0.006
2026-03-01,KWD,3.05
2026-03-01,EUR,1
"""


@pytest.fixture
def rates_file(tmp_path):
    def write(text):
        file = tmp_path / "rates.csv"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_the_newest_rate_at_or_before_the_day_converts_minor_units(spark, rates_file):
    conversion = Conversion("EUR", read_rates(rates_file(FILE), reporting="EUR"))
    sums = [
        ("the reporting currency", "EUR", "2020-01-01", 1000),
        ("before the first rate", "USD", "2026-02-28T23:59", 1000),
        ("the first day", "USD", "2026-03-01T00:00", 1000),
        ("a day between", "USD", "2026-03-02T23:59", 1000),
        ("the next rate", "USD", "2026-03-03T00:00", 1000),
        ("long after the last rate", "USD", "2027-01-01", 1000),
        ("whole yen", "JPY", "2026-03-05", 1000),
        ("fils", "KWD", "2026-03-05", 1000),
        ("a currency without a rate", "SEK", "2026-03-05", 1000),
        ("no currency", None, "2026-03-05", 1000),
        ("halves away from zero", "USD", "2026-03-01", 105),
        ("a refund", "USD", "2026-03-01", -105),
        ("as much as fits", "KWD", "2026-03-01", 2**63 - 1),
        ("no amount", "USD", "2026-03-01", None),
    ]
    rows = [(name, currency, at(day), cents) for name, currency, day, cents in sums]
    frame = spark.createDataFrame(
        rows, "name string, currency string, occurred_at timestamp, cents bigint"
    )
    with_rate = conversion.with_rate(frame)
    with_sum = with_rate.select(
        "name", converted(with_rate["cents"], with_rate["rate"]).alias("sum")
    )
    expected = [
        ("the reporting currency", 1000),
        ("before the first rate", None),
        ("the first day", 900),
        ("a day between", 900),
        ("the next rate", 800),
        ("long after the last rate", 800),
        ("whole yen", 600),  # 1,000 yen are 6 euros
        ("fils", 305),  # one dinar is 3.05 euros
        ("a currency without a rate", None),
        ("no currency", None),
        ("halves away from zero", 95),  # 94.5
        ("a refund", -95),
        ("as much as fits", 2813128471240706621),
        ("no amount", None),
    ]
    assert_rows(with_sum, ["name", "sum"], expected)


def test_without_rates_only_the_reporting_currency_is_converted(spark):
    schema = "currency string, occurred_at timestamp"
    frame = spark.createDataFrame([("EUR", at("09:00")), ("USD", at("09:00"))], schema)
    assert_rows(
        Conversion("EUR").with_rate(frame), ["currency", "rate"], [("EUR", 1.0), ("USD", None)]
    )
    assert_rows(Conversion(None).with_rate(frame), ["rate"], [(None,), (None,)])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", r"rates.csv: no column date, currency, rate. Expected .*: date,currency,rate."),
        ("date,currency,rte", r"unknown column 'rte'. Did you mean 'rate'\?"),
        ("date,currency,rate,rate", "a column is there twice"),
        (f"{HEADER}2026-03-01,usd dollars,1", "line 2: currency is 'usd dollars', expected an ISO"),
        (
            "date,currency,rate\n01.03.2026,USD,1",
            "line 2: date is '01.03.2026', expected a day like",
        ),
        (
            f"{HEADER}2026-03-01,USD,0.9 EUR",
            "line 2: rate is '0.9 EUR', expected a number",
        ),
        (f"{HEADER}2026-03-01,USD,", "line 2: rate is '', expected a number"),
        (
            f"{HEADER}2026-03-01,USD,0",
            "rate is 0, expected how many EUR one USD is worth",
        ),
        (f"{HEADER}2026-03-01,USD,-1", "line 2: rate is -1, expected how many EUR"),
        (f"{HEADER}2026-03-01,USD,NaN", "rate is NaN, expected how many EUR"),
        (
            f"{HEADER}2026-03-01,USD,1e30",
            "expected one that amounts can be converted by",
        ),
        (f"{HEADER}2026-03-01,EUR,1.2", "rate of EUR is 1.2, expected 1 or no line"),
        (
            f"{HEADER}2026-03-01,USD,1\n2026-03-01,usd,2",
            "line 3: USD has a rate of 2026-03-01 in line 2 already",
        ),
        (f"{HEADER}{7 * BAD_LINE}", "; and 2 more lines"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(rates_file, lines, message):
    with pytest.raises(ConfError, match=message):
        read_rates(rates_file(lines), reporting="EUR")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfError, match=r"none.csv: cannot be read \(No such file"):
        read_rates(tmp_path / "none.csv", reporting="EUR")


def test_the_most_frequent_currency_is_that_of_most_orders_not_of_most_lines_ties_by_name(spark):
    events = [("o1", "USD"), ("o1", "USD"), ("o2", "GBP"), ("o3", "GBP"), ("o4", None)]
    schema = "order_group string, currency string"
    assert_rows(
        most_frequent_currency(spark.createDataFrame(events, schema)), ["currency"], [("GBP",)]
    )
    tie = spark.createDataFrame([("o1", "USD"), ("o2", "EUR")], schema)
    assert_rows(most_frequent_currency(tie), ["currency"], [("EUR",)])
    assert most_frequent_currency(tie.limit(0)).count() == 0
