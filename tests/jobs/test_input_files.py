"""Every file of an input is read or named, whatever its name and age, and its content counts."""

import os
from pathlib import Path

import pytest

from frames import assert_rows
from kinfold.bronze.events.landing import Landing
from kinfold.core.errors import ContractError
from kinfold.tables import bronze, ops
from lakes import lake_of
from records import NATIVE, purchase

CSV = """
format: csv
event:
  event_type: "'purchase'"
  event_id: id
  occurred_at: moment
  identifiers: {email: mail}
  properties:
    order_id: id
    amount_cents: cast(round(total * 100) as bigint)
    currency: "'GBP'"
"""
HEADER = "id,moment,mail,total\n"


def line(name: str, total: str = "1.50") -> str:
    return f"{name},2026-03-01 09:00:00,{name}@shop.example,{total}\n"


@pytest.fixture
def landed(spark, lake_root):
    """`landed()`: (name of the file, event id) of each accepted row, sorted."""

    def rows() -> list[tuple[str, str]]:
        events = lake_of(spark, lake_root).read(bronze.EVENTS).where("verdict = 'accepted'")
        return sorted((r["source_partition"].rpartition("/")[2], r["event_id"])
                      for r in events.collect())  # fmt: skip  # one list

    return rows


def test_a_header_without_rows_is_read_again_when_it_is_filled_and_when_it_grows(
    run, source, landed, spark, lake_root
):
    argv = source(CSV, HEADER)
    file = Path(argv[3], "part-1")
    with pytest.raises(ContractError, match="has no record"):
        run("bronze/ingest_events", *argv)
    file.write_text(HEADER + line("a"))
    run("bronze/ingest_events", *argv)
    assert landed() == [("part-1", "a")]
    file.write_text(HEADER + line("a") + line("b"))
    run("bronze/ingest_events", *argv)
    run("bronze/ingest_events", *argv)
    assert landed() == [("part-1", "a"), ("part-1#1", "a"), ("part-1#1", "b")]
    keys = lake_of(spark, lake_root).read(bronze.EVENTS).select(*bronze.EVENTS.key)
    assert keys.distinct().count() == 3
    batches = lake_of(spark, lake_root).read(ops.BATCHES).where("records_in > 0")
    assert_rows(batches, ["records_in", "accepted"], [(1, 1), (2, 2)])


def test_names_and_age_hide_no_file(run, source, landed, capsys):
    argv = source(CSV, HEADER + line("a"))
    folder = Path(argv[3])
    (folder / "x:y.csv").write_text("mail,total,id,moment,more\nb@x.example,2,b,2026-03-01,x\n")
    (folder / "_c.csv").write_text(HEADER + line("c"))
    run("bronze/ingest_events", *argv)
    assert "shop: not read: _c.csv. Names that start" in capsys.readouterr().err
    (folder / "old.csv").write_text(HEADER + line("d", "NaN") + line("e", "Infinity") + line("f"))
    os.utime(folder / "old.csv", (0, 0))
    run("bronze/ingest_events", *argv, "--set", "bronze.max_rejected_ratio=1")
    assert landed() == [("old.csv", "f"), ("part-1", "a"), ("x:y.csv", "b")]


def test_a_reset_that_is_killed_in_its_first_batches_doubles_nothing(
    run, source, landed, monkeypatch
):
    argv = source(NATIVE, purchase("a"))
    (Path(argv[3]) / "part-2").write_text(purchase("b"))
    argv += ["--set", "bronze.files_per_batch=1"]
    run("bronze/ingest_events", *argv)
    (Path(argv[3]) / "part-3").write_text(purchase("c"))
    killed = [0]
    land = Landing._land

    def dying(self: Landing, records: object, number: int) -> None:
        killed[0] += 1
        if killed[0] == 2:
            raise RuntimeError("killed")
        land(self, records, number)

    with monkeypatch.context() as patched:
        patched.setattr(Landing, "_land", dying)
        with pytest.raises(Exception, match="killed"):
            run("bronze/ingest_events", *argv, "--reset-checkpoint")
    run("bronze/ingest_events", *argv)
    assert [event for _, event in landed()] == ["a", "b", "c"]


def test_one_file_moves_to_the_archive_and_may_come_again_under_its_name(
    run, source, landed, tmp_path
):
    archive = tmp_path / "done"
    argv = source(f"{NATIVE}archive: {archive}\n", purchase("a"))
    file = Path(argv[3], "part-1")
    argv[3] = str(file)
    run("bronze/ingest_events", *argv)
    assert [f.name for f in archive.glob("[!.]*")] == ["part-1"]
    file.write_text(purchase("b"))
    run("bronze/ingest_events", *argv)
    assert landed() == [("part-1", "a"), ("part-1#1", "b")]
    moved = sorted(f.name for f in archive.glob("[!.]*"))
    assert len(moved) == 2, "neither content is lost"
    run("bronze/ingest_events", *argv)
    assert not file.exists(), "an input that has moved as a whole is not an error"
