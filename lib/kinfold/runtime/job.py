"""A job run: its lake, its inputs at pinned versions, and its entry in ops.job_runs."""

import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession, functions as F

from kinfold.core.errors import STOPPED, KinfoldError
from kinfold.core.log import counts_text, heartbeat, say, say_result
from kinfold.core.rules import code_version
from kinfold.core.settings.command_line import RunOptions
from kinfold.core.settings.files import resolve_path
from kinfold.core.settings.loading import project_home
from kinfold.core.settings.models import Conf, Settings
from kinfold.runtime.caching import cached, caching_scope
from kinfold.runtime.lake.change_feed import CHANGE_TYPE, COMMIT_VERSION
from kinfold.runtime.lake.id_key import opened_key
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.lake.roots import open_root
from kinfold.runtime.lake.tables import NOTEBOOK
from kinfold.runtime.lake.upgrade import require_fitting, upgrade
from kinfold.runtime.last_runs import last_run
from kinfold.runtime.metrics.declarations import JOB_COUNT
from kinfold.runtime.metrics.job_metrics import job_metrics
from kinfold.runtime.metrics.values import MetricValues
from kinfold.runtime.run_state import RunState, computed_tables, output_states, run_state
from kinfold.runtime.session import open_session
from kinfold.tables import bronze, gold, ops, silver
from kinfold.tables.spec import Table

_OF_EVENTS = (bronze.EVENTS, silver.EVENTS, silver.ORDERS, silver.ORDER_LINES, gold.FEATURES)
"""Tables that only a lake with events has."""
_COMMIT_MARK = "spark.databricks.delta.commitInfo.userMetadata"


@dataclass
class JobRun:
    """A running job.

    Attributes:
        name: path below jobs/ without `.py`.
        state: its inputs, compared with those of the last finished run.
        previous: row of ops.job_runs of the last finished run; null on the first run.
        settings_hash: of everything else that the outputs depend on.
        counts: numbers about the work done; printed, stored in ops.job_runs, shown in the summary.
        is_skipped: whether the run did nothing because inputs and settings are unchanged.
        is_without_input: whether the job has nothing to read, because the lake has only records of
            batch sources and no events.
        result: what the last line of the job says instead of its counts, if not empty.
    """

    name: str
    lake: Lake
    options: RunOptions
    state: RunState
    previous: Row | None
    settings_hash: str
    counts: dict[str, float] = field(default_factory=dict)
    is_skipped: bool = False
    is_without_input: bool = False
    result: str = ""

    @property
    def settings(self) -> Settings:
        return self.options.settings

    @property
    def spark(self) -> SparkSession:
        return self.lake.spark

    @property
    def metrics(self) -> MetricValues:
        """Further metrics of the run for Prometheus, besides its counts."""
        return self.lake.metrics

    @property
    def inputs(self) -> Mapping[str, int]:
        """Version of each input table, pinned when the job started."""
        return self.state.inputs

    @property
    def is_up_to_date(self) -> bool:
        """True if inputs, settings and outputs are unchanged; the caller should return.

        Also true if the job `is_without_input`.
        """
        is_unchanged = not self.is_rebuild and not self.state.has_changes
        self.is_skipped = is_unchanged or self.is_without_input
        return self.is_skipped

    @property
    def is_rebuild(self) -> bool:
        """Whether all outputs must be rebuilt; see `run_state`."""
        return self.state.rebuild_because is not None

    def read(self, table: Table) -> DataFrame:
        """All rows of an input at its pinned version; none if the lake has no such table."""
        if table.name not in self.inputs:
            return self.lake.empty(table)
        return self.lake.read(table, version=self.inputs[table.name])

    def processed_version(self, table: Table) -> int:
        """Version up to which an input has been processed; -1 if all of it is new to the job."""
        return self.state.processed.get(table.name, -1)

    def changes(self, table: Table) -> DataFrame:
        """The change feed of an input since the last finished run of this job.

        If all of the input is new to the job, its rows are read from the table, each as inserted:
        the feed of old versions is not stored for ever.
        """
        after, until = self.processed_version(table), self.inputs.get(table.name, -1)
        if after < 0:
            inserted = {CHANGE_TYPE: F.lit("insert"), COMMIT_VERSION: F.lit(until).cast("bigint")}
            return self.read(table).withColumns(inserted)
        return self.lake.changes(table, after=after, until=until)

    def inserted(self, table: Table) -> DataFrame:
        """The rows appended to an append-only input since the last finished run of this job."""
        changes = self.changes(table)
        return changes.where(F.col(CHANGE_TYPE) == "insert").select(*table.columns)

    def existing_rows(self, table: Table) -> DataFrame:
        """Current rows of an output table; none if a rebuild is due."""
        return self.lake.empty(table) if self.is_rebuild else self.lake.read_or_empty(table)

    def publish(
        self,
        table: Table,
        rows: DataFrame,
        *,
        deleted: DataFrame | None = None,
        are_new: bool = False,
    ) -> None:
        """Upsert rows by key (see `Lake.upsert`); replace the whole table if a rebuild is due."""
        if self.is_rebuild:
            self.lake.replace(table, rows)
        else:
            self.lake.upsert(table, rows, deleted=deleted, are_new=are_new)

    def publish_new(self, table: Table, rows: DataFrame) -> None:
        """Insert rows with new keys (`Lake.insert_new`); replace the table if a rebuild is due."""
        if self.is_rebuild:
            self.lake.replace(table, rows)
        else:
            self.lake.insert_new(table, rows)

    def rows_with_keys(self, table: Table, keys: DataFrame) -> DataFrame:
        """Current rows of an output with a key of some rows; all rows if a rebuild is due."""
        rows = self.lake.read(table)
        if self.is_rebuild:
            return rows
        wanted = cached(keys.select(*table.key).distinct())
        return rows.join(wanted, list(table.key), how="semi")

    def start_again(self, because: str) -> None:
        """Make this run a rebuild, and forget its counts."""
        self.state = replace(self.state, processed={}, rebuild_because=because)
        self.counts.clear()
        self.note(f"computes all rows again, because {because}")

    def count(self, **counts: float) -> None:
        """Add to the run's counts, by name."""
        for name, value in counts.items():
            self.counts[name] = self.counts.get(name, 0) + value

    def end_dry(self, result: str = "") -> None:
        """End a dry run: the run is not recorded, and its last line says that nothing changed.

        Args:
            result: what the run would have done.
        """
        self.is_skipped = True
        self.result = f"dry run, nothing changed{': ' + result if result else ''}"

    def note(self, *lines: str) -> None:
        """Print lines of progress, each with the job's name."""
        for line in lines:
            say(f"    {self.name}: {line}")


