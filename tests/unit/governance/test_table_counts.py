"""Counts of landed rows beside running jobs, and counts of changed rows only."""

import pytest

from frames import at
from kinfold.governance.ledger import ledger_laws
from kinfold.governance.table_counts import (
    CHECK,
    VerifiedRows,
    pinned_versions,
    table_counts,
    verified_rows,
)
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze, ops, silver

_COUNTS = dict(unpacked=0, rejected=0, added=0, duplicates=0, run_id="r", recorded_at=at("09:00"))


def record(lake, source, batch_id, rows, *, stage="bronze", **values):
    """Record a batch in the ledger."""
    counts = dict(records_in=rows, accepted=rows, table_version=1)
    row = dict(stage=stage, source=source, batch_id=batch_id)
    lake.append_record(ops.BATCHES, [_COUNTS | row | counts | values])


def land(lake, source, batch_id, rows=1, verdict="accepted"):
    """Commit a batch to bronze.events."""
    row = dict(
        source=source,
        source_partition=f"{source} {batch_id}",
        record_index=0,
        batch_id=batch_id,
        ingested_at=at("09:00"),
        errors=[],
        verdict=verdict,
    )
    lake.append_record(bronze.EVENTS, [dict(row, source_offset=n) for n in range(rows)])


def clean(lake, *event_ids):
    """Commit events to silver.events."""
    row = dict(
        event_type="login",
        source="web",
        occurred_at=at("09:00"),
        received_at=at("09:00"),
        ingested_at=at("09:00"),
        is_before_earliest=False,
        identifiers=[],
        source_partition="f",
        source_offset=0,
        record_index=0,
    )
    lake.append_record(silver.EVENTS, [dict(row, event_id=one) for one in event_ids])


@pytest.fixture
def lake(spark, lake_root):
    """Two accepted records of one batch, one event in silver."""
    lake = Lake(spark, lake_root, "run-1", at("09:00"))
    land(lake, "web", 0, rows=2)
    record(lake, "web", 0, 2)
    clean(lake, "a")
    record(lake, "all", 1, 2, stage="silver", added=1, duplicates=1, quarantined=0)
    return lake


def violated(lake, tables=None):
    return [law.name for law in ledger_laws(lake, tables) if not law.holds]


def test_batches_that_a_running_job_has_not_recorded_yet_are_open(lake):
    land(lake, "web", 1, rows=3)  # a stream has committed and not recorded
    land(lake, "app", 0)  # a source without a recorded batch
    land(lake, "web", -1)  # a replay
    clean(lake, "b")  # clean_events, too
    counts = table_counts(lake, pinned_versions(lake))
    assert (counts.accepted, counts.open_rows) == (2, 5)
    assert (counts.read_by_silver, counts.waiting) == (2, 5)
    assert counts.silver_rows == 1
    assert violated(lake, counts) == []


def test_a_batch_that_is_missing_between_recorded_ones_violates_a_law(lake):
    land(lake, "web", 1, rows=3)
    land(lake, "web", 2)
    record(lake, "web", 2, 1)
    assert violated(lake) == ["accepted in the ledger = accepted in bronze"]


def test_only_rows_that_changed_since_the_last_check_are_counted(lake):
    land(lake, "web", 1)
    land(lake, "web", 2, rows=2, verdict="rejected")
    before = VerifiedRows(1, accepted=100, rejected=10)  # not the truth, so old rows are not read
    counts = table_counts(lake, pinned_versions(lake), verified=before)
    assert counts.all_rows == VerifiedRows(3, accepted=101, rejected=12)
    assert (counts.read_by_silver, counts.waiting) == (100, 1)


def test_verified_rows_are_those_of_the_last_check_of_the_same_table(lake):
    assert verified_rows(lake, pinned_versions(lake)) is None
    name, table_id = bronze.EVENTS.name, lake.state(bronze.EVENTS).table_id
    check = dict(job=CHECK, seconds=1.0, input_versions={name: 1}, settings_hash="")
    counts = dict(bronze_accepted=2.0, bronze_rejected=0.0)
    for run_id, known_id, expected in (
        ("1", table_id, VerifiedRows(1, accepted=2, rejected=0)),
        ("2", "another table", None),
    ):
        ids = {name: known_id}
        row = dict(check, run_id=run_id, finished_at=at("09:00"), table_ids=ids, counts=counts)
        lake.append_record(ops.JOB_RUNS, [row])
        assert verified_rows(lake, pinned_versions(lake)) == expected


def test_a_lake_without_events_has_the_laws_of_records_only(spark, lake_root):
    lake = Lake(spark, lake_root, "run-1", at("09:00"))
    record(lake, "crm", 0, 0, stage="records")
    lake.ensure(bronze.RECORDS)
    counts = table_counts(lake, pinned_versions(lake))
    assert (counts.all_rows, counts.waiting, counts.records) == (None, 0, 0)
    assert [law.name.split()[0] for law in ledger_laws(lake, counts)] == ["records", "new"]
