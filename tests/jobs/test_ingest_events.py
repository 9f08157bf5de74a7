"""Landing files: of any shape, each once, without losses."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession

from frames import assert_rows, at
from kinfold.core.errors import ConfError, ContractError
from kinfold.tables import bronze, ops, silver
from lakes import lake_of
from records import NATIVE, purchase

CSV = """
format: csv
timezone: Europe/Paris
event:
  event_type: "'purchase'"
  occurred_at: to_timestamp(`when`, 'dd/MM/yyyy HH:mm')
  identifiers: {email: mail, customer_id: customer}
  properties:
    order_id: order
    amount_cents: cast(round(total * 100) as bigint)
    currency: "'EUR'"
"""
ROWS = (
    "order,when,mail,customer,total\n"
    "1,01/07/2026 10:00,Ann@example.org,7,12.50\n"
    "2,01/07/2026 11:00,,8,oops\n"
    "3,01/07/2026 12:00\n"
    '4,01/07/2026 13:00,b@example.org,"9, or 10",3\n'
)


@pytest.fixture(params=["auto", "off"])
def run(run, request):
    """`run(job, *argv)`, with native code and without: every rule of this file holds both ways."""
    return partial(_run, run, f"runtime.native={request.param}")


def _run(run: Callable[..., None], native: str, job: str, *argv: str) -> None:
    run(job, "--set", native, *argv)


def test_a_csv_row_becomes_an_event_in_its_own_zone(run, source, lake_root, spark):
    run("bronze/ingest_events", *source(CSV, ROWS))
    rows = lake_of(spark, lake_root).read(bronze.EVENTS)
    accepted = rows.where("verdict = 'accepted'")
    assert_rows(
        accepted,
        ["source_offset", "occurred_at", "identifiers"],
        [
            (0, at("2026-07-01T08:00"), {"email": "Ann@example.org", "customer_id": "7"}),
            (3, at("2026-07-01T11:00"), {"email": "b@example.org", "customer_id": "9, or 10"}),
        ],
    )
    events = [json.loads(r["event"]) for r in accepted.collect()]
    amounts = [event["properties"]["amount_cents"] for event in events]
    assert sorted(amounts) == [300, 1250]


def test_a_bad_row_is_stored_with_its_reason_and_stops_nothing(run, source, lake_root, spark):
    run("bronze/ingest_events", *source(CSV, ROWS))
    rejected = lake_of(spark, lake_root).read(bronze.EVENTS).where("verdict = 'rejected'")
    by_offset = {r["source_offset"]: (r["raw"], r["errors"]) for r in rejected.collect()}
    assert set(by_offset) == {1, 2}
    assert "oops" in by_offset[1][0]
    assert by_offset[1][1] == [
        "/properties: 'amount_cents' is missing: its expression gives no value, "
        'seen total: "oops"'
    ]
    assert by_offset[2] == (
        "3,01/07/2026 12:00",
        ["/: row does not have the columns of the header"],
    )


def test_a_row_without_an_id_gets_one_from_its_content(run, source, lake_root, spark):
    """So an exact copy of a row is a duplicate, even in another file."""
    argv = source(CSV, ROWS)
    copy = ROWS + "1,01/07/2026 10:00,Ann@example.org,7,12.50\n"
    with open(f"{argv[3]}/part-2", "w") as file:
        file.write(copy)
    run("bronze/ingest_events", *argv)
    run("silver/clean_events", *argv)
    lake = lake_of(spark, lake_root)
    assert lake.read(silver.EVENTS).count() == 2
    ledger = lake.read(ops.BATCHES).where("stage = 'silver'")
    assert_rows(ledger, ["accepted", "added", "duplicates"], [(5, 2, 3)])


def test_json_lines_of_another_shape_are_mapped_by_paths(run, source, lake_root, spark):
    mapping = """
format: json
event:
  event_type: "'product_view'"
  event_id: meta.id
  occurred_at: meta.at
  identifiers: {user_id: user}
  properties: {product_id: item.sku, category: item.group}
