"""Commits to the Delta log."""

from pathlib import Path

import pytest

from frames import at
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.lake.tables import table_properties
from kinfold.runtime.native_writes.data_files import write_file
from kinfold.runtime.native_writes.delta_log import DeltaLog
from many_kinds import MANY_KINDS, here, rows_of


@pytest.fixture
def lake(spark, lake_root):
    return Lake(spark, lake_root, "run-1", at("09:00"))


def test_two_processes_of_one_writer_cannot_both_commit_a_batch(lake, spark):
    lake.ensure(MANY_KINDS)
    log = DeltaLog.of(spark, lake.path(MANY_KINDS))
    first, second = log.start_batch("w", 0), log.start_batch("w", 0)
    folder = Path(lake.path(MANY_KINDS))
    file = write_file(
        rows_of(dict(number=1)),
        table=MANY_KINDS,
        location=here(folder),
        codec="snappy",
    )
    first.commit([file], mark="run-1")
    with pytest.raises(Exception, match="CONCURRENT_TRANSACTION"):
        second.commit([file], mark="run-1")
    assert lake.read(MANY_KINDS).count() == 1


def test_a_table_without_further_properties_and_columns_is_plain(lake, spark):
    lake.ensure(MANY_KINDS)
    log = DeltaLog.of(spark, lake.path(MANY_KINDS))
    properties = table_properties(MANY_KINDS).keys()
    assert log.is_plain(properties=properties, columns=MANY_KINDS.columns)
    assert not log.is_plain(properties=[], columns=MANY_KINDS.columns)
    assert not log.is_plain(properties=properties, columns=["text"]), "number is required"


def test_a_folder_that_is_not_a_table_has_no_log(spark, tmp_path):
    assert DeltaLog.of(spark, str(tmp_path)) is None
