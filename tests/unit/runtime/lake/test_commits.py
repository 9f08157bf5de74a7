"""What the commits of a table did."""

from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from frames import at
from kinfold.runtime.lake.change_feed import CHANGE_TYPE
from kinfold.runtime.lake.commits import GONE, Commits, commits_between
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.native_writes.delta_log import DeltaLog
from kinfold.tables import silver

BIRTHS = silver.IDENTITY_BIRTHS  # a small table
MARK = "kinfold run-1"


@pytest.fixture
def lake(spark, lake_root):
    lake = Lake(spark, lake_root, "run-1", at("09:00"))
    for number in range(3):
        append(lake, number)
    return lake


def append(lake, number):
    row = dict(node_id=number, birth_key=number, given_at=at("09:00"))
    lake.append(BIRTHS, BIRTHS.frame(lake.spark, row))


def commits(lake, after):
    return commits_between(lake, BIRTHS, after=after, until=lake.version(BIRTHS))


def delta(lake, table=BIRTHS):
    return DeltaTable.forPath(lake.spark, lake.path(table))


def optimize(lake):
    delta(lake).optimize().executeCompaction()


def vacuum(lake, table=BIRTHS):
    check = "spark.databricks.delta.retentionDurationCheck.enabled"
    lake.spark.conf.set(check, "false")
    delta(lake, table).vacuum(0)
    lake.spark.conf.unset(check)


def test_appends_add_rows_and_say_who_wrote_them(lake):
    assert commits(lake, after=0) == Commits(has_changes=True, writers=frozenset({MARK}))


def test_no_commit_changes_nothing(lake):
    assert commits(lake, after=3) == Commits()


def test_optimize_changes_no_rows(lake):
    optimize(lake)
    assert commits(lake, after=3) == Commits()


def test_a_deletion_removes_rows_and_is_not_marked_if_something_else_did_it(lake):
    delta(lake).delete(F.col("node_id") == 1)
    assert commits(lake, after=3) == Commits(
        has_changes=True, has_removals=True, writers=frozenset({None})
    )


def test_a_restored_table_has_removals(lake):
    delta(lake).restoreToVersion(2)
    assert commits(lake, after=3).has_removals


def test_a_feed_whose_files_were_vacuumed_is_gone_and_one_that_needs_none_of_them_is_not(lake):
    optimize(lake)
    vacuum(lake)
    assert not commits(lake, after=0).has_feed
    with pytest.raises(Exception, match=r"FAILED_READ_FILE|does not exist"):
        lake.changes(BIRTHS, after=0, until=4).collect()
    append(lake, 3)
    since = commits(lake, after=4)
    assert since.has_feed
    assert since.has_changes
    assert lake.changes(BIRTHS, after=4, until=lake.version(BIRTHS)).count() == 1


def test_a_feed_of_updated_and_deleted_rows_is_there_until_vacuum(lake):
    table, nine = silver.IDENTIFIERS, at("09:00")  # a table with deletion vectors
    row = dict(namespace="email", value="a@b.org", first_seen_at=nine)
    lake.append(table, table.frame(lake.spark, row | dict(node_id=1), row | dict(node_id=2)))
    before = lake.version(table)
    target = delta(lake, table)
    target.delete(F.col("node_id") == 1)
    target.update(F.col("node_id") == 2, {"value": F.lit("c@d.org")})
    target.optimize().executeCompaction()
    until = lake.version(table)
    assert commits_between(lake, table, after=before, until=until).has_feed
    changes = lake.changes(table, after=before, until=until).select(CHANGE_TYPE).collect()
    assert sorted(row[0] for row in changes) == ["delete", "update_postimage", "update_preimage"]
    vacuum(lake, table)
    assert not commits_between(lake, table, after=before, until=until).has_feed


def test_nothing_is_known_of_commits_that_the_log_no_longer_has(lake):
    log = DeltaLog.of(lake.spark, lake.path(BIRTHS))
    log._log.checkpoint()
    for version in range(3):
        Path(lake.path(BIRTHS), "_delta_log", f"{version:020}.json").unlink()
    assert commits(lake, after=1) == GONE
    assert commits(lake, after=2).has_feed
