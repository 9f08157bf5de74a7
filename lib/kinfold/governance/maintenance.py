"""Maintenance of tables by need: what each table needs, and how long its old files are kept.

A file that the newest version of a table does not need may still be needed: by a reader of an older
version, by a stream that was stopped, and by a job that has not processed the changes of an older
version yet. Files are kept until none of them can need them.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import functions as F

from kinfold.core.errors import ConfError, LakeError, did_you_mean
from kinfold.core.settings.models import MaintenanceConf
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.commits import commit_time, commits_between
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.lake.table_health import TableHealth, table_health
from kinfold.runtime.lake.upkeep import compact, delete_old_files, rewrite, write_checkpoint
from kinfold.runtime.locks.protocol import Busy
from kinfold.runtime.metrics.declarations import (
    TABLE_BYTES,
    TABLE_COMMITS,
    TABLE_DELETED,
    TABLE_FILES,
    TABLE_SMALL_FILES,
    TABLE_UNREFERENCED,
)
from kinfold.runtime.metrics.values import MetricValues
from kinfold.tables import ops
from kinfold.tables.collected import collected
from kinfold.tables.spec import Table

MEGABYTE = 1024 * 1024
ROWS_PER_FILE = 250_000
"""As `Lake.replace` writes clustered tables: small enough to be rewritten for a few rows."""
_MARGIN = timedelta(days=1)
"""A job writes its files before it commits them; no job runs longer than this."""


@dataclass(frozen=True)
class Work:
    """What a table needs.

    Attributes:
        rewrites: write all rows again, without deleted ones.
        compacts: join small files.
        checkpoints: write a checkpoint of the log.
        keep: delete unreferenced files that are older; null = delete none.
    """

    rewrites: bool = False
    compacts: bool = False
    checkpoints: bool = False
    keep: timedelta | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in words; empty if the table needs nothing."""
        days = self.keep / timedelta(days=1) if self.keep else 0
        steps = {
            "rewrite without deleted rows": self.rewrites,
            "join small files": self.compacts,
            "write a checkpoint of the log": self.checkpoints,
            f"delete unreferenced files older than {days:.1f} days": self.keep is not None,
        }
        return tuple(step for step, is_needed in steps.items() if is_needed)


def needed_work(
    health: TableHealth,
    conf: MaintenanceConf,
    *,
    keep: timedelta,
    age: timedelta,
    expires: bool = False,
) -> Work:
    """What a table in this state needs.

    Args:
        keep: how long its unreferenced files are kept.
        age: since when the table exists; a younger table has no file that is old enough.
        expires: its rows have a time to live, so old files with them are deleted however few.
    """
    rewrites = health.deleted_rows > 0 and health.deleted_ratio >= conf.max_deleted_ratio
    has_many_unreferenced = health.unreferenced_ratio >= conf.max_unreferenced_ratio or (
        expires and health.unreferenced_ratio > 0
    )
    return Work(
        rewrites=rewrites,
        compacts=not rewrites and health.small_files >= conf.max_small_files,
        checkpoints=health.commits >= conf.max_commits,
        keep=keep if has_many_unreferenced and age > keep else None,
    )


def kept_time(
    lake: Lake, table: Table, processed: Mapping[str, Mapping[str, int]], conf: MaintenanceConf
) -> timedelta:
    """How long the unreferenced files of a table are kept: as long as anything may need them.

    Args:
        processed: see `processed_versions`.
    """
    is_bronze = table.layer == "bronze"
    keep = timedelta(days=conf.keep_bronze_days if is_bronze else conf.keep_days)
    longest = timedelta(days=conf.max_wait_days)
    until = lake.version(table)
    for version in {versions.get(table.name, until) for versions in processed.values()}:
        since = commits_between(lake, table, after=version, until=until)
        # Without its feed the job computes all rows again, from the newest version.
        if since.has_changes and since.has_feed:
            waits = lake.started_at - commit_time(lake, table, version + 1) + _MARGIN
            keep = max(keep, waits) if waits <= longest else keep
    return keep


