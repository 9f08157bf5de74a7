"""The lake of one run: declared tables, read at pinned versions and written through the gate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.lake import write_strategies as write
from kinfold.runtime.lake.change_feed import changes_between
from kinfold.runtime.lake.predicates import rows_differ
from kinfold.runtime.lake.publish import QualityGate
from kinfold.runtime.lake.tables import LakeTables
from kinfold.runtime.lake.write_strategies import Commit
from kinfold.runtime.metrics.values import MetricValues
from kinfold.runtime.native_writes.data_files import Batches
from kinfold.tables import ops
from kinfold.tables.spec import Table


@dataclass(frozen=True)
class Lake(LakeTables):
    """The tables of a lake, and the ways to write them.

    `insert_new`, `upsert` and `replace` publish: they apply the quality rules of the table. The
    other methods write tables without a gate: bronze, which keeps everything, and `ops.*`.

    Attributes:
        metrics: values that the run reports to Prometheus.
        max_quarantined_ratio: see `QualityGate`.
    """

    metrics: MetricValues = field(default_factory=MetricValues)
    max_quarantined_ratio: float = 0.0

    def changes(self, table: Table, *, after: int, until: int) -> DataFrame:
        """The change feed of the versions in (after, until], see `changes_between`."""
        return changes_between(self, table, after=after, until=until)

    @property
    def gate(self) -> QualityGate:
        return QualityGate(self, self.metrics, self.max_quarantined_ratio)

    def insert_new(self, table: Table, rows: DataFrame) -> None:
        """Publish the rows whose key does not exist; existing rows stay as they are.

        Of the table only the key columns are read.
        """
        with self.gate.passed(table, rows) as passed:
            if passed.count:
                write.insert_missing(self, table, passed)

    def upsert(
        self,
        table: Table,
        rows: DataFrame,
        *,
        deleted: DataFrame | None = None,
        are_new: bool = False,
        are_changed: bool = False,
    ) -> None:
        """Publish rows by key: new keys are added, changed rows replaced, equal ones not rewritten.

        Args:
            deleted: keys to delete in the same commit; none of them is a key of `rows`.
            are_new: the caller, who owns the lock, knows that no key of `rows` exists; the rows are
                appended without a comparison.
            are_changed: the caller knows that no row equals the existing one; few rows are then
                written without a comparison.
        """
        with self.gate.passed(table, rows) as passed:
            if deleted is not None:
                write.upsert_and_delete(self, table, passed, deleted)
            elif passed.count and are_new:
                write.append(self, table, passed)
            elif passed.count:
                write.upsert(self, table, passed, are_changed=are_changed)

    def replace(self, table: Table, rows: DataFrame, **where: str | datetime) -> None:
        """Publish rows in place of all rows, or of those whose columns have the values `where`."""
        with self.gate.passed(table, rows) as passed:
            write.replace(self, table, passed, where)

    def append(self, table: Table, rows: DataFrame) -> None:
        """Append rows whose keys are new by construction, without a gate."""
        self.ensure(table)
        write.append_frame(self, table, table.conform(rows))

    def append_once(
        self, table: Table, rows: DataFrame, *, writer: str, batch_id: int
    ) -> Commit | None:
        """Append a batch without a gate, unless `writer` has committed it; None if it has."""
        self.ensure(table)
        return write.append_once(self, table, rows, writer=writer, batch_id=batch_id)

    def append_made_once(
        self,
        table: Table,
        records: DataFrame,
        make: Callable[[Batches], Batches],
        *,
        count: Callable[[pa.RecordBatch], Mapping[str, int]],
        writer: str,
        batch_id: int,
    ) -> Commit | None:
        """`append_once` of rows that Python workers make; see `write_strategies`."""
        self.ensure(table)
        return write.append_made_once(
            self, table, records, make, count=count, writer=writer, batch_id=batch_id
        )

    def append_record(self, table: Table, rows: Sequence[dict[str, object]]) -> None:
        """Append a few rows of an ops table whose keys are new by construction."""
        if rows:
            self.ensure(table)
            write.append_arrow(self, table, table.arrow_rows(rows))

    def record(self, table: Table, rows: Sequence[dict[str, object]]) -> None:
        """Upsert a few rows of an ops table."""
        if rows:
            self.ensure(table)
            write.merge_rows(self, table, table.rows(self.spark, rows))

    def mark(self, table: Table, rows: DataFrame, *, apart_from: Sequence[str]) -> None:
        """Upsert rows of an ops table; a row that differs only in `apart_from` is not rewritten."""
        self.ensure(table)
        differs = rows_differ(table, ignoring=apart_from)
        write.merge_rows(self, table, table.conform(rows), condition=differs)

    def delete(self, table: Table, where: Column) -> None:
        """Delete rows of an ops table."""
        self.ensure(table)
        with self.commit_lock(table):
            DeltaTable.forPath(self.spark, self.path(table)).delete(where)

    def delete_keys(self, table: Table, keys: DataFrame) -> None:
        """Delete the rows with the keys of some rows, in one commit, without a gate."""
        write.delete_keys(self, table, keys)

    def quarantined(self, table: Table) -> DataFrame:
        """The keys of this run's quarantined rows of a table, as `row_key` writes them."""
        is_of_this_run = (F.col("table_name") == table.name) & (F.col("run_id") == self.run_id)
        return self.read_or_empty(ops.QUARANTINE).where(is_of_this_run).select("key")
