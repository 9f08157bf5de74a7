"""Conservation laws of the ledger."""

import pytest
from pyspark.sql import functions as F

from frames import at
from kinfold.core.errors import LedgerError
from kinfold.governance.ledger import Law, ledger_laws, require_laws_hold, set_ledger_metrics
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics import declarations as metrics
from kinfold.tables import bronze, ops, silver


@pytest.fixture
def lake(spark, lake_root):
    """Three records landed, two accepted, one of them a duplicate."""
    lake = Lake(spark, lake_root, "run-1", at("09:00"))
    shared = dict(run_id="run-1", recorded_at=at("09:00"), table_version=1)
    lake.append_record(
        ops.BATCHES,
        [
            dict(
                stage="bronze",
                source="web",
                batch_id=0,
                records_in=3,
                unpacked=0,
                accepted=2,
                rejected=1,
                added=3,
                duplicates=0,
                **shared,
            ),
            dict(
                stage="silver",
                source="all",
                batch_id=1,
                records_in=2,
                unpacked=0,
                accepted=2,
                rejected=0,
                added=1,
                duplicates=1,
                quarantined=0,
                **shared,
            ),
        ],
    )
    record = dict(
        source="web",
        source_partition="f",
        record_index=0,
        batch_id=0,
        ingested_at=at("09:00"),
        errors=[],
    )
    lake.append_record(
        bronze.EVENTS,
        [
            dict(source_offset=0, verdict="accepted", **record),
            dict(source_offset=1, verdict="accepted", **record),
            dict(source_offset=2, verdict="rejected", **record),
        ],
    )
    event = dict(
        event_type="login",
        source="web",
        occurred_at=at("09:00"),
        received_at=at("09:00"),
        identifiers=[],
        is_before_earliest=False,
        source_partition="f",
        source_offset=0,
        record_index=0,
        ingested_at=at("09:00"),
    )
    lake.append_record(silver.EVENTS, [dict(event_id="a", **event)])
    return lake


def test_every_law_holds_in_a_lake_without_losses(lake):
    laws = ledger_laws(lake)
    assert [law.name for law in laws if not law.holds] == []
    require_laws_hold(laws)


def test_a_row_deleted_from_bronze_violates_a_law(lake):
    lake.delete(bronze.EVENTS, F.col("source_offset") == 1)
    with pytest.raises(LedgerError, match="accepted in the ledger = accepted in bronze: 2 against"):
        require_laws_hold(ledger_laws(lake))


def test_a_duplicate_event_in_silver_violates_a_law(lake):
    row = lake.read(silver.EVENTS)
    row.write.format("delta").mode("append").save(lake.path(silver.EVENTS))
    with pytest.raises(LedgerError, match=r"rows of silver.events: 1 against 2"):
        require_laws_hold(ledger_laws(lake))


def test_the_message_names_every_violated_law():
    with pytest.raises(LedgerError) as caught:
        require_laws_hold([Law("a = b", 1, 2), Law("c = d", 3, 3), Law("e = f", 4, 1000)])
    assert "a = b: 1 against 2; e = f: 4 against 1,000." in str(caught.value)


def test_the_metrics_of_the_ledger_are_by_stage_source_and_outcome(lake):
    set_ledger_metrics(lake, lake.read(ops.BATCHES), [Law("a = b", 1, 2), Law("c = d", 3, 3)])

    def value_of(stage: str, source: str, outcome: str) -> float | None:
        labels = dict(stage=stage, source=source, outcome=outcome)
        return lake.metrics.get(metrics.LEDGER_RECORDS, **labels)

    assert [value_of("bronze", "web", o) for o in ("in", "accepted", "rejected")] == [3, 2, 1]
    assert [value_of("silver", "all", o) for o in ("in", "added", "duplicate")] == [2, 1, 1]
    assert lake.metrics.get(metrics.LEDGER_VIOLATED) == 1


def test_the_metrics_include_replays_and_late_events(lake):
    shared = dict(run_id="run-2", recorded_at=at("10:00"), table_version=2, batch_id=1)
    counts = dict(records_in=2, unpacked=0, accepted=2, rejected=0, added=2, duplicates=0)
    lake.append_record(
        ops.BATCHES,
        [
            dict(stage="replay", source="web", **counts, **shared),
            dict(stage="silver", source="all", late=1, quarantined=0, **counts, **shared),
        ],
    )
    set_ledger_metrics(lake, lake.read(ops.BATCHES), [])
    value_of = lake.metrics.get
    replayed = dict(stage="replay", source="web", outcome="accepted")
    late = dict(stage="silver", source="all", outcome="late")
    assert value_of(metrics.LEDGER_RECORDS, **replayed) == 2
    assert value_of(metrics.LEDGER_RECORDS, **late) == 1


def test_only_quarantined_events_of_runs_in_the_ledger_count(lake):
    def row(**changes):
        shared = dict(run_id="run-1", table_name="silver.events", key="{}", reasons=[])
        return {**shared, "quarantined_at": at("09:00"), **changes}

    lake.append_record(
        ops.QUARANTINE,
        [row(run_id="before the rebuild"), row(table_name="gold.features")],
    )
    require_laws_hold(ledger_laws(lake))
    lake.append_record(ops.QUARANTINE, [row()])
    with pytest.raises(LedgerError, match=r"rows of ops.quarantine: 0 against 1\."):
        require_laws_hold(ledger_laws(lake))


def test_a_version_deleted_from_the_records_violates_a_law(lake):
    shared = dict(stage="records", source="crm", run_id="r", recorded_at=at("09:00"), batch_id=0)
    counts = dict(records_in=3, unpacked=1, accepted=3, rejected=1, added=2, duplicates=1)
    lake.append_record(ops.BATCHES, [dict(shared, **counts, table_version=1)])
    version = dict(
        source="crm",
        content_hash="h",
        batch_id=0,
        copy=0,
        extract="f",
        ingested_at=at("09:00"),
        verdict="accepted",
        errors=[],
        is_deletion=False,
        party="first",
        purposes=[],
    )
    lake.append_record(bronze.RECORDS, [dict(version, record_id=str(i)) for i in range(3)])
    laws = ledger_laws(lake)
    assert [law.name for law in laws if not law.holds] == []
    set_ledger_metrics(lake, lake.read(ops.BATCHES), laws)
    labels = dict(stage="records", source="crm", outcome="left_out")
    assert lake.metrics.get(metrics.LEDGER_RECORDS, **labels) == 1
    lake.delete(bronze.RECORDS, F.col("record_id") == "1")
    with pytest.raises(LedgerError, match=r"rows of bronze.records: 3 against 2"):
        require_laws_hold(ledger_laws(lake))
