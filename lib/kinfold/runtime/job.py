"""One start of one job: options, lake, what is new since the last run, and the record of what it
did.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession, functions as F

from kinfold.core.errors import KinfoldError
from kinfold.core.log import counts_text, heartbeat, say
from kinfold.core.settings.command_line import RunOptions
from kinfold.core.settings.files import resolve_path
from kinfold.core.settings.loading import project_home
from kinfold.core.settings.models import Conf, Settings
from kinfold.runtime.caching import caching_scope
from kinfold.runtime.lake.roots import open_root
from kinfold.runtime.lake.tables import CHANGE_TYPE, Lake, Near
from kinfold.runtime.metrics.declarations import JOB_COUNT
from kinfold.runtime.metrics.job_metrics import job_metrics
from kinfold.runtime.metrics.values import MetricValues
from kinfold.runtime.session import open_session
from kinfold.tables import ops
from kinfold.tables.spec import Table


@dataclass
class JobRun:
    """A job at work.

    Attributes:
        name: path below jobs/ without `.py`.
        inputs: version of each input table, pinned when the job started.
        previous: the row of ops.job_runs of its last finished run; null on the first.
        settings_hash: of the settings the outputs depend on.
        counts: what it did, in numbers; printed, kept in ops.job_runs, shown in the summary.
    """

    name: str
    lake: Lake
    options: RunOptions
    inputs: dict[str, int]
    previous: Row | None
    settings_hash: str
    counts: dict[str, float] = field(default_factory=dict)
    is_skipped: bool = False

    @property
    def settings(self) -> Settings:
        return self.options.settings

    @property
    def spark(self) -> SparkSession:
        return self.lake.spark

    @property
    def metrics(self) -> MetricValues:
        """What the run tells Prometheus beyond its counts."""
        return self.lake.metrics

    @property
    def is_up_to_date(self) -> bool:
        """Whether the last run saw the same inputs under the same settings. Say so by returning."""
        self.is_skipped = (
            self.previous is not None
            and self.previous["settings_hash"] == self.settings_hash
            and self.previous["input_versions"] == self.inputs
        )
        return self.is_skipped

    @property
    def is_rebuild(self) -> bool:
        """Whether everything must be made anew: the first run, or settings that outputs depend on
        have changed since, or an input was made anew and is younger than what was seen of it."""
        if self.previous is None or self.previous["settings_hash"] != self.settings_hash:
            return True
        seen: dict[str, int] = self.previous["input_versions"]
        return any(self.inputs[name] < seen.get(name, -1) for name in self.inputs)

    def read(self, table: Table) -> DataFrame:
        """All rows of an input at its pinned version."""
        return self.lake.read(table, version=self.inputs[table.name])

    def seen_version(self, table: Table) -> int:
        """Version of an input up to which earlier runs have worked; -1 when a rebuild is due."""
        if self.is_rebuild or self.previous is None:
            return -1
        return int(self.previous["input_versions"].get(table.name, -1))

    def changes(self, table: Table) -> DataFrame:
        """The change feed of an input since the last finished run of this job."""
        return self.lake.changes(
            table, after=self.seen_version(table), until=self.inputs[table.name]
        )

    def inserted(self, table: Table) -> DataFrame:
        """The rows an append-only input has gained since the last finished run of this job."""
        changes = self.changes(table)
        return changes.where(F.col(CHANGE_TYPE) == "insert").select(*table.columns)

    def known(self, table: Table) -> DataFrame:
        """What an output holds so far; nothing when a rebuild is due."""
        return self.lake.empty(table) if self.is_rebuild else self.lake.read_or_empty(table)

    def publish(
        self, table: Table, rows: DataFrame, *, gone: DataFrame | None = None, are_new: bool = False
    ) -> None:
        """Publish rows by key (see `Lake.upsert`); in place of everything when a rebuild is due."""
        if self.is_rebuild:
            self.lake.replace(table, rows)
        else:
            self.lake.upsert(table, rows, gone=gone, are_new=are_new)

    def publish_new(self, table: Table, rows: DataFrame, *, near: Near | None = None) -> None:
        """Publish rows whose key is not known; in place of everything when a rebuild is due."""
        if self.is_rebuild:
            self.lake.replace(table, rows)
        else:
            self.lake.insert_new(table, rows, near=near)

    def count(self, **counts: float) -> None:
        """Add to what this run did, by name."""
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value

    def note(self, *lines: str) -> None:
        """Tell the person who waits something that no number says."""
        for line in lines:
            say(f"    {self.name}: {line}")


@contextmanager
def open_lake(
    options: RunOptions, *, name: str, metrics: MetricValues | None = None
) -> Iterator[Lake]:
    """The lake of the settings, with a session that is closed on any exit if it was opened here."""
    open_root(options.settings.lake.root)
    owned = SparkSession.getActiveSession() is None
    spark = open_session(
        name=name, env=options.env, home=options.home, is_verbose=options.is_verbose
    )
    try:
        yield Lake(
            spark=spark,
            root=options.settings.lake.root,
            run_id=options.run_id,
            started_at=datetime.now(UTC),
            metrics=metrics or MetricValues(),
            max_quarantined_ratio=options.settings.quality.max_quarantined_ratio,
        )
    finally:
        if owned:
            spark.stop()


def lake_at(root: str, *, env: str = "local") -> Lake:
    """The lake at a folder or URI, for notebooks: reading needs no run, and the session stays open.

    A relative path is relative to the project.
    """
    home = project_home()
    where = resolve_path(root, home)
    spark = open_session(name="notebook", env=env, home=home)
    return Lake(spark=spark, root=where, run_id="notebook", started_at=datetime.now(UTC))


@contextmanager
def open_job(
    name: str,
    options: RunOptions,
    *,
    reads: Sequence[Table] = (),
    reads_if_exists: Sequence[Table] = (),
    writes: Sequence[Table] = (),
    depends_on: Sequence[Conf | str] = (),
) -> Iterator[JobRun]:
    """A job between its locks, with its inputs pinned; recorded in ops.job_runs when it finishes.

    Args:
        reads: input tables; each must exist.
        reads_if_exists: input tables that count as inputs once they exist.
        writes: output tables; locked against other processes until the end.
        depends_on: the settings that decide the outputs.
    """
    begun = monotonic()
    with (
        job_metrics(name, options.settings.metrics) as metrics,
        open_lake(options, name=name, metrics=metrics) as lake,
        lake.writing(*writes),
    ):
        there = [*reads, *(table for table in reads_if_exists if lake.exists(table))]
        run = JobRun(
            name=name,
            lake=lake,
            options=options,
            inputs={table.name: lake.version(table) for table in there},
            previous=_previous(lake, name),
            # A changed declaration, too, makes outputs anew: new columns are filled, rules kept.
            settings_hash=options.hash_of(*depends_on, *(t.schema_version for t in writes)),
        )
        with heartbeat(name, lambda: _position(lake.spark)), caching_scope():
            yield run
            seconds = monotonic() - begun
            if not run.is_skipped:
                _record(run, seconds)
                for count, value in run.counts.items():
                    metrics.set(JOB_COUNT, value, name=count)
        did = "nothing new" if run.is_skipped else counts_text(run.counts)
        say(f"  {name:<28} {monotonic() - begun:6.1f} s  {did}")


def run_job(main: Callable[[], None]) -> None:
    """Run a job as a process: errors for people become one line and an exit code."""
    try:
        main()
    except KinfoldError as error:
        say(f"kinfold: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("kinfold: stopped. Start the same command again to go on.")
        sys.exit(130)


def _previous(lake: Lake, name: str) -> Row | None:
    if not lake.exists(ops.JOB_RUNS):
        return None
    runs = lake.read(ops.JOB_RUNS).where(F.col("job") == name)
    newest = runs.orderBy(F.desc("finished_at"), F.desc("run_id")).take(1)
    return newest[0] if newest else None


def _record(run: JobRun, seconds: float) -> None:
    row: dict[str, Any] = dict(
        job=run.name,
        run_id=run.lake.run_id,
        finished_at=datetime.now(UTC),
        seconds=seconds,
        input_versions=run.inputs,
        settings_hash=run.settings_hash,
        counts={key: float(value) for key, value in run.counts.items()},
    )
    run.lake.append_record(ops.JOB_RUNS, [row])


def _position(spark: SparkSession) -> str:
    """Tasks done of the running stages, as text; empty between Spark jobs."""
    tracker = spark.sparkContext.statusTracker()
    done = total = 0
    for stage_id in tracker.getActiveStageIds():
        stage = tracker.getStageInfo(stage_id)
        if stage is not None:
            done, total = done + stage.numCompletedTasks, total + stage.numTasks
    return f"{done} of {total} tasks" if total else ""
