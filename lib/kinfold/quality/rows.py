"""The rules of the gate as Spark columns, to find out which rows break which rule.

The gate checks whether a batch meets a rule; these columns name the failing rows. Both use the same
declaration, and a test checks that their counts are equal.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F, types as T

from kinfold.tables.spec import Expectation, Table

REASONS = "_reasons"
"""Column with the rules that a row breaks; empty for a valid row."""


def row_rules(table: Table) -> tuple[Expectation, ...]:
    """The rules of a table's suite that a single row can break, in the suite's order.

    Uniqueness is not one of them: of two equal rows neither is the wrong one. Only the gate checks
    it, over the whole batch.
    """
    return tuple(rule for rule in table.suite if rule.rule in _BROKEN)


def breaks_rule(rule: Expectation) -> Column:
    """Whether a row breaks the rule; never null.

    As in Great Expectations, a null breaks only `never_null`, and NaN is larger than any number.

    Raises:
        ValueError: the rule applies to a whole batch.
    """
    if rule.rule not in _BROKEN:
        raise ValueError(f"'{rule.sentence}' is not a rule for single rows, but for a whole batch.")
    is_broken = _BROKEN[rule.rule](rule.arguments)
    if rule.only_where is not None:
        column, value = rule.only_where
        is_broken = is_broken & (F.col(column) == value)
    return F.coalesce(is_broken, F.lit(False))


def rows_with_reasons(table: Table, rows: DataFrame) -> DataFrame:
    """The rows with one more column, `_reasons`: the sentences of the rules that the row breaks.

    One column, instead of a filter for valid rows and one for invalid rows, so that each row is
    always exactly one of the two, even if its values are not deterministic.
    """
    broken = [F.when(breaks_rule(rule), F.lit(rule.sentence)) for rule in row_rules(table)]
    if not broken:
        return rows.withColumn(REASONS, F.array().cast(_REASONS_TYPE))
    # Not array_compact: its lambda would disable code generation for the whole stage.
    reasons = F.array_except(F.array(*broken), F.array(F.lit(None).cast("string")))
    return rows.withColumn(REASONS, reasons.cast(_REASONS_TYPE))


def _is_null(arguments: Mapping[str, Any]) -> Column:
    return F.col(arguments["column"]).isNull()


def _is_outside(arguments: Mapping[str, Any]) -> Column:
    value = F.col(arguments["column"])
    low, high = arguments["min_value"], arguments["max_value"]
    is_outside = F.lit(False)
    # Great Expectations compares with bounds as doubles; it matters for integers above 2^53.
    if low is not None:
        is_outside = is_outside | (value < F.lit(float(low)))
    if high is not None:
        is_outside = is_outside | (value > F.lit(float(high)))
    return is_outside


def _is_not_listed(arguments: Mapping[str, Any]) -> Column:
    return ~F.col(arguments["column"]).isin(arguments["value_set"])


def _does_not_match(arguments: Mapping[str, Any]) -> Column:
    return ~F.col(arguments["column"]).rlike(arguments["regex"])


def _is_out_of_order(arguments: Mapping[str, Any]) -> Column:
    return F.col(arguments["column_A"]) < F.col(arguments["column_B"])


_REASONS_TYPE = T.ArrayType(T.StringType())

_BROKEN: Mapping[str, Callable[[Mapping[str, Any]], Column]] = {
    "expect_column_values_to_not_be_null": _is_null,
    "expect_column_values_to_be_between": _is_outside,
    "expect_column_values_to_be_in_set": _is_not_listed,
    "expect_column_values_to_match_regex": _does_not_match,
    "expect_column_pair_values_a_to_be_greater_than_b": _is_out_of_order,
}