"""
    lines = (
        '{"meta":{"id":"e1","at":"2026-03-01T09:00:00Z"},"user":7,"item":{"sku":5,"group":"Art"}}\n'
        "{broken\n"
        '"just text"\n'
    )
    run("bronze/ingest_events", *source(mapping, lines), "--set", "bronze.max_rejected_ratio=1")
    rows = lake_of(spark, lake_root).read(bronze.EVENTS)
    assert_rows(
        rows,
        ["source_offset", "verdict", "event_id", "identifiers"],
        [
            (0, "accepted", "e1", {"user_id": "7"}),
            (1, "rejected", None, None),
            (2, "rejected", None, None),
        ],
    )
    assert [r["raw"] for r in rows.orderBy("source_offset").collect()] == lines.splitlines()


def test_parquet_is_read_with_its_types_and_row_numbers(run, source, lake_root, spark, tmp_path):
    mapping = """
format: parquet
event:
  event_type: kind
  occurred_at: moment
  identifiers: {user_id: user}
  properties: {product_id: product, category: "'art'"}
"""
    argv = source(mapping, "")
    rows = [("product_view", datetime(2026, 3, 1, 9, tzinfo=UTC), i, f"p{i}") for i in range(5)]
    frame = spark.createDataFrame(rows, "kind string, moment timestamp, user int, product string")
    frame.coalesce(1).write.parquet(str(tmp_path / "parquet"))
    argv[3] = str(tmp_path / "parquet")
    run("bronze/ingest_events", *argv)
    landed = lake_of(spark, lake_root).read(bronze.EVENTS)
    assert_rows(
        landed,
        ["source_offset", "verdict", "occurred_at"],
        [(i, "accepted", at("2026-03-01T09:00")) for i in range(5)],
    )


def test_the_input_may_be_one_file_with_wildcards_in_its_name(run, source, lake_root, spark):
    argv = source(NATIVE, purchase("a"))
    odd = f"{argv[3]}/part[1]*.jsonl"
    with open(odd, "w") as file:
        file.write(purchase("b") + purchase("c"))
    argv[3] = odd
    run("bronze/ingest_events", *argv)
    assert_rows(lake_of(spark, lake_root).read(bronze.EVENTS), ["event_id"], [("b",), ("c",)])


def test_landing_again_lands_only_new_files(run, source, lake_root, spark):
    argv = source(NATIVE, purchase("a"))
    run("bronze/ingest_events", *argv)
    run("bronze/ingest_events", *argv)
    with open(f"{argv[3]}/part-2", "w") as file:
        file.write(purchase("b"))
    run("bronze/ingest_events", *argv)
    lake = lake_of(spark, lake_root)
    assert_rows(lake.read(bronze.EVENTS), ["event_id"], [("a",), ("b",)])
    assert_rows(
        lake.read(ops.BATCHES), ["batch_id", "records_in", "accepted"], [(0, 1, 1), (1, 1, 1)]
    )


def test_records_of_a_split_file_have_unique_offsets(run, source, lake_root, spark, monkeypatch):
    lines = [purchase(f"e{i}") for i in range(400)]
    argv = source(NATIVE, "".join(lines))
    from kinfold.bronze.events import ingestion

    real = ingestion.mapping_session

    def in_small_parts(*args: object) -> SparkSession:
        session = real(*args)
        session.conf.set("spark.sql.files.maxPartitionBytes", "4096")
        session.conf.set("spark.sql.files.openCostInBytes", "1")
        return session

    monkeypatch.setattr(ingestion, "mapping_session", in_small_parts)
    run("bronze/ingest_events", *argv)
    rows = lake_of(spark, lake_root).read(bronze.EVENTS).orderBy("source_offset").collect()
    assert [r["event_id"] for r in rows] == [f"e{i}" for i in range(400)]
    assert len({r["source_offset"] for r in rows}) == 400
    assert rows[-1]["source_offset"] > 4096, "the file was read in one part"


def test_too_many_rejections_fail_the_job_after_everything_has_landed(
    run, source, lake_root, spark
):
    lines = purchase("a") + purchase("b", event_type="wish") + purchase("c", event_type="wish")
    with pytest.raises(ContractError) as caught:
        run("bronze/ingest_events", *source(NATIVE, lines))
    assert "2 of 3 records were rejected, limit 50%" in str(caught.value)
    assert '/event_type: no schema for this type in conf/schemas, seen "wish" (2)' in str(
        caught.value
    )
    verdicts = lake_of(spark, lake_root).read(bronze.EVENTS).groupBy("verdict").count()
    assert_rows(verdicts, ["verdict", "count"], [("accepted", 1), ("rejected", 2)])


def test_a_batch_that_was_committed_before_a_crash_lands_once_and_gets_its_ledger_row(
    run, source, lake_root, spark, monkeypatch
):
    """The process dies between Delta's commit and the ledger; then the command runs again."""
    from kinfold.bronze.events import ingestion

    argv = source(NATIVE, purchase("a") + purchase("b"))

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(ingestion.Landing, "_record", die)
        with pytest.raises(Exception, match="killed"):
            run("bronze/ingest_events", *argv)
    lake = lake_of(spark, lake_root)
    assert lake.read(bronze.EVENTS).count() == 2
    run("bronze/ingest_events", *argv)
    assert lake.read(bronze.EVENTS).count() == 2
    assert_rows(lake.read(ops.BATCHES), ["records_in", "accepted", "rejected"], [(2, 2, 0)])


