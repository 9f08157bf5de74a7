"""The quality gate: checks a table's expectations with Great Expectations; one verdict per rule.

The first check uses `BOOLEAN_ONLY`, which needs the fewest Spark jobs (8 instead of 29 for 20
rules). Only failed rules are checked again, for their counts. Rows that are already on the driver
are checked with pandas, which takes a tenth of the time of Spark jobs for a few rows.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from kinfold.core.errors import ContractError, QualityGateError
from kinfold.core.wording import counted
from kinfold.tables.spec import Expectation, Table


@dataclass(frozen=True)
class RuleVerdict:
    """The result of one expectation. `rows_failing` is null if the rule is met."""

    rule: str
    is_met: bool
    rows_failing: int | None = None


def load_great_expectations() -> None:
    """Import Great Expectations, which takes seconds, before the first check needs it."""
    _library()


def rule_verdicts(
    table: Table, rows: DataFrame | pa.Table, rules: Sequence[Expectation] | None = None
) -> tuple[RuleVerdict, ...]:
    """One verdict per rule, in the order of the rules.

    Args:
        rows: to be published. A frame is read several times: persist it first. An Arrow table must
            not contain NaN (see `contains_nan`).
        rules: a part of the table's suite; null = the whole suite.

    Raises:
        ContractError: a declared rule does not fit the table, so it cannot be checked.
    """
    rules = table.suite if rules is None else rules
    met = [bool(r.success) for r in _validated(table, rows, rules, "BOOLEAN_ONLY")]
    broken = [rule for rule, is_met in zip(rules, met, strict=True) if not is_met]
    counts = {}
    if broken:
        for rule, result in zip(broken, _validated(table, rows, broken, "SUMMARY"), strict=True):
            counts[rule.sentence] = int(result.result.get("unexpected_count") or 0)
    return tuple(
        RuleVerdict(rule.sentence, is_met, counts.get(rule.sentence))
        for rule, is_met in zip(rules, met, strict=True)
    )


def contains_nan(rows: pa.Table) -> bool:
    """Whether a number is NaN. pandas treats NaN as missing, Spark as larger than any number."""
    floats = (column for column in rows.columns if pa.types.is_floating(column.type))
    return any(pc.any(pc.is_nan(column)).as_py() for column in floats)


def passing_verdicts(table: Table) -> tuple[RuleVerdict, ...]:
    """The verdicts for an empty frame, which breaks no rule. Checking it takes nine Spark jobs."""
    return tuple(RuleVerdict(rule.sentence, is_met=True) for rule in table.suite)


def require_all_met(
    table: Table, verdicts: Sequence[RuleVerdict], *, run_id: str, because: str = ""
) -> None:
    """Return if every rule is met.

    Args:
        because: a sentence that says why the failing rows could not be quarantined.

    Raises:
        QualityGateError: names each broken rule with its number of failing rows.
    """
    broken = [v for v in verdicts if not v.is_met]
    if broken:
        rules = "; ".join(
            f"{v.rule}: broken by {counted(v.rows_failing or 0, 'row')}" for v in broken
        )
        raise QualityGateError(
            f"{table.name}: {rules}. Nothing was written. {because}"
            f"Verdicts are in ops.quality_results, run {run_id}; rules in "
            f"lib/kinfold/tables/{table.layer}.py."
        )


def _validated(
    table: Table, rows: DataFrame | pa.Table, rules: Sequence[Expectation], result_format: str
) -> list[Any]:
    gx, in_spark, in_pandas = _library()
    suite = gx.ExpectationSuite(name=table.name)
    for rule in rules:
        suite.add_expectation(expectation_class(rule.rule)(**library_arguments(rule)))
    if isinstance(rows, pa.Table):
        batch = in_pandas.get_batch({"dataframe": _in_pandas(rows, rules)})
    else:
        batch = in_spark.get_batch({"dataframe": rows})
    results = list(batch.validate(suite, result_format=result_format).results)
    by_config = {_identity(r.expectation_config): r for r in results}
    ordered = [by_config[_identity(e.configuration)] for e in suite.expectations]
    for rule, result in zip(rules, ordered, strict=True):
        problem = _exception(result)
        if problem:
            raise ContractError(
                f"{table.name}: rule '{rule.sentence}' cannot be checked ({problem}). "
                f"Correct it in lib/kinfold/tables/{table.layer}.py."
            )
    return ordered


def _in_pandas(rows: pa.Table, rules: Sequence[Expectation]) -> pd.DataFrame:
    """The columns that the rules name, as a pandas frame.

    Instants are in UTC without a time zone, because Great Expectations drops zones with a warning.
    """
    values = [value for rule in rules for value in rule.arguments.values()]
    named = {name for value in values for name in (value if isinstance(value, list) else [value])}
    named |= {rule.only_where[0] for rule in rules if rule.only_where is not None}
    columns = {
        name: rows[name].cast(pa.timestamp("us"))
        if pa.types.is_timestamp(rows[name].type)
        else rows[name]
        for name in rows.column_names
        if name in named
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame


def _identity(config: Any) -> str:
    return (
        f"{config.type} {sorted((k, str(v)) for k, v in config.kwargs.items() if k != 'batch_id')}"
    )


def _exception(result: Any) -> str:
    """The error message of a rule that could not be checked; empty if it was."""
    info = result.exception_info or {}
    candidates = [info, *(v for v in info.values() if isinstance(v, dict))]
    for candidate in candidates:
        if candidate.get("raised_exception"):
            return str(candidate.get("exception_message", "unknown")).splitlines()[0][:200]
    return ""


def library_arguments(rule: Expectation) -> dict[str, Any]:
    """The arguments of a rule for its class of Great Expectations."""
    if rule.only_where is None:
        return dict(rule.arguments)
    from great_expectations.expectations.row_conditions import Column

    column, value = rule.only_where
    return {**rule.arguments, "row_condition": Column(column) == value}


def expectation_class(rule: str) -> Any:
    """The class of Great Expectations with a rule's name."""
    from great_expectations.expectations.registry import get_expectation_impl

    return get_expectation_impl(rule)


_loading = threading.Lock()


@cache
def _context() -> tuple[Any, Any, Any]:
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    sources = (
        context.data_sources.add_spark("lake", persist=False),
        context.data_sources.add_pandas("rows on the driver"),
    )
    assets = (source.add_dataframe_asset("rows") for source in sources)
    in_spark, in_pandas = (a.add_batch_definition_whole_dataframe("all") for a in assets)
    return gx, in_spark, in_pandas


def _library() -> tuple[Any, Any, Any]:
    """Great Expectations with two batch definitions, for Spark and for pandas frames.

    Created once per process.
    """
    with _loading:
        return _context()
