"""How a table is stored changes; its rows and its change feed do not."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from frames import assert_rows
from kinfold.runtime.lake.commits import commits_between
from kinfold.runtime.lake.table_health import table_health
from kinfold.runtime.lake.upkeep import compact, delete_old_files, rewrite, write_checkpoint
from lakes import MEMBERS, lake_of, members

TABLE = replace(MEMBERS, uses_deletion_vectors=True)
SMALL = 1_000_000


@pytest.fixture
def lake(spark, lake_root):
    """A clustered table of four files; one of its four rows is marked as deleted."""
    lake = lake_of(spark, lake_root)
    for one in ("a", "b", "c"):
        lake.append(TABLE, members(spark, **{one: one * 32}))
    lake.append(TABLE, members(spark, d="d" * 32, e="e" * 32))
    lake.delete(TABLE, F.col("value") == "e")
    return lake


def state(lake):
    assert_rows(lake.read(TABLE), ["value"], [("a",), ("b",), ("c",), ("d",)])
    detail = DeltaTable.forPath(lake.spark, lake.path(TABLE)).detail().collect()[0]
    assert detail["clusteringColumns"] == ["profile_id"]
    return table_health(lake, TABLE, small_bytes=SMALL)


def test_files_are_joined_and_written_again_without_a_change_for_readers(lake):
    before, version = state(lake), lake.version(TABLE)
    assert (before.files, before.deleted_rows, before.rows) == (4, 1, 5)
    compact(lake, TABLE, file_bytes=SMALL)
    assert state(lake).files == 1

    lake.delete(TABLE, F.col("value") == "no such row")
    lake.append(TABLE, members(lake.spark, e="e" * 32))
    lake.delete(TABLE, F.col("value") == "e")
    version = lake.version(TABLE)
    rewrite(lake, TABLE, rows_per_file=10)
    after = state(lake)
    assert (after.files, after.deleted_rows, after.rows) == (1, 0, 4)
    assert after.unreferenced_ratio > 0
    since = commits_between(lake, TABLE, after=version, until=lake.version(TABLE))
    assert not since.has_changes
    assert lake.changes(TABLE, after=version, until=lake.version(TABLE)).isEmpty()

    write_checkpoint(lake, TABLE)
    assert state(lake).commits == 0


def test_clustered_files_are_not_written_again_for_new_ones(lake):
    def files():
        return {Path(file).name for file in lake.read(TABLE).inputFiles()}

    compact(lake, TABLE, file_bytes=100)
    clustered = files()
    for one in ("f", "g"):
        lake.append(TABLE, members(lake.spark, **{one: one * 32}))
    appended = files() - clustered
    compact(lake, TABLE, file_bytes=100)
    assert clustered < files()
    assert not appended & files()


def test_only_files_that_no_recent_version_needs_are_deleted(lake):
    folder, version = Path(lake.path(TABLE)), lake.version(TABLE)
    rewrite(lake, TABLE, rows_per_file=10)
    killed = folder / "part-of-a-killed-run.parquet"
    killed.write_bytes(b"rows")
    month_ago = killed.stat().st_mtime - 40 * 86_400
    for file in folder.glob("*.parquet"):
        os.utime(file, (month_ago, month_ago))
    delete_old_files(lake, TABLE, keep_hours=168)
    assert not killed.exists()
    assert lake.read(TABLE, version=version).count() == 4
    assert lake.changes(TABLE, after=0, until=version).count() == 6