@contextmanager
def open_lake(
    options: RunOptions,
    *,
    name: str,
    metrics: MetricValues | None = None,
    upgrades: bool = False,
    first_id_key: str | None = None,
) -> Iterator[Lake]:
    """The lake that the settings name. A session opened here is closed on every exit.

    Args:
        upgrades: adapt a lake of another version of kinfold; otherwise it must fit.
        first_id_key: the key for the ids of a lake that has none; null = a random one.
    """
    open_root(options.settings.lake.root)
    owned = SparkSession.getActiveSession() is None
    spark = open_session(
        name=name, env=options.env, home=options.home, is_verbose=options.is_verbose
    )
    lake = Lake(
        spark=spark,
        root=options.settings.lake.root,
        run_id=options.run_id,
        started_at=datetime.now(UTC),
        metrics=metrics or MetricValues(),
        native_writes=options.settings.runtime.native_writes,
        max_quarantined_ratio=options.settings.quality.max_quarantined_ratio,
    )
    # The only way to mark the commits of MERGE and DELETE.
    spark.conf.set(_COMMIT_MARK, lake.commit_mark)
    try:
        (upgrade if upgrades else require_fitting)(lake)
        reference = options.settings.identity.id_key
        key = opened_key(lake, reference, creates=upgrades, first_key=first_id_key)
        yield replace(lake, id_key=key)
    finally:
        spark.conf.unset(_COMMIT_MARK)
        if owned:
            spark.stop()


def lake_at(root: str, *, env: str = "local") -> Lake:
    """The lake at a folder or URI, for notebooks: without a job run; the session stays open.

    A relative path is relative to the project's folder.
    """
    home = project_home()
    location = resolve_path(root, home)
    spark = open_session(name="notebook", env=env, home=home)
    lake = Lake(spark=spark, root=location, run_id=NOTEBOOK, started_at=datetime.now(UTC))
    require_fitting(lake)
    return lake


