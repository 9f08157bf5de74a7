"""SQL predicates and column conditions of writes."""

from datetime import UTC, datetime

from frames import assert_rows
from kinfold.runtime.lake.predicates import (
    equals_all,
    equals_any,
    keys_match,
    new_values,
    rows_differ,
    sql_literal,
)
from lakes import MEMBERS


def test_a_literal_escapes_quotes_and_backslashes():
    assert sql_literal("o'neil\\") == "'o\\'neil\\\\'"
    assert sql_literal(7) == "7"
    moment = datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert sql_literal(moment) == "timestamp '2026-03-01T09:00:00+00:00'"


def test_one_column_becomes_a_list_and_several_become_alternatives():
    assert equals_any([{"a": 1}, {"a": 2}]) == "a in (1, 2)"
    assert equals_any([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]) == (
        "(a = 1 and b = 'x') or (a = 2 and b = 'y')"
    )
    assert equals_all({"a": 1, "b": "x"}) == "a = 1 and b = 'x'"


def test_a_literal_finds_exactly_its_row(spark):
    values = ["o'neil", "o''neil", "back\\slash", "back\\\\slash", 'quo"te']
    rows = spark.createDataFrame([(value,) for value in values], "value string")
    for value in values:
        assert_rows(rows.where(equals_all({"value": value})), ["value"], [(value,)])


def test_rows_differ_by_value_and_two_nulls_are_equal(spark):
    schema = "namespace string, value string, profile_id string, profile_since timestamp"
    old = spark.createDataFrame([("u", "a", "p", None), ("u", "b", "p", None)], schema)
    new = spark.createDataFrame([("u", "a", "p", None), ("u", "b", None, None)], schema)
    both = old.alias("old").join(new.alias("new"), keys_match(MEMBERS))
    changed = both.where(rows_differ(MEMBERS)).select(new_values(MEMBERS)["value"].alias("value"))
    assert_rows(changed, ["value"], [("b",)])
    assert both.where(rows_differ(MEMBERS, ignoring=["profile_id"])).count() == 0
