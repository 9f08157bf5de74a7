"""Rows that are set aside instead of published: their key and what is wrong, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.quality.rows import REASONS
from kinfold.tables.spec import Field, Privacy, Table, never_null

_NAMES_A_PERSON = (Privacy.IDENTIFIER, Privacy.SENSITIVE)


@dataclass(frozen=True)
class RuleCounts:
    """How many of the rows that are to be published are wrong, and why.

    Attributes:
        rows: all of them.
        wrong: those with a reason.
        by_rule: rows that break a rule, by its sentence; rules that all rows keep are absent.
    """

    rows: int
    invalid: int
    by_rule: Mapping[str, int]

    @property
    def invalid_ratio(self) -> float:
        return self.invalid / self.rows if self.rows else 0.0

    def has_null_keys(self, table: Table) -> bool:
        """Whether a row cannot even be named."""
        return any(never_null(column).sentence in self.by_rule for column in table.key)


def rule_counts(judged: DataFrame) -> RuleCounts:
    """The counts of judged rows (see `judged_rows`); one aggregate where nothing is wrong."""
    is_wrong = F.size(REASONS) > 0
    row = judged.agg(F.count(F.lit(1)).alias("rows"), F.count_if(is_wrong).alias("invalid")).first()
    assert row is not None  # an aggregate without groups has one row
    by_rule: dict[str, int] = {}
    if row["invalid"]:
        reasons = judged.where(is_wrong).select(F.explode(REASONS).alias("rule"))
        by_rule = {r["rule"]: int(r["count"]) for r in reasons.groupBy("rule").count().collect()}
    return RuleCounts(int(row["rows"]), int(row["invalid"]), by_rule)


def valid_rows(judged: DataFrame) -> DataFrame:
    """The judged rows without a reason, and without the column of reasons."""
    return judged.where(F.size(REASONS) == 0).drop(REASONS)


def quarantined_rows(
    table: Table, judged: DataFrame, *, run_id: str, quarantined_at: datetime
) -> DataFrame:
    """The judged rows with a reason as ops.quarantine keeps them: one per row, no content."""
    return judged.where(F.size(REASONS) > 0).select(
        F.lit(table.name).alias("table_name"),
        F.lit(run_id).alias("run_id"),
        row_key(table).alias("key"),
        F.col(REASONS).alias("reasons"),
        F.lit(quarantined_at).alias("quarantined_at"),
    )


def row_key(table: Table) -> Column:
    """The key of a row as text that names it in ops.quarantine: a JSON object by column.

    Of a column that identifies a person or says something about one it holds the hex SHA-256. That
    hash is not keyed: who can guess the value can confirm the guess.
    """
    by_name = {field.name: field for field in table.fields}
    return F.to_json(F.struct(*(_key_part(by_name[name]).alias(name) for name in table.key)))


def _key_part(field: Field) -> Column:
    value = F.col(field.name)
    return F.sha2(value.cast("string"), 256) if field.privacy in _NAMES_A_PERSON else value