def processed_versions(lake: Lake) -> dict[str, dict[str, int]]:
    """By job: the version of each input table up to which its last finished run has read it."""
    newest = (
        lake.read_or_empty(ops.JOB_RUNS)
        .groupBy("job")
        .agg(F.max_by("input_versions", "finished_at").alias("versions"))
    )
    return {row["job"]: dict(row["versions"]) for row in collected(newest)}


def maintain(run: JobRun, tables: Sequence[Table], conf: MaintenanceConf, *, is_dry: bool) -> None:
    """Do what each table needs, and report it. Tables that another process writes are skipped.

    Args:
        tables: those that do not exist are skipped.
        is_dry: only report.
    """
    processed = processed_versions(run.lake)
    for table in tables:
        if not run.lake.exists(table):
            continue
        small_bytes = file_size(table, conf) // 4
        before = table_health(run.lake, table, small_bytes=small_bytes)
        keep = kept_time(run.lake, table, processed, conf)
        age = run.lake.started_at - commit_time(run.lake, table, 0)
        expires = "expires_at" in table.columns
        work = needed_work(before, conf, keep=keep, age=age, expires=expires)
        set_table_metrics(run.metrics, table, before)
        run.count(tables=1)
        if not work.steps:
            continue
        plan = f"{table.name}: {health_text(before)}; {', '.join(work.steps)}"
        if is_dry:
            run.note(plan)
            continue
        try:
            with _lock(run.lake, table):
                _do(run.lake, table, work, conf)
        except LakeError as error:
            if not isinstance(error.__cause__, Busy):
                raise
            run.note(f"{table.name}: skipped, because another process is writing it")
            run.count(busy=1)
            continue
        after = table_health(run.lake, table, small_bytes=small_bytes)
        set_table_metrics(run.metrics, table, after)
        run.count(maintained=1)
        run.note(f"{plan}; now {health_text(after)}")


def _lock(lake: Lake, table: Table) -> AbstractContextManager[None]:
    """The write lock. Running jobs lock an ops table only for each commit, so it is waited for."""
    return lake.commit_lock(table) if table.layer == "ops" else lake.writing(table)


def _do(lake: Lake, table: Table, work: Work, conf: MaintenanceConf) -> None:
    if work.rewrites:
        rewrite(lake, table, rows_per_file=ROWS_PER_FILE)
    if work.compacts:
        compact(lake, table, file_bytes=file_size(table, conf))
    if work.checkpoints:
        write_checkpoint(lake, table)
    if work.keep is not None:
        delete_old_files(lake, table, keep_hours=work.keep / timedelta(hours=1))


def file_size(table: Table, conf: MaintenanceConf) -> int:
    """Bytes of joined files. Tables whose rows are changed by key get smaller ones: a run reads the
    whole file of a row that it changes."""
    size = conf.target_file_mb * MEGABYTE
    return size // 4 if table.uses_deletion_vectors else size


def health_text(health: TableHealth) -> str:
    """The state of a table in words."""
    return (
        f"files {health.files:,} (small {health.small_files:,}), "
        f"{health.size / MEGABYTE:,.1f} MB and {health.unreferenced_size / MEGABYTE:,.1f} MB "
        f"unreferenced, {health.deleted_ratio:.0%} of rows deleted, commits since the checkpoint "
        f"{health.commits:,}"
    )


def set_table_metrics(metrics: MetricValues, table: Table, health: TableHealth) -> None:
    """Set the metrics of a table's storage."""
    name = table.name
    metrics.set(TABLE_FILES, health.files, table=name)
    metrics.set(TABLE_SMALL_FILES, health.small_files, table=name)
    metrics.set(TABLE_BYTES, health.size, table=name)
    metrics.set(TABLE_UNREFERENCED, health.unreferenced_size, table=name)
    metrics.set(TABLE_DELETED, health.deleted_ratio, table=name)
    metrics.set(TABLE_COMMITS, health.commits, table=name)


def tables_named(names: Sequence[str], tables: Sequence[Table]) -> list[Table]:
    """The tables with the names; all tables if there are no names.

    Raises:
        ConfError: a name is not a table.
    """
    known = {table.name: table for table in tables}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfError(
            f"--table {unknown[0]}: is not a table.{did_you_mean(unknown[0], known)} Tables: "
            f"{', '.join(known)}."
        )
    return [table for table in tables if not names or table.name in names]
