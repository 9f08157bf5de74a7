"""The writes of a lake that have no quality gate."""

from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.tables import ops
from lakes import MEMBERS, members

P, Q = ("0" * 31 + digit for digit in "12")


def gap(offset, **changes):
    return dict(
        source="shop",
        source_partition="p",
        first_offset=offset,
        last_offset=9,
        reason="retention",
        found_at=at("09:00"),
        run_id="run-1",
        is_accepted=False,
    ) | dict(changes)


def test_a_recorded_row_replaces_the_one_with_its_key(lake):
    lake.record(ops.GAPS, [gap(1), gap(2)])
    lake.record(ops.GAPS, [gap(2, is_accepted=True)])
    lake.record(ops.GAPS, [])
    rows = lake.read(ops.GAPS)
    assert_rows(rows, ["first_offset", "is_accepted"], [(1, False), (2, True)])


def test_a_marked_row_that_differs_only_in_ignored_columns_is_not_rewritten(lake, spark):
    lake.record(ops.GAPS, [gap(1)])
    later = ops.GAPS.frame(spark, gap(1, run_id="run-2", found_at=at("10:00")))
    lake.mark(ops.GAPS, later, apart_from=("run_id", "found_at"))
    assert_rows(lake.read(ops.GAPS), ["run_id"], [("run-1",)])
    accepted = ops.GAPS.frame(spark, gap(1, run_id="run-3", is_accepted=True))
    lake.mark(ops.GAPS, accepted, apart_from=("run_id", "found_at"))
    assert_rows(lake.read(ops.GAPS), ["run_id", "is_accepted"], [("run-3", True)])


def test_deleted_rows_are_the_ones_of_the_condition(lake):
    lake.append_record(ops.GAPS, [gap(1), gap(2)])
    lake.delete(ops.GAPS, F.col("first_offset") == 1)
    assert_rows(lake.read(ops.GAPS), ["first_offset"], [(2,)])


def test_an_upsert_can_delete_keys_in_the_same_commit(lake, spark):
    lake.upsert(MEMBERS, members(spark, a=P, b=P))
    before = lake.version(MEMBERS)
    deleted = members(spark, b=P).select("namespace", "value")
    lake.upsert(MEMBERS, members(spark, a=Q), deleted=deleted)
    assert lake.version(MEMBERS) == before + 1
    assert_rows(lake.read(MEMBERS), ["value", "profile_id"], [("a", Q)])
