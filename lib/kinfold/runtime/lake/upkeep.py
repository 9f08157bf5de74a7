"""Changes of how a table is stored. None changes its rows, and none adds to its change feed."""

from collections.abc import Iterator
from contextlib import contextmanager

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from kinfold.runtime.lake.tables import LakeTables
from kinfold.runtime.native_writes.delta_log import DeltaLog
from kinfold.runtime.native_writes.table import cluster
from kinfold.tables.spec import Table

_OPTIMIZE = "spark.databricks.delta.optimize"
_CUBES = f"{_OPTIMIZE}.clustering.mergeStrategy.minCubeSize"
_FILES_PER_CUBE = 8
"""Files that OPTIMIZE clusters together and does not write again. With Delta's default, 100 GB, it
would write most tables again as a whole for a few new files."""


def compact(lake: LakeTables, table: Table, *, file_bytes: int) -> None:
    """Join small files, in the order of the clustering columns (OPTIMIZE).

    Files that are clustered already, and enough of them, are not written again.

    Args:
        file_bytes: smaller files are joined to files of about this size.
    """
    sizes = {
        f"{_OPTIMIZE}.minFileSize": file_bytes,
        f"{_OPTIMIZE}.maxFileSize": file_bytes,
        f"{_CUBES}.threshold": _FILES_PER_CUBE * file_bytes,
        f"{_CUBES}.targetCubeSize": 2 * _FILES_PER_CUBE * file_bytes,
    }
    with _settings(lake.spark, {key: str(size) for key, size in sizes.items()}):
        DeltaTable.forPath(lake.spark, lake.path(table)).optimize().executeCompaction()


def rewrite(lake: LakeTables, table: Table, *, rows_per_file: int) -> None:
    """Write all rows again, without those that are marked as deleted.

    OPTIMIZE of a clustered table leaves marked rows in files that are clustered already, and REORG
    exists only as SQL text.
    """
    rows = lake.read(table)
    if table.cluster_by:
        rows = rows.repartitionByRange(*table.cluster_by)
        rows = rows.sortWithinPartitions(*table.cluster_by)
    writer = rows.write.format("delta").mode("overwrite").option("dataChange", "false")
    writer = writer.option("maxRecordsPerFile", rows_per_file)
    writer.option("userMetadata", lake.commit_mark).save(lake.path(table))
    if table.cluster_by:
        # An overwrite removes the clustering columns from the table.
        cluster(lake.spark, lake.path(table), table.cluster_by, mark=lake.commit_mark)


def write_checkpoint(lake: LakeTables, table: Table) -> None:
    """Write a checkpoint of the log, so that readers need not read its commits one by one.

    Delta then deletes the log of versions older than its retention, 30 days.
    """
    log = DeltaLog.of(lake.spark, lake.path(table))
    if log is not None:
        log.write_checkpoint()


def delete_old_files(lake: LakeTables, table: Table, *, keep_hours: float) -> None:
    """Delete the files that no version of the last hours needs (VACUUM)."""
    DeltaTable.forPath(lake.spark, lake.path(table)).vacuum(keep_hours)


@contextmanager
def _settings(spark: SparkSession, values: dict[str, str]) -> Iterator[None]:
    """Settings of the session while the body runs."""
    before = {key: spark.conf.get(key, None) for key in values}
    for key, value in values.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            spark.conf.unset(key) if old is None else spark.conf.set(key, old)
