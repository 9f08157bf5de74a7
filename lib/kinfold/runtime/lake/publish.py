"""The quality gate around every published write.

Rows that break a rule are quarantined while they are few; otherwise nothing is published. Rows that
break only rules about senders are quarantined however many they are. The verdict of every rule is
recorded, with the version that it let pass.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import DataFrame

from kinfold.quality import gate
from kinfold.quality.quarantine import RuleCounts, quarantined_rows, rule_counts, valid_rows
from kinfold.quality.rows import REASONS, rows_with_reasons
from kinfold.runtime.arrow_frames import local_frame
from kinfold.runtime.lake.tables import LakeTables
from kinfold.runtime.lake.write_strategies import PublishedRows, append_arrow, merge_rows
from kinfold.runtime.metrics.declarations import (
    QUALITY_FAILED,
    QUALITY_FAILING_ROWS,
    QUALITY_QUARANTINED,
)
from kinfold.runtime.metrics.values import MetricValues
from kinfold.tables import ops
from kinfold.tables.spec import Table

_MAX_DRIVER_ROWS = 1_000
"""Up to this number, rows are fetched to the driver, judged with pandas and written there."""


@dataclass(frozen=True)
class QualityGate:
    """The gate of one run.

    Attributes:
        max_quarantined_ratio: share of the rows of one publish that may be quarantined; with 0 any
            row that breaks a rule stops the publish. Rules about senders do not count.
    """

    lake: LakeTables
    metrics: MetricValues
    max_quarantined_ratio: float

    @contextmanager
    def passed(self, table: Table, rows: DataFrame) -> Iterator[PublishedRows]:
        """The conformed rows that break no rule; the caller writes them inside the context.

        Rows that break a rule are quarantined first, so that a crash before the write reports them
        twice rather than never. Verdicts are recorded at the end, with the version that the write
        made; those of a failed gate are recorded without a version.

        Raises:
            QualityGateError: a rule is broken and its rows cannot be quarantined.
        """
        lake = self.lake
        lake.ensure(table)
        checked = rows_with_reasons(table, table.conform(rows)).persist()
        try:
            counts = rule_counts(table, checked)
            is_split = counts.invalid > 0 and self._may_quarantine(table, checked, counts)
            good = valid_rows(checked) if is_split else checked.drop(REASONS)
            few = good.toArrow() if counts.rows <= _MAX_DRIVER_ROWS else None
            if few is not None:  # Spark jobs over few rows take longer than to fetch them
                good = local_frame(lake.spark, few, good.schema).coalesce(1)
                if not is_split:
                    checked.unpersist()
            judged = few if few is not None and not gate.contains_nan(few) else good
            verdicts = (
                gate.rule_verdicts(table, judged) if counts.rows else gate.passing_verdicts(table)
            )
            judged_at = datetime.now(UTC)
            quarantined = counts.invalid if is_split else 0
            self._set_metrics(table, verdicts, quarantined=quarantined)
            version = None
            try:
                gate.require_all_met(
                    table, verdicts, run_id=lake.run_id, because=self._over_budget(counts)
                )
                if is_split:
                    self._quarantine(table, checked, at=judged_at)
                yield PublishedRows(good, counts.rows - quarantined, few)
                version = lake.version(table)
            finally:
                by_rule = counts.by_rule if is_split else {}
                records = [
                    dict(
                        run_id=lake.run_id,
                        table_name=table.name,
                        rule=verdict.rule,
                        is_met=verdict.is_met,
                        rows_checked=counts.rows,
                        rows_failing=verdict.rows_failing,
                        rows_quarantined=by_rule.get(verdict.rule, 0),
                        judged_at=judged_at,
                        table_version=version,
                        schema_version=table.schema_version,
                    )
                    for verdict in verdicts
                ]
                append_arrow(lake, ops.QUALITY_RESULTS, ops.QUALITY_RESULTS.arrow_rows(records))
        finally:
            checked.unpersist()

    def _may_quarantine(self, table: Table, checked: DataFrame, counts: RuleCounts) -> bool:
        """Whether the wrong rows are few, and every row, wrong or not, has a unique key."""
        if counts.limited_ratio > self.max_quarantined_ratio or counts.has_null_keys(table):
            return False
        key_is_unique = table.suite[:1]
        return all(
            v.is_met for v in gate.rule_verdicts(table, checked.drop(REASONS), key_is_unique)
        )

    def _over_budget(self, counts: RuleCounts) -> str:
        """Why rows were not quarantined, if it is because they are too many; else empty."""
        if not 0 < self.max_quarantined_ratio < counts.limited_ratio:
            return ""
        return (
            f"{counts.limited_ratio:.2%} of the rows break a rule, and "
            f"quality.max_quarantined_ratio allows {self.max_quarantined_ratio:.2%} to be "
            "quarantined. "
        )

    def _quarantine(self, table: Table, checked: DataFrame, *, at: datetime) -> None:
        """Record key and reasons of the invalid rows; once, also if a run id is started again."""
        self.lake.ensure(ops.QUARANTINE)
        rows = quarantined_rows(
            table,
            checked,
            hashed=self.lake.keyed_hash.column,
            run_id=self.lake.run_id,
            quarantined_at=at,
        )
        merge_rows(self.lake, ops.QUARANTINE, rows)

    def _set_metrics(
        self, table: Table, verdicts: Sequence[gate.RuleVerdict], *, quarantined: int
    ) -> None:
        """Set the metrics of every rule; a kept rule gets 0, so that it does not stay failed."""
        self.metrics.set(QUALITY_QUARANTINED, quarantined, table=table.name)
        broken = sum(not verdict.is_met for verdict in verdicts)
        self.metrics.set(QUALITY_FAILED, broken, table=table.name)
        for verdict in verdicts:
            rows = 0 if verdict.is_met else verdict.rows_failing
            self.metrics.set(QUALITY_FAILING_ROWS, rows, table=table.name, rule=verdict.rule)
