"""The last finished run of each job, read once per version of ops.job_runs."""

from datetime import UTC, datetime
from typing import Any

from kinfold.runtime import last_runs
from kinfold.runtime.last_runs import last_run
from kinfold.tables import ops
from lakes import lake_of


def finished(job: str, run_id: str, hour: int) -> dict[str, Any]:
    return dict(
        job=job,
        run_id=run_id,
        finished_at=datetime(2026, 5, 1, hour, tzinfo=UTC),
        seconds=1.0,
        input_versions={"bronze.events": hour},
        output_versions={},
        table_ids={},
        settings_hash="h",
        counts={},
    )


def test_the_newest_run_of_a_job_counts_and_an_unchanged_table_is_read_once(
    spark, lake_root, monkeypatch
):
    lake = lake_of(spark, lake_root)
    assert last_run(lake, "a") is None, "a new lake"
    lake.append_record(ops.JOB_RUNS, [finished("a", "r2", 9), finished("b", "r1", 8)])
    lake.append_record(ops.JOB_RUNS, [finished("a", "r1", 7)])
    row = last_run(lake, "a")
    assert row is not None
    assert (row["run_id"], row["input_versions"]) == ("r2", {"bronze.events": 9})
    assert row["finished_at"] == datetime(2026, 5, 1, 9, tzinfo=UTC)
    with monkeypatch.context() as patched:
        patched.setattr(last_runs, "collected", None)  # another read would fail
        assert last_run(lake_of(spark, lake_root), "b")["run_id"] == "r1"
        assert last_run(lake, "c") is None
    lake.append_record(ops.JOB_RUNS, [finished("b", "r3", 10)])
    assert last_run(lake, "b")["run_id"] == "r3"
