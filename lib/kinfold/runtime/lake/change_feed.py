"""The change feed of a table: rows inserted, updated and deleted between two versions."""

from pyspark.sql import DataFrame, functions as F

from kinfold.runtime.lake.tables import LakeTables, with_declared_columns
from kinfold.tables.spec import Table

CHANGE_TYPE = "_change_type"
COMMIT_VERSION = "_commit_version"


def changes_between(lake: LakeTables, table: Table, *, after: int, until: int) -> DataFrame:
    """The changes of the versions in (after, until], with `_change_type` and `_commit_version`.

    Returns:
        One row per inserted or deleted row, and both images of an updated row. Empty when `until`
        is not greater than `after`.

    Raises:
        LakeError: the table does not exist yet.
    """
    lake.require(table)
    if until <= after:
        return lake.empty(table).withColumns(
            {CHANGE_TYPE: F.lit(None).cast("string"), COMMIT_VERSION: F.lit(None).cast("bigint")}
        )
    rows = (
        lake.spark.read.format("delta")
        .option("readChangeFeed", "true")
        .option("startingVersion", after + 1)
        .option("endingVersion", until)
        .load(lake.path(table))
        .drop("_commit_timestamp")
    )
    return with_declared_columns(rows, table)
