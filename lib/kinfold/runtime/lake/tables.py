"""The lake: tables by declaration, read at pinned versions and written through the gate."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import RLock

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession, functions as F, types as T
from pyspark.sql.pandas.types import to_arrow_schema

from kinfold.core.errors import LakeError
from kinfold.quality import gate
from kinfold.quality.quarantine import Census, census, quarantined_rows, right_rows
from kinfold.quality.rows import REASONS, judged_rows
from kinfold.runtime.arrow_frames import FEW, local_frame
from kinfold.runtime.lake.predicates import any_of, keys_match, predicate
from kinfold.runtime.lake.roots import local_path
from kinfold.runtime.locks.folder_locks import FolderLocks
from kinfold.runtime.locks.opening import locks_of
from kinfold.runtime.locks.protocol import Busy, Locks
from kinfold.runtime.metrics.declarations import (
    QUALITY_FAILED,
    QUALITY_FAILING_ROWS,
    QUALITY_QUARANTINED,
)
from kinfold.runtime.metrics.values import MetricValues
from kinfold.runtime.native_writes.data_files import CODECS, Batches, written_file, written_files
from kinfold.runtime.native_writes.delta_log import DeltaLog
from kinfold.runtime.native_writes.locations import Location
from kinfold.runtime.storage import Storage
from kinfold.tables import ops
from kinfold.tables.spec import Table

CHANGE_TYPE = "_change_type"
COMMIT_VERSION = "_commit_version"
_SENT = 500_000
"""So many rows to publish are sent to where the table's are; of more, both sides are shuffled."""
_NAMED = 100
"""So many rows can each be named in a condition."""
_PATIENCE = 600.0
"""Seconds to wait for the commit of another process."""
_PER_FILE = 250_000
"""Rows in a file of a table that is clustered."""


@dataclass(frozen=True)
class Commit:
    """A commit of a table.

    Attributes:
        rows: rows of the data files it added, as the Delta log has them; null if it does not say.
    """

    version: int
    rows: int | None


@dataclass(frozen=True)
class _Passed:
    """Conformed rows that break no rule.

    Attributes:
        few: the same rows, if they are few.
    """

    rows: DataFrame
    count: int
    few: pa.Table | None


@dataclass(frozen=True)
class Near:
    """Rows whose time lies at most a distance from the time that new rows span.

    Attributes:
        column: a timestamp that is never null.
    """

    column: str
    distance: timedelta

    def to(self, rows: DataFrame) -> Column:
        """The condition on `old` rows; with it Delta passes over the files of other times."""
        span = rows.select(F.unix_micros(self.column).alias("at")).agg(F.min("at"), F.max("at"))
        first, last = span.collect()[0]
        if first is None:
            return F.lit(False)
        far = self.distance // timedelta(microseconds=1)
        at = F.col(f"old.{self.column}")
        from_, until = (F.timestamp_micros(F.lit(end)) for end in (first - far, last + far))
        return (at >= from_) & (at <= until)


