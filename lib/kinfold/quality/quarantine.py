"""Rows that break rules: their counts, and their keys and reasons for ops.quarantine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.quality.rows import REASONS
from kinfold.tables.collected import collected, first_row
from kinfold.tables.spec import Field, Privacy, Table, never_null

_HASHED = (Privacy.IDENTIFIER, Privacy.SENSITIVE)


@dataclass(frozen=True)
class RuleCounts:
    """Numbers of checked rows and of invalid ones.

    Attributes:
        rows: all rows.
        invalid: rows that break at least one rule.
        limited: those of them that break a rule that is not about senders, so their share is
            limited.
        by_rule: number of failing rows by the rule's sentence; rules that all rows meet are absent.
    """

    rows: int
    invalid: int
    limited: int
    by_rule: Mapping[str, int]

    @property
    def limited_ratio(self) -> float:
        return self.limited / self.rows if self.rows else 0.0

    def has_null_keys(self, table: Table) -> bool:
        """Whether a row has a null in its key."""
        return any(never_null(column).sentence in self.by_rule for column in table.key)


def rule_counts(table: Table, checked: DataFrame) -> RuleCounts:
    """The counts of rows with reasons (`rows_with_reasons`); one Spark job if all are valid."""
    is_invalid = F.size(REASONS) > 0
    about_senders = [F.lit(rule.sentence) for rule in table.suite if rule.is_about_sender]
    others = F.array_except(REASONS, F.array(*about_senders)) if about_senders else F.col(REASONS)
    row = first_row(
        checked.agg(
            F.count(F.lit(1)).alias("rows"),
            F.count_if(is_invalid).alias("invalid"),
            F.count_if(F.size(others) > 0).alias("limited"),
        )
    )
    assert row is not None  # an aggregate without groups has one row
    by_rule: dict[str, int] = {}
    if row["invalid"]:
        reasons = checked.where(is_invalid).select(F.explode(REASONS).alias("rule"))
        by_rule = {r["rule"]: int(r["count"]) for r in collected(reasons.groupBy("rule").count())}
    return RuleCounts(int(row["rows"]), int(row["invalid"]), int(row["limited"]), by_rule)


def valid_rows(checked: DataFrame) -> DataFrame:
    """The rows that break no rule, without the column of reasons."""
    return checked.where(F.size(REASONS) == 0).drop(REASONS)


def quarantined_rows(
    table: Table,
    checked: DataFrame,
    *,
    hashed: Callable[[Column], Column],
    run_id: str,
    quarantined_at: datetime,
) -> DataFrame:
    """The rows of ops.quarantine: key and reasons of each invalid row, not its content.

    Args:
        hashed: see `row_key`.
    """
    return checked.where(F.size(REASONS) > 0).select(
        F.lit(table.name).alias("table_name"),
        F.lit(run_id).alias("run_id"),
        row_key(table, hashed).alias("key"),
        F.col(REASONS).alias("reasons"),
        F.lit(quarantined_at).alias("quarantined_at"),
    )


def row_key(table: Table, hashed: Callable[[Column], Column]) -> Column:
    """The key of a row in ops.quarantine: a JSON object with the key columns.

    Args:
        hashed: the keyed hash of a text, for values of columns that identify or describe a person:
            without the key nobody can confirm a guess.
    """
    by_name = {field.name: field for field in table.fields}
    parts = (_key_part(by_name[name], hashed).alias(name) for name in table.key)
    return F.to_json(F.struct(*parts))


def _key_part(field: Field, hashed: Callable[[Column], Column]) -> Column:
    value = F.col(field.name)
    return hashed(value.cast("string")) if field.privacy in _HASHED else value
