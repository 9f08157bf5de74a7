"""Freshness, measured on a lake that jobs have written."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from frames import assert_rows
from kinfold.core.errors import ConfError, FreshnessError
from kinfold.tables import bronze, ops
from lakes import lake_of
from records import NATIVE, purchase

WITH_TARGET = NATIVE + "freshness: {target_seconds: 3600, stale_after_seconds: 600}\n"
JOB = "governance/check_freshness"


def received(event_id: str, ago: timedelta) -> str:
    """An event that was received some time ago and occurred one minute before that."""
    moment = datetime.now(UTC) - ago
    return purchase(
        event_id,
        received_at=moment.isoformat(),
        occurred_at=(moment - timedelta(minutes=1)).isoformat(),
    )


def later(**ahead: float) -> list[str]:
    return ["--at", (datetime.now(UTC) + timedelta(**ahead)).isoformat()]


def test_a_source_is_fresh_and_then_stale_and_each_record_is_measured_once(
    run, source, lake_root, spark, tmp_path, capsys
):
    argv = source(WITH_TARGET, received("a", timedelta(0)) + received("b", timedelta(0)))
    published = ["--set", f"metrics.textfile_folder={tmp_path}/textfiles"]
    run("bronze/ingest_events", *argv, *published)
    run(JOB, *argv, *published, *later(minutes=1))
    assert "shop: fresh; 2 new; from received to queryable p50" in capsys.readouterr().err

    with pytest.raises(
        FreshnessError, match="shop is stale: no record for more than 10 minutes"
    ) as caught:
        run(JOB, *argv, *published, *later(hours=1))
    assert caught.value.exit_code == 11
    history = lake_of(spark, lake_root).read(ops.FRESHNESS)
    assert_rows(
        history.withColumn("sent", F.round("occurred_to_received_p99_seconds")),
        ["source", "records", "judged", "late", "sent", "burn_rate_6h", "is_stale"],
        [("shop", 2, 2, 0, 60.0, 0.0, False), ("shop", 0, 0, 0, None, 0.0, True)],
    )
    files = {f.name: f.read_text() for f in Path(tmp_path, "textfiles").iterdir()}
    ingested = files["kinfold_bronze_ingest_events.prom"]
    assert (
        'kinfold_job_last_counts{job_name="bronze/ingest_events",name="accepted"} 2.0' in ingested
    )
    checked = files["kinfold_governance_check_freshness.prom"]
    assert f'kinfold_source_is_stale{{job_name="{JOB}",source="shop"}} 1.0' in checked
    assert f'kinfold_job_last_status{{job_name="{JOB}"}} 1.0' in checked, "it succeeded"


def test_a_source_whose_records_are_late_burns_its_budget(run, source):
    argv = source(
        WITH_TARGET, received("a", timedelta(hours=2)) + received("b", timedelta(minutes=5))
    )
    run("bronze/ingest_events", *argv)
    with pytest.raises(FreshnessError) as caught:
        run(JOB, *argv, *later(minutes=1))
    assert "shop burns its error budget: rate 50.0 over 1 h and 50.0 over 6 h" in str(caught.value)


def test_a_batch_source_without_a_collector_is_measured_from_the_event(
    run, source, lake_root, spark
):
    argv = source(NATIVE, purchase("a"))
    run("bronze/ingest_events", *argv)
    run(JOB, *argv)
    lake = lake_of(spark, lake_root)
    assert lake.read(bronze.EVENTS).where("received_at is not null").count() == 0
    assert_rows(
        lake.read(ops.FRESHNESS).withColumn(
            "is_long", F.col("occurred_to_queryable_p50_seconds") > 86400
        ),
        [
            "occurred_to_received_p50_seconds",
            "received_to_queryable_p50_seconds",
            "is_long",
            "judged",
            "late_ratio",
            "burn_rate_1h",
            "is_stale",
            "newest_received_at",
        ],
        [(None, None, True, 0, None, None, None, None)],
    )


def test_a_malformed_moment_is_reported(run, source):
    with pytest.raises(ConfError, match="--at yesterday: is not an ISO 8601 time"):
        run(JOB, *source(NATIVE, ""), "--at", "yesterday")


def test_a_misspelt_target_is_reported(run, source):
    wrong = NATIVE + "freshness: {target: 60}\n"
    with pytest.raises(ConfError, match=r"unknown key 'freshness\.target'"):
        run(JOB, *source(wrong, ""))