@contextmanager
def open_job(
    name: str,
    options: RunOptions,
    *,
    reads: Sequence[Table] = (),
    reads_if_exists: Sequence[Table] = (),
    writes: Sequence[Table] = (),
    depends_on: Sequence[Conf | str | Path] = (),
    rules: Sequence[str] = (),
    needs_events: bool = True,
) -> Iterator[JobRun]:
    """A job run with locked outputs and pinned inputs; stored in ops.job_runs when it finishes.

    Args:
        reads: input tables that must exist.
        reads_if_exists: further input tables; a missing one is not an input.
        writes: output tables; locked against other processes until the job ends.
        depends_on: the settings that the outputs depend on, and files by their contents.
        rules: the modules and packages whose code decides what the outputs contain.
        needs_events: whether the job has nothing to do in a lake that has records of batch sources
            and no events. False: it works on what there is.
    """
    started = monotonic()
    with (
        job_metrics(name, options.settings.metrics) as metrics,
        open_lake(options, name=name, metrics=metrics, upgrades=True) as lake,
        lake.writing(*writes),
    ):
        absent = _absent_events(lake, reads)
        required = [table for table in reads if table not in absent]
        inputs = [*required, *(table for table in reads_if_exists if lake.exists(table))]
        previous = last_run(lake, name)
        # A changed declaration also rebuilds outputs: it fills new columns and applies new rules.
        settings_hash = options.hash_of(
            *depends_on, *(t.schema_version for t in writes), code_version(*rules)
        )
        state = run_state(
            lake, previous, inputs=inputs, outputs=writes, settings_hash=settings_hash
        )
        run = JobRun(name, lake, options, state, previous, settings_hash)
        run.is_skipped = run.is_without_input = needs_events and bool(absent)
        if state.rebuild_because and not state.is_first and computed_tables(writes):
            run.note(f"computes all rows again, because {state.rebuild_because}")
        with heartbeat(name, lambda: _task_progress(lake.spark)), caching_scope():
            yield run
            seconds = monotonic() - started
            if not run.is_skipped:
                _record(run, seconds, outputs=writes)
                for count, value in run.counts.items():
                    metrics.set(JOB_COUNT, value, name=count)
        say_result(name, result_text(run), seconds=monotonic() - started)


def run_job(main: Callable[[], None]) -> None:
    """Run a job as a process: a `KinfoldError` becomes one line and an exit code.

    Any other error is a fault: its stack trace is printed, without the passwords in it.
    """
    sys.excepthook = print_fault
    threading.excepthook = lambda fault: print_fault(*fault[:3])
    try:
        main()
    except KinfoldError as error:
        say(f"kinfold: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("kinfold: stopped. Start the same command again to continue.")
        sys.exit(STOPPED)


def print_fault(kind: type[BaseException], error: BaseException | None, trace: Any) -> None:
    """Print the stack trace of an error like Python does, without the passwords in it."""
    say("".join(traceback.format_exception(kind, error, trace)).rstrip())


def result_text(run: JobRun) -> str:
    """What a job did, for its last line."""
    if run.is_without_input:
        return "nothing to do: the lake has no events"
    return run.result or ("nothing new" if run.is_skipped else counts_text(run.counts))


def _absent_events(lake: Lake, reads: Sequence[Table]) -> list[Table]:
    """The inputs that do not exist because the lake has records of batch sources and no events."""
    absent = [table for table in reads if table in _OF_EVENTS and not lake.exists(table)]
    has_only_records = lake.exists(bronze.RECORDS) and not lake.exists(bronze.EVENTS)
    return absent if absent and has_only_records else []


def _record(run: JobRun, seconds: float, *, outputs: Sequence[Table]) -> None:
    written = output_states(run.lake, outputs)
    ids = {name: state.table_id for name, state in written.items()}
    row: dict[str, Any] = dict(
        job=run.name,
        run_id=run.lake.run_id,
        finished_at=datetime.now(UTC),
        seconds=seconds,
        input_versions=run.inputs,
        output_versions={name: state.version for name, state in written.items()},
        table_ids={**run.state.input_ids, **ids},
        settings_hash=run.settings_hash,
        counts={key: float(value) for key, value in run.counts.items()},
    )
    run.lake.append_record(ops.JOB_RUNS, [row])


def _task_progress(spark: SparkSession) -> str:
    """Progress of the running Spark stages, as text; empty between Spark jobs."""
    tracker = spark.sparkContext.statusTracker()
    done = total = 0
    for stage_id in tracker.getActiveStageIds():
        stage = tracker.getStageInfo(stage_id)
        if stage is not None:
            done, total = done + stage.numCompletedTasks, total + stage.numTasks
    return f"{done} of {total} tasks" if total else ""
