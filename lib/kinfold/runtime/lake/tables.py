"""The tables of a lake: where they are, how they are created, read and locked."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import RLock

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession, functions as F, types as T
from pyspark.sql.pandas.types import to_arrow_schema

from kinfold.core.errors import LakeError
from kinfold.runtime.arrow_frames import local_frame
from kinfold.runtime.keyed_hash import KeyedHash
from kinfold.runtime.lake.marker import mark_if_new
from kinfold.runtime.lake.roots import local_path
from kinfold.runtime.locks.folder_locks import FolderLocks
from kinfold.runtime.locks.opening import locks_of
from kinfold.runtime.locks.protocol import Busy, Lease, Locks
from kinfold.runtime.native_writes.table import NativeTable, id_and_version
from kinfold.runtime.storage import Storage
from kinfold.tables.collected import collected
from kinfold.tables.spec import Table

NOTEBOOK = "notebook"
"""The run id of a lake that a notebook opened."""
STATISTICS = "delta.dataSkippingStatsColumns"
"""The property of a table with the columns that have statistics."""
_COMMIT_TIMEOUT_SECONDS = 600.0
"""How long a commit waits for the commit of another process."""


@dataclass(frozen=True)
class TableState:
    """Which table it is, and its version. A table that is created again has another id."""

    table_id: str
    version: int


@dataclass(frozen=True)
class LakeTables:
    """The tables below one root, opened for one run.

    Attributes:
        root: folder or URI; a table is stored at `<root>/<layer>/<name>`.
        run_id: recorded in every verdict, ledger row and commit of the run.
        started_at: the run's only clock reading, for technical columns.
        native_writes: whether small appends and landed batches bypass Spark's writer where they
            can, see `kinfold.runtime.native_writes`.
        id_key: the secret key of the lake's ids, see `id_key`; null for readers, who need none.
    """

    spark: SparkSession
    root: str
    run_id: str
    started_at: datetime
    native_writes: bool = True
    id_key: str | None = field(default=None, repr=False, compare=False)
    _checked: set[str] = field(default_factory=set, repr=False, compare=False)
    """Tables that are known to have the declared columns."""
    _leases: dict[str, Lease] = field(default_factory=dict, repr=False, compare=False)
    """Locks that this run owns, by table, for the job or for a single commit."""
    _one_commit: RLock = field(default_factory=RLock, repr=False, compare=False)
    """Owned by the thread of this run that commits."""

    def path(self, table: Table) -> str:
        return f"{self.root}/{table.name.replace('.', '/')}"

    @property
    def storage(self) -> Storage:
        """The files of the lake that are not in a table."""
        return Storage(self.spark, self.root)

    def folder(self, name: str) -> str:
        """A folder of the lake that is not a table: `_checkpoints/...`, `_mlflow`."""
        return f"{self.root}/{name}"

    def exists(self, table: Table) -> bool:
        return bool(DeltaTable.isDeltaTable(self.spark, self.path(table)))

    def ensure(self, table: Table) -> None:
        """Create the table as declared, or add the columns that were declared since.

        Raises:
            LakeError: a column has another type than declared.
        """
        if table.name in self._checked:
            return
        if self.exists(table):
            self._evolve(table)
        else:
            self._create(table)
        self._checked.add(table.name)

    def _create(self, table: Table) -> None:
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(table))
        builder = builder.comment(table.comment)
        for name, value in table_properties(table).items():
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
        with self.commit_lock(table):
            mark_if_new(self.storage)
            builder.execute()

    def _evolve(self, table: Table) -> None:
        existing = {column.name: column.dataType for column in self.stored_schema(table)}
        for column in table.fields:
            actual = existing.get(column.name, column.type).simpleString()
            if actual != column.type.simpleString():
                raise LakeError(
                    f"{table.name}: column {column.name} is {actual} in the lake at {self.root}, "
                    f"and is declared {column.type.simpleString()} in "
                    f"lib/kinfold/tables/{table.layer}.py. Columns can be added to a lake, not "
                    "changed: give the new one another name, or build the lake again."
                )
        if any(column not in existing for column in table.columns):
            # Existing rows are null in new columns, so no new column can be required.
            nullable = T.StructType(
                [T.StructField(c.name, c.dataType, True, c.metadata) for c in table.schema]
            )
            writer = self._empty_frame(nullable).write.format("delta").mode("append")
            with self.commit_lock(table):
                writer.option("mergeSchema", "true").save(self.path(table))

    def version(self, table: Table) -> int:
        """Newest version.

        Raises:
            LakeError: the table does not exist yet.
        """
        self.require(table)
        known = id_and_version(self.spark, self.path(table)) if self.native_writes else None
        if known is not None:  # reading the history takes a quarter of a second
            return known[1]
        history = DeltaTable.forPath(self.spark, self.path(table)).history(1)
        return int(collected(history.select("version"))[0][0])

    def state(self, table: Table) -> TableState:
        """Id and newest version.

        Raises:
            LakeError: the table does not exist yet.
        """
        self.require(table)
        known = id_and_version(self.spark, self.path(table)) if self.native_writes else None
        if known is not None:
            return TableState(*known)
        detail = DeltaTable.forPath(self.spark, self.path(table)).detail()
        return TableState(str(collected(detail.select("id"))[0][0]), self.version(table))

    @cached_property
    def keyed_hash(self) -> KeyedHash:
        """The keyed hash of the lake, for ids and in place of personal values.

        Raises:
            LakeError: the lake was opened without its key, or has none yet.
        """
        if self.id_key is None:
            raise LakeError(
                f"lake.root {self.root}: has no key for ids yet. Run jobs/pipeline.py, which makes "
                "it, or name another lake with --set lake.root=DIR."
            )
        return KeyedHash.of(self.spark, self.id_key)

    @property
    def commit_mark(self) -> str:
        """The `userMetadata` of every commit of this run."""
        return f"kinfold {self.run_id}"

    def read(self, table: Table, *, version: int | None = None) -> DataFrame:
        """All rows, of the newest version or of the given one.

        Raises:
            LakeError: the table does not exist yet.
        """
        self.require(table)
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return with_declared_columns(reader.load(self.path(table)), table)

    def stored_schema(self, table: Table) -> T.StructType:
        """The columns of an existing table as they are in the lake."""
        return self.spark.read.format("delta").load(self.path(table)).schema

    def read_or_empty(self, table: Table) -> DataFrame:
        """All rows; an empty frame if the table does not exist yet."""
        return self.read(table) if self.exists(table) else self.empty(table)

    def empty(self, table: Table) -> DataFrame:
        """A frame with the columns of the table and no row."""
        return self._empty_frame(table.schema)

    def _empty_frame(self, schema: T.StructType) -> DataFrame:
        """No rows, known at planning time: Spark runs no task for them."""
        return local_frame(self.spark, to_arrow_schema(schema).empty_table(), schema)

    def native(self, table: Table) -> NativeTable | None:
        """The table as `native_writes` can append to it; None where only Spark can write it."""
        self.ensure(table)
        if not self.native_writes:
            return None
        return NativeTable.open(
            self.spark, self.path(table), table, properties=table_properties(table).keys()
        )

    @contextmanager
    def writing(self, *tables: Table) -> Iterator[None]:
        """Own the write lock of the tables, see `kinfold.runtime.locks`.

        Raises:
            LakeError: another process owns one of them.
        """
        with ExitStack() as locks:
            for table in sorted(tables, key=lambda t: t.name):
                locks.enter_context(self._locked(table))
            yield

    @contextmanager
    def commit_lock(self, table: Table) -> Iterator[None]:
        """Own the write lock of a table for one commit, unless the job owns it already.

        Tables that all jobs write (`ops.*`) are locked in this way.
        """
        with self._one_commit:
            if table.name in self._leases:
                self.require_lock(table)
                yield
            else:
                with self._locked(table, patience=_COMMIT_TIMEOUT_SECONDS):
                    yield

    def require_lock(self, table: Table) -> None:
        """Check, right before a commit, that this run still owns the lock that it has taken.

        Raises:
            LakeError: another process took it over, for example while this one was paused.
        """
        lease = self._leases.get(table.name)
        if lease is not None:
            lease.require_owned()

    @contextmanager
    def upgrade_lock(self) -> Iterator[None]:
        """Own the right to adapt the lake to this version of kinfold; waits for another process."""
        try:
            with self._locks.lock("lake", patience=_COMMIT_TIMEOUT_SECONDS):
                yield
        except Busy as error:
            raise LakeError(
                f"lake.root {self.root}: another process is adapting it to this version of "
                "kinfold. Wait until it has finished and start this job again."
            ) from error

    @contextmanager
    def _locked(self, table: Table, *, patience: float = 0) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                lease = stack.enter_context(self._locks.lock(table.name, patience=patience))
            except Busy as error:
                raise LakeError(
                    f"{table.name}: another process is writing it ({self.root}). "
                    "Wait until it has finished and start this job again."
                ) from error
            self._leases[table.name] = lease
            stack.callback(self._leases.pop, table.name)
            yield

    @cached_property
    def _locks(self) -> Locks:
        local = local_path(self.root)
        if local is not None:
            return FolderLocks(local / "_locks")
        return locks_of(self.spark, self.root, holder=self.run_id)

    def require(self, table: Table) -> None:
        """Check that a table exists.

        Raises:
            LakeError: it does not exist yet; the message names the job that writes it.
        """
        if not self.exists(table):
            raise LakeError(
                f"{table.name}: does not exist in the lake at {self.root}. Run "
                f"jobs/{table.written_by} first, or the whole of jobs/pipeline.py, or name another "
                "lake with --set lake.root=DIR."
            )


def with_declared_columns(rows: DataFrame, table: Table) -> DataFrame:
    """Stored rows, with null in the columns that were declared after the table was written."""
    stored = set(rows.columns)
    missing = [column for column in table.fields if column.name not in stored]
    if not missing:
        return rows
    return rows.withColumns({c.name: F.lit(None).cast(c.type) for c in missing})


def table_properties(table: Table) -> dict[str, str]:
    """The Delta properties that a table is created with."""
    return {
        "delta.enableChangeDataFeed": "true",
        # Delta's default of 10 makes every tenth small commit seconds longer.
        "delta.checkpointInterval": "100",
        STATISTICS: ",".join(table.statistics_columns),
        "delta.enableDeletionVectors": str(table.uses_deletion_vectors).lower(),
    }
