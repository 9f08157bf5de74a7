"""The state of a table's storage."""

from kinfold.runtime.lake.table_health import TableHealth, table_health
from lakes import MEMBERS, lake_of, members


def test_files_and_commits_of_a_table_are_counted(spark, lake_root):
    lake = lake_of(spark, lake_root)
    for one in "abc":
        lake.append(MEMBERS, members(spark, **{one: "0" * 32}))
    health = table_health(lake, MEMBERS, small_bytes=1_000_000)
    assert (health.files, health.small_files, health.rows, health.deleted_rows) == (3, 3, 3, 0)
    assert health.commits == 4
    assert health.stored_size >= health.size > 0
    assert table_health(lake, MEMBERS, small_bytes=10).small_files == 0


def test_ratios_of_an_empty_table_are_0():
    assert (TableHealth().deleted_ratio, TableHealth().unreferenced_ratio) == (0, 0)
    health = TableHealth(size=60, stored_size=80, rows=10, deleted_rows=1)
    assert (health.deleted_ratio, health.unreferenced_ratio) == (0.1, 0.25)
    assert health.unreferenced_size == 20