@dataclass(frozen=True)
class Lake:
    """One lake, opened for one run.

    Attributes:
        root: folder or URI; a table lies at `<root>/<layer>/<name>`.
        run_id: stamps every verdict, ledger row and commit of the run.
        started_at: the run's one clock reading, for technical columns only.
        figures: what the run tells Prometheus.
        max_quarantined_ratio: share of the rows of one publish that may break a rule and are then
            set aside; with 0 any such row stops the publish.
    """

    spark: SparkSession
    root: str
    run_id: str
    started_at: datetime
    figures: MetricValues = field(default_factory=MetricValues)
    max_quarantined_ratio: float = 0.0
    _ensured: set[str] = field(default_factory=set, repr=False, compare=False)
    """Tables that are known to be as declared."""
    _held: set[str] = field(default_factory=set, repr=False, compare=False)
    """Tables whose lock is held, by the job or for a commit."""
    _one_at_a_time: RLock = field(default_factory=RLock, repr=False, compare=False)
    """Held while a commit is made, by one of the run's threads."""

    def path(self, table: Table) -> str:
        return f"{self.root}/{table.name.replace('.', '/')}"

    def folder(self, name: str) -> str:
        """A folder of the lake that holds no table: `_checkpoints/...`, `_mlflow`."""
        return f"{self.root}/{name}"

    def exists(self, table: Table) -> bool:
        return bool(DeltaTable.isDeltaTable(self.spark, self.path(table)))

    def ensure(self, table: Table) -> None:
        """Create the table as declared, or give it the columns it was declared with since.

        Raises:
            LakeError: a column of it has another type than declared.
        """
        if table.name in self._ensured:
            return
        if self.exists(table):
            self._evolve(table)
        else:
            self._make(table)
        self._ensured.add(table.name)

    def _make(self, table: Table) -> None:
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table))
        builder = builder.comment(table.comment)
        for name, value in _properties(table).items():
            builder = builder.property(name, value)
        for column in table.schema:
            builder = builder.addColumn(
                column.name,
                column.dataType,
                nullable=column.nullable,
                comment=column.metadata["comment"],
            )
        if table.cluster_by:
            builder = builder.clusterBy(*table.cluster_by)
        with self._alone(table):
            builder.execute()

    def _evolve(self, table: Table) -> None:
        there = {column.name: column.dataType for column in self.read(table).schema}
        for column in table.fields:
            is_type = there.get(column.name, column.type).simpleString()
            if is_type != column.type.simpleString():
                raise LakeError(
                    f"{table.name}: column {column.name} is {is_type} in the lake at {self.root}, "
                    f"and is declared {column.type.simpleString()} in "
                    f"lib/kinfold/tables/{table.layer}.py. Columns can be added to a lake, not "
                    "changed: give the new one another name, or make the lake anew."
                )
        if any(column not in there for column in table.columns):
            # Rows that are there have nothing in new columns, so none of them can be required.
            loose = T.StructType(
                [T.StructField(c.name, c.dataType, True, c.metadata) for c in table.schema]
            )
            writer = self._nothing(loose).write.format("delta").mode("append")
            with self._alone(table):
                writer.option("mergeSchema", "true").save(self.path(table))

    def version(self, table: Table) -> int:
        """Newest version.

        Raises:
            LakeError: the table is not there yet.
        """
        self._require(table)
        log = DeltaLog.of(self.spark, self.path(table))
        if log is not None:  # a hundredth of a second; the history takes a quarter
            return log.version()
        history = DeltaTable.forPath(self.spark, self.path(table)).history(1)
        return int(history.select("version").collect()[0][0])

    def read(self, table: Table, *, version: int | None = None) -> DataFrame:
        """All rows, of the newest version or a given one.

        Raises:
            LakeError: the table is not there yet.
        """
        self._require(table)
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.path(table))

    def read_or_empty(self, table: Table) -> DataFrame:
        """All rows; none where the table is not there yet."""
        return self.read(table) if self.exists(table) else self.empty(table)

    def changes(self, table: Table, *, after: int, until: int) -> DataFrame:
        """The change feed of the versions in (after, until], with `_change_type` and
        `_commit_version`.

        Empty when `until` is not above `after`. Inserts, deletes, and both images of an update.
        """
        self._require(table)
        if until <= after:
            return self.empty(table).withColumns(
                {
                    CHANGE_TYPE: F.lit(None).cast("string"),
                    COMMIT_VERSION: F.lit(None).cast("bigint"),
                }
            )
        return (
            self.spark.read.format("delta")
            .option("readChangeFeed", "true")
            .option("startingVersion", after + 1)
            .option("endingVersion", until)
            .load(self.path(table))
            .drop("_commit_timestamp")
        )

    def empty(self, table: Table) -> DataFrame:
        """A frame of the table's columns without a row."""
        return self._nothing(table.schema)

    def _nothing(self, schema: T.StructType) -> DataFrame:
        """No rows, known as such when a query is planned: nothing is run for them."""
        return local_frame(self.spark, to_arrow_schema(schema).empty_table(), schema)

    def append_once(
        self, table: Table, rows: DataFrame, *, writer: str, batch_id: int
    ) -> Commit | None:
        """Append a batch unless `writer` has already committed it; null if it has.

        A repeated batch is ignored by Delta itself, atomically with the commit, so a crash between
        the commit and the stream's checkpoint cannot double it.
        """
        self.ensure(table)
        before = self.version(table)
        (
            table.conform(rows)
            .write.format("delta")
            .mode("append")
            .option("txnAppId", writer)
            .option("txnVersion", batch_id)
            .option("userMetadata", self.run_id)
            .save(self.path(table))
        )
        newest = self.version(table)
        return self._commit_of(table, range(before + 1, newest + 1), writer, batch_id)

    def takes_files(self, table: Table) -> bool:
        """Whether workers can write the table's data files: they all see its folder, Delta is the
        open one, and nobody has given the table properties that ask more of a writer than we do."""
        return self._own_files(table) is not None

    def append_files_once(
        self,
        table: Table,
        records: DataFrame,
        made: Callable[[Batches], Batches],
        *,
        count: Callable[[pa.RecordBatch], Mapping[str, int]],
        writer: str,
        batch_id: int,
    ) -> tuple[Commit, Counter[str]] | None:
        """`append_once` of rows that workers make and write themselves (see `written_files`), with
        what was counted; null if `writer` has already committed the batch.

        Raises:
            ValueError: the table is none that `takes_files`.
        """
        own = self._own_files(table)
        if own is None:
            raise ValueError(f"{table.name}: its files can be written by Spark only.")
        log, place = own
        batch = log.batch(writer, batch_id)
        if batch is None:
            return None
        files = written_files(
            records, made, table=table, place=place, codec=self._codec, count=count
        )
        version = batch.commit(files, run_id=self.run_id)
        counts = Counter[str]()
        for file in files:
            counts.update(file.counts)
        return Commit(version, sum(file.rows for file in files)), counts

    def _own_files(self, table: Table) -> tuple[DeltaLog, Location] | None:
        """The log and the folder of a table that `takes_files`; null of any other."""
        self.ensure(table)
        log = DeltaLog.of(self.spark, self.path(table))
        if log is None or self._codec not in CODECS:
            return None
        is_plain = log.is_plain(properties=_properties(table).keys(), columns=table.columns)
        place = log.place if is_plain else None
        return (log, place) if place else None

    @property
    def _codec(self) -> str:
        return str(self.spark.conf.get("spark.sql.parquet.compression.codec")).lower()

    def _commit_of(
        self, table: Table, versions: Sequence[int], writer: str, batch_id: int
    ) -> Commit | None:
        """The commit among some versions by which a writer's batch came in, by the Delta log."""
        log = Storage(self.spark, f"{self.path(table)}/_delta_log")
        for version in versions:
            actions = [json.loads(line) for line in log.read(f"{version:020}.json").splitlines()]
            by = [(a["txn"]["appId"], a["txn"]["version"]) for a in actions if "txn" in a]
            if (writer, batch_id) in by:
                added = [json.loads(a["add"].get("stats") or "{}") for a in actions if "add" in a]
                counts = [stats.get("numRecords") for stats in added]
                return Commit(version, None if None in counts else sum(counts))
        return None

    def insert_new(self, table: Table, rows: DataFrame, *, near: Near | None = None) -> None:
        """Publish rows whose key is not there yet; known keys stay untouched.

        Args:
            near: known keys are looked for among rows of about the same time only, so that the
                cost follows the time that `rows` span and not the table.
        """
        with self._passed(table, rows) as passed:
            if not passed.count:
                return
            where = near.to(passed.rows) if near else None
            merge = self._merge(table, passed.rows, where=where)
            merge.whenNotMatchedInsert(values=_values(table)).execute()

    def upsert(
        self,
        table: Table,
        rows: DataFrame,
        *,
        gone: DataFrame | None = None,
        are_new: bool = False,
        are_changed: bool = False,
    ) -> None:
        """Publish rows by key: new keys are added, changed rows replaced, equal ones not rewritten.

        Args:
            gone: keys to delete in the same commit; must not meet `rows`.
            are_new: no key of `rows` is in the table, as the caller, who holds its lock, has seen;
                they are then appended without looking.
            are_changed: no row says what the one that is there says already, as the caller has
                seen; few are then written without looking.
        """
        with self._passed(table, rows) as passed:
            if gone is None:
                if passed.count and are_new:
                    self._append(table, passed)
                elif passed.count:
                    self._upsert(table, passed, are_changed=are_changed)
                return
            marked = passed.rows.withColumn("_gone", F.lit(False)).unionByName(
                gone.select(*table.key).withColumn("_gone", F.lit(True)), allowMissingColumns=True
            )
            values = _values(table)
            (
                self._merge(table, marked)
                .whenMatchedDelete(condition="new._gone")
                .whenMatchedUpdate(condition=self._differs(table), set=values)
                .whenNotMatchedInsert(condition="not new._gone", values=values)
                .execute()
            )

    def replace(self, table: Table, rows: DataFrame, **where: str | datetime) -> None:
        """Publish rows in place of all rows, or of those whose columns have the values `where`.

        All rows lie in the order of the table's clustering columns from the start, as OPTIMIZE
        would put them, in files that are small enough to be written again for a few of their rows.
        """
        with self._passed(table, rows) as passed:
            whole = passed.rows
            if table.cluster_by and not where and passed.count > _PER_FILE:
                whole = whole.repartitionByRange(*table.cluster_by)
                whole = whole.sortWithinPartitions(*table.cluster_by)
            is_first = not where and self.version(table) == 0  # made, and nothing written yet
            writer = whole.write.format("delta").option("userMetadata", self.run_id)
            if where:
                writer = writer.option("replaceWhere", predicate(where))
            elif table.cluster_by:
                writer = writer.option("maxRecordsPerFile", _PER_FILE)
            writer.mode("append" if is_first else "overwrite").save(self.path(table))
            is_overwritten = not where and not is_first
            if table.cluster_by and is_overwritten:  # then Delta has forgotten by what
                log = DeltaLog.of(self.spark, self.path(table))
                if log is not None:
                    log.cluster(table.cluster_by, run_id=self.run_id)

    def record(self, table: Table, rows: Sequence[dict[str, object]]) -> None:
        """Upsert a few rows of an ops table, which has no gate."""
        if not rows:
            return
        self.ensure(table)
        self._write_by_key(table, table.rows(self.spark, rows))

    def append(self, table: Table, rows: DataFrame) -> None:
        """Append rows whose keys are new by construction, without a gate."""
        self.ensure(table)
        self._save(table, table.conform(rows))

    def mark(self, table: Table, rows: DataFrame, *, apart_from: Sequence[str]) -> None:
        """Upsert rows of an ops table; one that says nothing new, but for some columns, stays."""
        self.ensure(table)
        is_news = self._differs(table, apart_from=apart_from)
        self._write_by_key(table, table.conform(rows), condition=is_news)

    def append_record(self, table: Table, rows: Sequence[dict[str, object]]) -> None:
        """Append a few rows of an ops table whose keys are new by construction."""
        if not rows:
            return
        self._append_few(table, table.arrow_rows(rows))

    def quarantined(self, table: Table) -> DataFrame:
        """The keys of this run's rows of a table that were set aside, as `row_key` writes them."""
        is_of_this_run = (F.col("table_name") == table.name) & (F.col("run_id") == self.run_id)
        return self.read_or_empty(ops.QUARANTINE).where(is_of_this_run).select("key")

    def forget(self, table: Table, where: Column) -> None:
        """Delete rows of an ops table."""
        self.ensure(table)
        with self._alone(table):
            DeltaTable.forPath(self.spark, self.path(table)).delete(where)

    @contextmanager
    def writing(self, *tables: Table) -> Iterator[None]:
        """Hold the write lock of the tables, see `kinfold.runtime.locks`.

        Raises:
            LakeError: another process holds one of them.
        """
        with ExitStack() as held:
            for table in sorted(tables, key=lambda t: t.name):
                held.enter_context(self._locked(table))
            yield

    @contextmanager
    def _alone(self, table: Table) -> Iterator[None]:
        """Hold the write lock of a table for one commit, where the job does not hold it anyway: the
        tables that all jobs write."""
        with self._one_at_a_time:
            if table.name in self._held:
                yield
            else:
                with self._locked(table, patience=_PATIENCE):
                    yield

    @contextmanager
    def _locked(self, table: Table, *, patience: float = 0) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(self._locks.held(table.name, patience=patience))
            except Busy as error:
                raise LakeError(
                    f"{table.name}: another process is writing it ({self.root}). "
                    "Wait until it has finished and start this job again."
                ) from error
            self._held.add(table.name)
            held.callback(self._held.discard, table.name)
            yield

    @cached_property
    def _locks(self) -> Locks:
        local = local_path(self.root)
        if local is not None:
            return FolderLocks(local / "_locks")
        return locks_of(self.spark, self.root, holder=self.run_id)

    @contextmanager
    def _passed(self, table: Table, rows: DataFrame) -> Iterator[_Passed]:
        """The conformed rows that break no rule, once the gate has let them through.

        The others are set aside first, so that a crash before the publish leaves them told twice
        rather than not at all. The verdicts are kept when the version that they let pass is known;
        those of a gate that failed are kept too, without one.
        """
        self.ensure(table)
        judged = judged_rows(table, table.conform(rows)).persist()
        try:
            counts = census(judged)
            is_split = counts.wrong > 0 and self._may_set_aside(table, judged, counts)
            aside = counts.by_rule if is_split else {}
            passed = right_rows(judged) if is_split else judged.drop(REASONS)
            few = passed.toArrow() if counts.rows <= FEW else None
            if few is not None:  # each Spark job over them would cost more than they weigh
                passed = local_frame(self.spark, few, passed.schema).coalesce(1)
                if not is_split:
                    judged.unpersist()
            in_hand = few if few is not None and not gate.holds_nan(few) else passed
            verdicts = gate.judge(table, in_hand) if counts.rows else gate.kept(table)
            judged_at = datetime.now(UTC)
            self._tell(table, verdicts, quarantined=counts.wrong if is_split else 0)
            version = None
            try:
                gate.require(table, verdicts, run_id=self.run_id, because=self._over_budget(counts))
                if is_split:
                    self._set_aside(table, judged, at=judged_at)
                yield _Passed(passed, counts.rows - (counts.wrong if is_split else 0), few)
                version = self.version(table)
            finally:
                self.append_record(
                    ops.QUALITY_RESULTS,
                    [
                        dict(
                            run_id=self.run_id,
                            table_name=table.name,
                            rule=verdict.rule,
                            is_met=verdict.is_met,
                            rows_checked=counts.rows,
                            rows_failing=verdict.rows_failing,
                            rows_quarantined=aside.get(verdict.rule, 0),
                            judged_at=judged_at,
                            table_version=version,
                            schema_version=table.schema_version,
                        )
                        for verdict in verdicts
                    ],
                )
        finally:
            judged.unpersist()

    def _may_set_aside(self, table: Table, judged: DataFrame, counts: Census) -> bool:
        """Whether the wrong rows are few, and every row, wrong or not, has a key of its own."""
        if counts.wrong_ratio > self.max_quarantined_ratio or counts.has_null_keys(table):
            return False
        key_is_unique = table.suite[:1]
        return all(v.is_met for v in gate.judge(table, judged.drop(REASONS), key_is_unique))

    def _over_budget(self, counts: Census) -> str:
        """Why rows were not set aside, where it is because they are too many; else empty."""
        if not 0 < self.max_quarantined_ratio < counts.wrong_ratio:
            return ""
        return (
            f"{counts.wrong_ratio:.2%} of the rows break a rule, and quality.max_quarantined_ratio "
            f"lets {self.max_quarantined_ratio:.2%} be set aside. "
        )

    def _set_aside(self, table: Table, judged: DataFrame, *, at: datetime) -> None:
        """Keep key and reasons of the wrong rows; once, when a run is started again by its id."""
        self.ensure(ops.QUARANTINE)
        rows = quarantined_rows(table, judged, run_id=self.run_id, quarantined_at=at)
        self._write_by_key(ops.QUARANTINE, rows)

    def _tell(
        self, table: Table, verdicts: Sequence[gate.RuleVerdict], *, quarantined: int
    ) -> None:
        """Every rule, kept ones with 0: a rule that is kept again must not stay failed."""
        self.figures.set(QUALITY_QUARANTINED, quarantined, table=table.name)
        broken = sum(not verdict.is_met for verdict in verdicts)
        self.figures.set(QUALITY_FAILED, broken, table=table.name)
        for verdict in verdicts:
            rows = 0 if verdict.is_met else verdict.rows_failing
            self.figures.set(QUALITY_FAILING_ROWS, rows, table=table.name, rule=verdict.rule)

    def _save(self, table: Table, rows: DataFrame) -> None:
        """Append conformed rows."""
        writer = rows.write.format("delta").mode("append")
        with self._alone(table):
            writer.option("userMetadata", self.run_id).save(self.path(table))

    def _append(self, table: Table, passed: _Passed) -> None:
        if passed.few is None:
            self._save(table, passed.rows)
        else:
            self._append_few(table, passed.few)

    def _append_few(self, table: Table, rows: pa.Table) -> None:
        """Append rows that are here, in a quarter of the time of a Spark job where it can be."""
        with self._alone(table):
            own = self._own_files(table)
            if own is None:
                self._save(table, table.conform(local_frame(self.spark, rows)).coalesce(1))
                return
            log, place = own
            file = written_file(rows, table=table, place=place, codec=self._codec)
            log.append([file], run_id=self.run_id)

    def _upsert(self, table: Table, passed: _Passed, *, are_changed: bool) -> None:
        """Replace the rows whose key is there and that say something else, and add the others."""
        rows, among = passed.rows, None
        if passed.count <= _SENT:
            rows = F.broadcast(rows)
        if passed.few is not None:
            # A column that names a person, which has no statistics, must not stand in the Delta
            # log either, and that keeps what rows were looked for by.
            is_shown = set(table.key) <= set(table.statistics_columns)
            if passed.count <= _NAMED and is_shown and table.marks_old_rows:
                self._put_few(table, passed, are_changed=are_changed)
                return
            # The key's first column tells which files, and parts of files, can have them.
            first = table.key[0]
            if first in table.statistics_columns:
                among = F.col(f"old.{first}").isin(passed.few[first].unique().to_pylist())
                old = self.read(table).alias("old").where(among)
                if old.join(rows.alias("new"), keys_match(table), how="semi").isEmpty():
                    self._append(table, passed)  # a fraction of a MERGE that finds nothing
                    return
        self._write_by_key(table, rows, condition=self._differs(table), where=among)

    def _put_few(self, table: Table, passed: _Passed, *, are_changed: bool) -> None:
        """`_upsert` of rows that can be named one by one, in a third of the time of a MERGE.

        The change feed has a replaced row as one deleted and one inserted.
        """
        news, is_any_there = passed.few, True
        assert news is not None  # they are named one by one
        if not are_changed:
            named = any_of(news.select(table.key).to_pylist())
            there = self.read(table).where(named).withColumn("_is_there", F.lit(True))
            met = passed.rows.alias("new").join(there.alias("old"), keys_match(table), how="left")
            met = met.where(F.col("old._is_there").isNull() | self._differs(table))
            found = met.select("new.*", "old._is_there").toArrow()
            news, is_any_there = (
                found.drop(["_is_there"]),
                found["_is_there"].null_count < len(found),
            )
        if not news.num_rows:
            return
        if not is_any_there:
            self._append_few(table, news)
            return
        rows = table.conform(local_frame(self.spark, news)).coalesce(1)
        writer = rows.write.format("delta").mode("overwrite").option("userMetadata", self.run_id)
        named = any_of(news.select(table.key).to_pylist())
        writer.option("replaceWhere", named).save(self.path(table))

    def _write_by_key(
        self,
        table: Table,
        rows: DataFrame,
        *,
        condition: Column | None = None,
        where: Column | None = None,
    ) -> None:
        """Replace the rows whose key is there, where a condition says so, and add the others.

        Args:
            where: holds of every `old` row whose key some row has.
        """
        values = _values(table)
        merge = self._merge(table, rows, where=where)
        merge = merge.whenMatchedUpdate(condition=condition, set=values)
        with self._alone(table):
            merge.whenNotMatchedInsert(values=values).execute()

    def _merge(self, table: Table, rows: DataFrame, *, where: Column | None = None):  # type: ignore[no-untyped-def]  # delta has no stubs
        matches = keys_match(table)
        if where is not None:
            matches = matches & where
        target = DeltaTable.forPath(self.spark, self.path(table))
        return target.alias("old").merge(rows.alias("new"), matches)

    def _differs(self, table: Table, *, apart_from: Sequence[str] = ()) -> Column:
        """Whether the row to publish says something else than the one that is there."""
        differs = F.lit(False)
        for column in (c for c in table.fields if c.name not in apart_from):
            old, new = F.col(f"old.{column.name}"), F.col(f"new.{column.name}")
            if isinstance(column.type, T.MapType):  # maps cannot be compared; sorted entries can
                old, new = (F.array_sort(F.map_entries(side)) for side in (old, new))
            differs = differs | ~old.eqNullSafe(new)
        return differs

    def _require(self, table: Table) -> None:
        if not self.exists(table):
            raise LakeError(
                f"{table.name}: is not in the lake at {self.root}. Run jobs/{table.written_by} "
                "first, or the whole of jobs/pipeline.py, or name another lake with "
                "--set lake.root=DIR."
            )


def _properties(table: Table) -> dict[str, str]:
    """What a table is made with."""
    return {
        "delta.enableChangeDataFeed": "true",
        # Delta's 10 makes every tenth small commit seconds longer.
        "delta.checkpointInterval": "100",
        "delta.dataSkippingStatsColumns": ",".join(table.statistics_columns),
        "delta.enableDeletionVectors": str(table.marks_old_rows).lower(),
    }


def _values(table: Table) -> dict[str, Column]:
    """The declared columns from the new row: a lake may hold more than are declared today."""
    return {column: F.col(f"new.{column}") for column in table.columns}
