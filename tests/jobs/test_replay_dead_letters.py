"""Rejected records are fixed and land once."""

import pytest

from frames import assert_rows, at
from kinfold.bronze.dead_letters import replay as replaying
from kinfold.governance.ledger import ledger_laws
from kinfold.tables import bronze, ops, silver
from lakes import lake_of
from records import NATIVE, purchase

FIX = """
- rename: /properties/price
  to: /properties/amount_cents
- cast: /properties/amount_cents
  to: integer
- default: /properties/currency
  value: GBP
"""
PRICED = {"order_id": "o1", "price": "250"}
LINES = (
    purchase("good")
    + purchase("priced", properties=PRICED)
    + purchase("wish", event_type="wish")
    + "cut off {\n"
)
ANY_SHARE = ("--set", "bronze.max_rejected_ratio=1")


@pytest.fixture
def letters(run, source, tmp_path):
    """A lake with three dead letters; returns the arguments that name the fix."""
    argv = source(NATIVE, LINES)
    run("bronze/ingest_events", *argv, *ANY_SHARE)
    run("silver/clean_events")
    (tmp_path / "fix.yaml").write_text(FIX)
    return ["--fix", str(tmp_path / "fix.yaml")]


def everything(lake):
    """The rows of every table that a replay may change, without their times."""
    tables = (bronze.EVENTS, silver.EVENTS, ops.BATCHES, ops.REPLAYS)
    return {
        table.name: sorted(map(str, lake.read(table).drop("recorded_at", "landed_at").collect()))
        for table in tables
        if lake.exists(table)
    }


def test_a_fixed_letter_lands_once_and_reaches_silver(run, letters, spark, lake_root):
    run("bronze/replay_dead_letters", *letters)
    run("silver/clean_events")
    lake = lake_of(spark, lake_root)
    assert_rows(
        lake.read(silver.EVENTS),
        ["event_id", "amount_cents", "currency"],
        [("good", 100, "GBP"), ("priced", 250, "GBP")],
    )
    assert_rows(
        lake.read(ops.REPLAYS),
        ["source_offset", "outcome", "errors"],
        [
            (1, "replayed", []),
            (
                2,
                "failed again",
                ['/event_type: no schema for this type in conf/schemas, seen "wish"'],
            ),
            (3, "failed again", ["/: not JSON"]),
        ],
    )
    [row] = lake.read(bronze.EVENTS).where("batch_id = -1").collect()
    assert row["source_partition"].startswith("replay:file:/")
    assert row["raw"] == LINES.splitlines()[1], "the record as received does not change"
    assert [law.name for law in ledger_laws(lake) if not law.holds] == []
    run("governance/check_ledger")


def test_a_second_replay_changes_nothing(run, letters, spark, lake_root):
    run("bronze/replay_dead_letters", *letters)
    once = everything(lake_of(spark, lake_root))
    run("bronze/replay_dead_letters", *letters)
    assert everything(lake_of(spark, lake_root)) == once


def test_a_dry_run_changes_nothing_and_prints_the_counts(run, letters, spark, lake_root, capsys):
    before = everything(lake_of(spark, lake_root))
    run("bronze/replay_dead_letters", *letters, "--dry-run")
    assert everything(lake_of(spark, lake_root)) == before
    counts = "letters 3, replayed 1, failed again 2"
    said = capsys.readouterr().err
    assert said.rstrip().endswith(f"dry run, nothing changed: {counts}")
    assert "nothing new" not in said


def test_letters_are_selected_by_source_type_reason_and_time(letters, spark, lake_root):
    def selected(**narrowed) -> list[int]:
        rows = replaying.dead_letters(lake_of(spark, lake_root), replaying.Selection(**narrowed))
        return sorted(row["source_offset"] for row in rows.collect())

    assert selected() == [1, 2, 3]
    assert selected(sources=["shop"]) == [1, 2, 3]
    assert selected(sources=["other"]) == []
    assert selected(event_type="wish") == [2]
    assert selected(reason="/properties") == [1]
    assert selected(reason="not JSON") == [3]
    assert selected(until=at("2020-01-01T00:00")) == []
    assert selected(since=at("2020-01-01T00:00")) == [1, 2, 3]


@pytest.mark.parametrize("step", ["_enter", "letter_counts"])
def test_the_same_command_completes_a_killed_replay(
    run, letters, spark, lake_root, monkeypatch, step
):
    def die(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(replaying, step, die)
        with pytest.raises(RuntimeError, match="killed"):
            run("bronze/replay_dead_letters", *letters)
    run("bronze/replay_dead_letters", *letters)
    lake = lake_of(spark, lake_root)
    assert lake.read(bronze.EVENTS).where("batch_id = -1").count() == 1
    run("silver/clean_events")
    assert [law.name for law in ledger_laws(lake) if not law.holds] == []
