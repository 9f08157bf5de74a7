"""The state of a table's storage: small files, deleted rows, unreferenced files, the log."""

from dataclasses import dataclass
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import functions as F
from pyspark.sql.classic.dataframe import DataFrame as ClassicDataFrame

from kinfold.runtime.lake.tables import LakeTables
from kinfold.runtime.native_writes.delta_log import DeltaLog
from kinfold.runtime.storage import Storage
from kinfold.tables.collected import collected
from kinfold.tables.spec import Table


@dataclass(frozen=True)
class TableHealth:
    """What the storage of a table consists of.

    Attributes:
        files, size: number and bytes of the data files of the newest version.
        small_files: those of them that are smaller than a limit.
        rows, deleted_rows: rows of these files, and those that are marked as deleted.
        stored_size: bytes of all files in the table's folder, apart from the log.
        commits: commits after the last checkpoint.
    """

    files: int = 0
    size: int = 0
    small_files: int = 0
    rows: int = 0
    deleted_rows: int = 0
    stored_size: int = 0
    commits: int = 0

    @property
    def deleted_ratio(self) -> float:
        """Share of the rows that are marked as deleted."""
        return self.deleted_rows / self.rows if self.rows else 0.0

    @property
    def unreferenced_size(self) -> int:
        """Bytes of files that the newest version does not need."""
        return max(0, self.stored_size - self.size)

    @property
    def unreferenced_ratio(self) -> float:
        """Share of the stored bytes that the newest version does not need."""
        return self.unreferenced_size / self.stored_size if self.stored_size else 0.0


def table_health(lake: LakeTables, table: Table, *, small_bytes: int) -> TableHealth:
    """The state of a table.

    On a platform with its own Delta the numbers of deleted rows and of commits are 0, and either
    all files count as small or none.

    Args:
        small_bytes: a file with fewer bytes is small.
    """
    path = lake.path(table)
    storage = Storage(lake.spark, path)
    stored = storage.size() - storage.size("_delta_log")
    log = DeltaLog.of(lake.spark, path)
    if log is None:
        detail = collected(DeltaTable.forPath(lake.spark, path).detail())[0]
        files, size = int(detail["numFiles"]), int(detail["sizeInBytes"])
        small = files if size < small_bytes * files else 0
        return TableHealth(files, size, small, stored_size=stored)
    files_of_table: Any = ClassicDataFrame(log.data_files(), lake.spark)
    records = F.get_json_object("stats", "$.numRecords").cast("bigint")
    deleted = F.col("deletionVector.cardinality")
    counts = files_of_table.agg(
        F.count(F.lit(1)).alias("files"),
        F.coalesce(F.sum("size"), F.lit(0)).alias("size"),
        F.count_if(F.col("size") < small_bytes).alias("small_files"),
        F.coalesce(F.sum(records), F.lit(0)).alias("rows"),
        F.coalesce(F.sum(deleted), F.lit(0)).alias("deleted_rows"),
    )
    counted = collected(counts)[0].asDict()
    commits = log.commits_since_checkpoint()
    return TableHealth(**counted, stored_size=stored, commits=commits)
