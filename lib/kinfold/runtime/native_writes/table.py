"""Appends to Delta tables without Spark's writer: the only interface of this package.

Spark's writer copies rows that Python makes three times: to Arrow, to Spark's rows, and column by
column to Parquet. Here the workers write Parquet files themselves, and the driver commits them to
the Delta log. A few rows that are on the driver already are appended in a quarter of the time of a
Spark job.

It is possible only where the driver and all workers can write the folder of the table, and where
Delta is the open-source one. Everywhere else, and with `runtime.native: off` or `fast_path`, Spark
writes the same rows.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from kinfold.runtime.native_writes.data_files import CODECS, Batches, write_file, write_files
from kinfold.runtime.native_writes.delta_log import DeltaLog
from kinfold.runtime.native_writes.locations import Location
from kinfold.tables.spec import Table


@dataclass(frozen=True)
class NativeCommit:
    """A commit of files that workers wrote.

    Attributes:
        rows: rows of the files.
        counts: what was counted on the way, by name.
    """

    version: int
    rows: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class NativeTable:
    """A Delta table that can be appended to without Spark's writer."""

    table: Table
    log: DeltaLog
    location: Location
    codec: str

    @classmethod
    def open(
        cls, spark: SparkSession, path: str, table: Table, *, properties: Collection[str]
    ) -> "NativeTable | None":
        """The table at a path; None where only Spark can write it.

        Args:
            properties: Delta properties that the table is created with. A table with any other
                property may demand more of a writer than this package does.
        """
        log = DeltaLog.of(spark, path)
        codec = str(spark.conf.get("spark.sql.parquet.compression.codec")).lower()
        if log is None or codec not in CODECS:
            return None
        if not log.is_plain(properties=properties, columns=table.columns):
            return None
        location = log.location
        return cls(table, log, location, codec) if location else None

    def append(self, rows: pa.Table, *, mark: str) -> int:
        """Append rows that are on the driver, at least one; returns the new version.

        Raises:
            ValueError: a required column is null.
        """
        file = write_file(rows, table=self.table, location=self.location, codec=self.codec)
        return self.log.append([file], mark=mark)

    def append_made(
        self,
        records: DataFrame,
        make: Callable[[Batches], Batches],
        *,
        count: Callable[[pa.RecordBatch], Mapping[str, int]],
        writer: str,
        batch_id: int,
        mark: str,
        before_commit: Callable[[], None] = lambda: None,
    ) -> NativeCommit | None:
        """Append rows that workers make out of records and write; see `write_files`.

        Args:
            before_commit: called after the files are written; raises if they must not be committed.

        Returns:
            None if `writer` has committed the batch already.
        """
        batch = self.log.start_batch(writer, batch_id)
        if batch is None:
            return None
        files = write_files(
            records,
            make,
            table=self.table,
            location=self.location,
            codec=self.codec,
            count=count,
        )
        before_commit()
        version = batch.commit(files, mark=mark)
        counts = Counter[str]()
        for file in files:
            counts.update(file.counts)
        return NativeCommit(version, sum(file.rows for file in files), counts)


def id_and_version(spark: SparkSession, path: str) -> tuple[str, int] | None:
    """The id and the newest version of a table, in a hundredth of a second.

    None where only Spark knows them.
    """
    log = DeltaLog.of(spark, path)
    return (log.table_id(), log.version()) if log is not None else None


def cluster(spark: SparkSession, path: str, columns: Sequence[str], *, mark: str) -> None:
    """Set the clustering columns of a table that was created with clustering.

    Does the same as ALTER TABLE ... CLUSTER BY, which needs SQL text. Without effect where the
    platform has its own Delta.
    """
    log = DeltaLog.of(spark, path)
    if log is not None:
        log.cluster(columns, mark=mark)