def test_a_record_that_is_lost_between_source_and_table_fails_the_job(run, source, monkeypatch):
    from kinfold.bronze.events import landing
    from kinfold.core.errors import LedgerError

    batches = landing.landed_batches

    def leaking(**kwargs: object):
        def landed(records):
            for batch in batches(**kwargs)(records):
                yield batch.filter(pc.not_equal(batch["event_id"], "b"))

        return landed

    monkeypatch.setattr(landing, "landed_batches", leaking)
    with pytest.raises(LedgerError, match="had 2 records; 1 accepted and 0 rejected"):
        run("bronze/ingest_events", *source(NATIVE, purchase("a") + purchase("b")))


def test_landed_files_move_to_the_archive(run, source, spark, lake_root, tmp_path):
    archive = tmp_path / "done so far"
    for text, data in (
        (f"format: json\narchive: {archive}/json\n", purchase("a")),
        (f"{CSV}archive: {archive}/table\n", "".join(ROWS.splitlines(True)[:2])),
    ):
        name = "lines" if "json" in text else "table"
        argv = source(text, data, name=name)
        folder = tmp_path / f"{name}-data"
        run("bronze/ingest_events", *argv)
        assert not list(folder.rglob("part-*")), "moved after landing"
        run("bronze/ingest_events", *argv)  # an empty folder has no new records
        (folder / "a day").mkdir()
        (folder / "a day" / "part-2").write_text(
            data.replace('"a"', '"c"').replace("12.50", "13.50")
        )
        run("bronze/ingest_events", *argv)
        assert not list(folder.rglob("part-*"))
    moved = [file.name for file in archive.rglob("part-*")]
    assert sorted(moved) == ["part-1", "part-1", "part-2", "part-2"]
    rows = lake_of(spark, lake_root).read(bronze.EVENTS).collect()
    assert [row["verdict"] for row in rows] == ["accepted"] * 4
    assert len({row["event_id"] for row in rows}) == 4


def test_an_archive_inside_the_input_is_refused(run, source, tmp_path):
    argv = source(f"format: json\narchive: {tmp_path}/shop-data/done\n", purchase("a"))
    with pytest.raises(ConfError, match=r"is inside the input .* Name a folder outside it"):
        run("bronze/ingest_events", *argv)
