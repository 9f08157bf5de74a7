"""What counts as a copy of an event does not depend on the batch that it comes in."""

import json
from pathlib import Path

import pytest

from frames import assert_rows, at
from kinfold.tables import bronze, ops, silver
from lakes import lake_of
from records import NATIVE, purchase

pytestmark = pytest.mark.usefixtures("tokyo")

LINEAGE = dict(source_partition="p", batch_id=0, record_index=0, errors=[])
DATED = "not is_before_earliest"
COUNTS = ["accepted", "added", "duplicates", "conflicting"]


def test_one_id_is_one_event_in_one_batch_and_in_several_and_other_contents_are_reported(
    run, source, lake_root, spark, capsys
):
    early = purchase("early", occurred_at="1970-01-01T00:00:00Z")
    first = source(NATIVE, purchase("1") + early, name="shop_a")
    other = source(NATIVE, purchase("1", identifiers={"email": "bob@x.org"}), name="shop_b")
    run("bronze/ingest_events", *first)
    run("silver/clean_events")
    lake = lake_of(spark, lake_root)
    marks = ["event_id", "is_before_earliest"]
    assert_rows(lake.read(silver.EVENTS), marks, [("1", False), ("early", True)])

    # The same event forty days later, a new one, and another event with a known id.
    again = purchase("1", occurred_at="2026-04-10T09:00:00Z")
    Path(first[3], "part-2").write_text(again + purchase("2"))
    run("bronze/ingest_events", *first)
    run("bronze/ingest_events", *other)
    run("silver/clean_events")
    events = [("1", at("2026-03-01T09:00")), ("2", at("2026-03-01T09:00"))]
    rows = ["event_id", "occurred_at"]
    assert_rows(lake.read(silver.EVENTS).where(DATED), rows, events)
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, COUNTS, [(2, 2, 0, 0), (3, 1, 2, 1)])
    assert "1 of 2 duplicates differ from the event with the same id" in capsys.readouterr().err
    run("governance/check_ledger")

    # A rebuild reads all in one batch. Here the sources number their events themselves.
    run("silver/clean_events", "--set", "events.sources_with_own_ids=[shop_b]")
    own = ("shop_b:1", at("2026-03-01T09:00"))
    assert_rows(lake.read(silver.EVENTS).where(DATED), rows, [*events, own])
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, COUNTS, [(5, 4, 1, 0)])
    run("governance/check_ledger")


def test_the_record_that_started_to_land_first_is_the_event_also_if_its_batch_commits_last(
    run, lake_root, spark, capsys
):
    def land(source, moment):
        sent = json.loads(purchase("1"))
        row = dict(
            source=source,
            source_offset=0,
            ingested_at=at(moment),
            raw=json.dumps(sent),
            verdict="accepted",
            schema_id="purchase/1-0-0",
            event_id="1",
            event_type="purchase",
            occurred_at=at("08:00"),
            identifiers=sent["identifiers"],
            **LINEAGE,
        )
        lake_of(spark, lake_root).append_record(bronze.EVENTS, [row])

    land("quick", "09:01")
    run("silver/clean_events")
    land("slow", "09:00")
    run("silver/clean_events")
    lake = lake_of(spark, lake_root)
    assert_rows(lake.read(silver.EVENTS), ["event_id", "source"], [("1", "slow")])
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, COUNTS, [(2, 1, 1, 0)])
    said = capsys.readouterr().err
    assert "computes all rows again, because a copy of an event started to land before" in said
