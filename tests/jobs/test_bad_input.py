"""Bad input: an error of one line that says where, what was seen, what was expected, what to do."""

import os
from pathlib import Path

import pytest

from kinfold.core.errors import ConfError, ContractError, LakeError, QualityGateError
from kinfold.tables import bronze, ops, silver
from lakes import lake_of
from records import NATIVE, purchase

MAPPED = """
format: csv
event:
  event_type: "'{type}'"
  occurred_at: {when}
  identifiers: {{email: mail}}
  properties: {{order_id: id, amount_cents: "1", currency: "'GBP'"}}
"""
GOOD = "id,moment,mail\n1,2026-03-01 09:00:00,a@example.org\n"


def mapped(**parts: str) -> str:
    return MAPPED.format(**{"type": "purchase", "when": "moment", **parts})


def check_nothing_is_written(lake_root: str) -> None:
    tables = [p for p in Path(lake_root).rglob("_delta_log")] if Path(lake_root).exists() else []
    assert tables == []


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--env", "prod"], "conf/prod.yaml does not exist"),
        (["--set", "lake.rot=x"], "unknown key 'lake.rot'. Did you mean 'lake.root'?"),
        (["--source", "conf/sources/shop.yaml"], "there is no such source file"),
    ],
)
def test_wrong_arguments_fail_before_anything_is_written(run, lake_root, argv, message):
    with pytest.raises(ConfError) as caught:
        run("bronze/ingest_events", *argv)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    check_nothing_is_written(lake_root)


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        (mapped(when="moent"), GOOD, "event.occurred_at: the data has no column 'moent'. Did you"),
        (mapped(when="to_timestamp("), GOOD, "is not a valid Spark SQL expression"),
        (mapped(type="wish"), GOOD, "event.event_type is 'wish', which has no schema. Known: add"),
        ("format: csv\n", GOOD, "key 'event' is missing"),
        ("format: xml\n", GOOD, "format is xml, expected"),
        ("format: csv\nevnt: {}\n", GOOD, "unknown key 'evnt'. Did you mean 'event'?"),
        ("format: json\ntimezone: Mars/X\n", GOOD, "timezone is Mars/X, expected: a time zone"),
        (NATIVE, "", "is empty, expected json with at least one record"),
        (mapped(), "", "is empty, expected csv with at least one record"),
        (mapped().replace("csv", "parquet"), "PAR1?", "cannot be read as parquet"),
    ],
)
def test_a_source_that_does_not_fit_its_data_fails_before_anything_is_written(
    run, source, lake_root, text, data, message
):
    with pytest.raises(ConfError) as caught:
        run("bronze/ingest_events", *source(text, data))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    check_nothing_is_written(lake_root)


def test_a_missing_input_is_reported(run, source):
    argv = source(NATIVE, purchase("a"))
    argv[3] += "/nowhere"
    with pytest.raises(ConfError, match="does not exist or cannot be read"):
        run("bronze/ingest_events", *argv)


def test_a_header_without_a_row_is_reported(run, source):
    with pytest.raises(ContractError, match="has no record, expected at least one"):
        run("bronze/ingest_events", *source(mapped(), "id,moment,mail\n"))


def test_a_lake_that_cannot_be_written_is_reported(run, source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot be written"):
        run("bronze/ingest_events", "--set", f"lake.root={tmp_path / 'file' / 'lake'}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_lake_without_permission_is_reported(run, source, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(LakeError, match="Permission denied"):
        run("bronze/ingest_events", "--set", f"lake.root={tmp_path / 'closed' / 'lake'}")


def test_a_job_before_its_input_exists_names_the_job_to_run_first(run):
    message = r"silver.events: does not exist in the lake .* Run jobs/silver"
    with pytest.raises(LakeError, match=message):
        run("silver/resolve_identities")


def test_a_failed_gate_publishes_nothing_and_names_the_rule_and_the_count(
    run, source, lake_root, spark, monkeypatch
):
    argv = source(NATIVE, purchase("a") + purchase("b"))
    run("bronze/ingest_events", *argv)
    from kinfold.silver.cleansing import events

    def with_fault(*args):
        read = real(*args)
        return read.withField("amount_cents", -read["amount_cents"])

    real = events.read_event
    monkeypatch.setattr(events, "read_event", with_fault)
    with pytest.raises(QualityGateError) as caught:
        run("silver/clean_events", *argv)
    assert "amount_cents lies in [0, inf]: broken by 2 rows. Nothing was written." in str(
        caught.value
    )
    lake = lake_of(spark, lake_root)
    assert lake.read(silver.EVENTS).count() == 0
    verdicts = lake.read(ops.QUALITY_RESULTS).where("not is_met").collect()
    assert [(v["table_name"], v["rows_failing"]) for v in verdicts] == [("silver.events", 2)]
    monkeypatch.undo()
    run("silver/clean_events", *argv)
    assert lake.read(silver.EVENTS).count() == 2


def test_a_table_that_another_process_writes_is_not_written(run, source, lake_root, spark):
    argv = source(NATIVE, purchase("a"))
    lock = lake_of(spark, lake_root).writing(bronze.EVENTS)
    with lock, pytest.raises(LakeError, match="another process is writing it"):
        run("bronze/ingest_events", *argv)
