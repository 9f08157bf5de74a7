"""What a table needs, how long its old files are kept, and what is reported."""

from datetime import UTC, datetime, timedelta

import pytest

from kinfold.core.errors import ConfError
from kinfold.core.settings.models import MaintenanceConf
from kinfold.governance.maintenance import (
    Work,
    kept_time,
    needed_work,
    processed_versions,
    set_table_metrics,
    tables_named,
)
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.lake.table_health import TableHealth
from kinfold.runtime.metrics import declarations as metrics
from kinfold.runtime.metrics.values import MetricValues
from kinfold.tables import ops, registry
from lakes import MEMBERS, members

CONF = MaintenanceConf()
WEEK, MONTH, YEAR = timedelta(days=7), timedelta(days=30), timedelta(days=365)


@pytest.mark.parametrize(
    ("health", "work"),
    [
        (TableHealth(), Work()),
        (TableHealth(small_files=49, rows=100, deleted_rows=9, commits=49), Work()),
        (TableHealth(small_files=50), Work(compacts=True)),
        (TableHealth(small_files=50, rows=100, deleted_rows=10), Work(rewrites=True)),
        (TableHealth(commits=50), Work(checkpoints=True)),
        (TableHealth(size=79, stored_size=100), Work(keep=WEEK)),
        (TableHealth(size=81, stored_size=100), Work()),
    ],
)
def test_a_table_gets_only_the_work_that_it_needs(health, work):
    assert needed_work(health, CONF, keep=WEEK, age=YEAR) == work


def test_a_table_that_is_younger_than_its_files_are_kept_has_none_to_delete():
    health = TableHealth(size=1, stored_size=100)
    assert needed_work(health, CONF, keep=WEEK, age=WEEK).steps == ()
    steps = needed_work(health, CONF, keep=WEEK, age=MONTH).steps
    assert steps == ("delete unreferenced files older than 7.0 days",)


def test_old_files_of_a_table_with_a_time_to_live_are_deleted_however_few():
    health = TableHealth(size=99, stored_size=100)
    assert needed_work(health, CONF, keep=WEEK, age=MONTH) == Work()
    assert needed_work(health, CONF, keep=WEEK, age=MONTH, expires=True) == Work(keep=WEEK)
    none = TableHealth(size=100, stored_size=100)
    assert needed_work(none, CONF, keep=WEEK, age=MONTH, expires=True) == Work()


def test_files_are_kept_until_every_job_has_processed_the_changes(spark, lake_root):
    now = datetime.now(UTC)
    lake = Lake(spark, lake_root, "run-1", now)
    for one in "ab":
        lake.append(MEMBERS, members(spark, **{one: "0" * 32}))  # versions 1 and 2

    def kept(days_later, **processed):
        later = Lake(spark, lake_root, "run-2", now + timedelta(days=days_later))
        inputs = {job: {MEMBERS.name: version} for job, version in processed.items()}
        return round(kept_time(later, MEMBERS, inputs, CONF) / timedelta(days=1))

    assert kept(20, reader=2) == 7, "nothing waits"
    assert kept(20, reader=2, slow=1) == 21, "version 2 is 20 days old, and a day more"
    assert kept(2, slow=1) == 7
    assert kept(60, slow=1) == 7, "it computes all rows again"


def test_the_newest_run_of_a_job_says_what_it_has_processed(spark, lake_root):
    lake = Lake(spark, lake_root, "run-1", datetime.now(UTC))
    assert processed_versions(lake) == {}
    row = dict(job="a", seconds=1.0, settings_hash="", counts={})
    lake.append_record(
        ops.JOB_RUNS,
        [
            dict(
                row, run_id=str(n), finished_at=lake.started_at + n * WEEK, input_versions={"t": n}
            )
            for n in (2, 1)
        ],
    )
    assert processed_versions(lake) == {"a": {"t": 2}}


def test_the_metrics_of_a_table_have_its_name():
    values = MetricValues()
    set_table_metrics(values, MEMBERS, TableHealth(files=3, rows=10, deleted_rows=1))
    assert values.get(metrics.TABLE_FILES, table="silver.members") == 3
    assert values.get(metrics.TABLE_DELETED, table="silver.members") == 0.1


def test_an_unknown_table_is_an_error():
    assert tables_named([], registry.ALL) == list(registry.ALL)
    assert tables_named(["ops.batches"], registry.ALL) == [ops.BATCHES]
    with pytest.raises(ConfError, match=r"--table ops.batch: is not a table. Did you mean"):
        tables_named(["ops.batch"], registry.ALL)
