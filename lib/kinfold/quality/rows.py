"""Which rows break which declared expectation: the same rules as the gate's, told row by row.

The gate says whether a batch keeps a rule, these columns say which rows do not. Both executors read
the one declaration, and a test holds their counts equal.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F, types as T

from kinfold.tables.spec import Expectation, Table

REASONS = "_reasons"
"""The column that says what is wrong with a row; empty where nothing is."""


def row_rules(table: Table) -> tuple[Expectation, ...]:
    """The rules of a table's suite that one row breaks by itself, in the suite's order.

    Uniqueness is not among them: which of two equal rows is the wrong one nobody can say, so it
    stays a rule over the batch, and the gate's alone.
    """
    return tuple(rule for rule in table.suite if rule.rule in _BROKEN)


def breaks_rule(rule: Expectation) -> Column:
    """Whether a row breaks the rule, never null.

    As Great Expectations has it: a null breaks nothing but `never_null`, and NaN is greater than
    any other number.

    Raises:
        ValueError: the rule is one over the batch.
    """
    if rule.rule not in _BROKEN:
        raise ValueError(f"'{rule.sentence}' is no rule of one row, but of the whole batch.")
    return F.coalesce(_BROKEN[rule.rule](rule.arguments), F.lit(False))


def rows_with_reasons(table: Table, rows: DataFrame) -> DataFrame:
    """The rows with one more column, `_reasons`: the sentences of the rules that the row breaks.

    One column instead of one filter for good rows and one for bad, so that a row can never be among
    both or neither, whatever made it.
    """
    broken = [F.when(breaks_rule(rule), F.lit(rule.sentence)) for rule in row_rules(table)]
    if not broken:
        return rows.withColumn(REASONS, F.array().cast(_REASONS_TYPE))
    # Not array_compact: its lambda would take the whole stage out of generated code.
    reasons = F.array_except(F.array(*broken), F.array(F.lit(None).cast("string")))
    return rows.withColumn(REASONS, reasons.cast(_REASONS_TYPE))


def _is_null(arguments: Mapping[str, Any]) -> Column:
    return F.col(arguments["column"]).isNull()


def _is_outside(arguments: Mapping[str, Any]) -> Column:
    value = F.col(arguments["column"])
    low, high = arguments["min_value"], arguments["max_value"]
    is_outside = F.lit(False)
    # Great Expectations reads every bound as a double, which matters for integers above 2^53.
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
