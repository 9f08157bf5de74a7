"""What a run knows of the tables that the last run of its job has read and written."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F

from frames import at
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.run_state import output_states, run_state
from kinfold.tables import silver

INPUT, OUTPUT = silver.IDENTITY_BIRTHS, silver.BAD_VALUES
HASH = "settings"


@pytest.fixture
def lake(spark, lake_root):
    """A lake on which a job has read an append-only table and written another."""
    lake = Lake(spark, lake_root, "run-1", datetime.now(UTC))
    append(lake)
    lake.ensure(OUTPUT)
    return lake


def append(lake, node=1):
    lake.append_record(INPUT, [dict(node_id=node, birth_key=node, given_at=at("09:00"))])


def state(lake, previous, *, settings=HASH):
    inputs = [INPUT] if lake.exists(INPUT) else []
    return run_state(lake, previous, inputs=inputs, outputs=[OUTPUT], settings_hash=settings)


def finished(lake):
    """The row of ops.job_runs of a run that finishes now."""
    now = state(lake, None)
    written = output_states(lake, [OUTPUT])
    return dict(
        input_versions=now.inputs,
        output_versions={name: one.version for name, one in written.items()},
        table_ids=now.input_ids | {name: one.table_id for name, one in written.items()},
        settings_hash=HASH,
    )


def test_the_first_run_of_a_job_computes_everything(lake):
    first = state(lake, None)
    assert first.is_first
    assert first.rebuild_because
    assert first.processed == {}


def test_a_run_after_nothing_has_changed_has_nothing_to_do(lake):
    now = state(lake, finished(lake))
    assert now.rebuild_because is None
    assert not now.has_changes


def test_new_rows_are_processed_from_the_last_version_on(lake):
    before = finished(lake)
    append(lake)
    now = state(lake, before)
    assert now.rebuild_because is None
    assert now.has_changes
    assert now.processed == before["input_versions"]


def test_maintenance_of_inputs_and_outputs_is_no_change(lake):
    append(lake)
    before = finished(lake)
    for table in (INPUT, OUTPUT):
        delta(lake, table).optimize().executeCompaction()
    now = state(lake, before)
    assert now.inputs != before["input_versions"]
    assert now.rebuild_because is None
    assert not now.has_changes


def test_a_killed_run_that_has_written_some_of_its_rows_goes_on(lake):
    before = finished(lake)
    lake.append_record(OUTPUT, [bad_value()])
    assert state(lake, before).rebuild_because is None


def delta(lake, table):
    return DeltaTable.forPath(lake.spark, lake.path(table))


def bad_value():
    known = dict(node_id=1, namespace="email", value="a@b.org", set_aside_at=at("09:00"))
    texts = {f.name: "x" for f in OUTPUT.fields if f.type.simpleString() == "string"}
    numbers = {f.name: 1 for f in OUTPUT.fields if f.type.simpleString() in ("bigint", "int")}
    lists = {f.name: [] for f in OUTPUT.fields if f.type.simpleString().startswith("array")}
    return texts | numbers | lists | known


def delete_output(lake):
    shutil.rmtree(lake.path(OUTPUT))


def create_output_again(lake):
    delete_output(lake)
    Lake(lake.spark, lake.root, "run-2", lake.started_at).ensure(OUTPUT)


def change_output(lake):
    delta(lake, OUTPUT).update(F.lit(True), {"namespace": F.lit("phone")})


def delete_input(lake):
    shutil.rmtree(lake.path(INPUT))


def create_input_again(lake):
    delete_input(lake)
    again = Lake(lake.spark, lake.root, "run-2", lake.started_at)
    for node in range(4):
        append(again, node)


@pytest.mark.parametrize(
    ("happens", "because"),
    [
        (delete_output, "silver.bad_values was deleted"),
        (create_output_again, "silver.bad_values was created again"),
        (change_output, "silver.bad_values was changed by something else than this job"),
        (delete_input, "silver.identity_births is no longer there"),
        (create_input_again, "silver.identity_births was created again"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_lost_or_changed_table_is_a_reason_to_compute_everything(lake, happens, because):
    lake.append_record(OUTPUT, [bad_value()])
    before = finished(lake)
    happens(lake)
    assert state(lake, before).rebuild_because == because


def test_other_settings_and_runs_of_older_versions_are_reasons_to_compute_everything(lake):
    before = finished(lake)
    other = state(lake, before, settings="others").rebuild_because
    assert other == "settings or rules that it depends on have changed"
    old = state(lake, before | dict(table_ids=None, output_versions=None)).rebuild_because
    assert old == "the last run was by an older version of kinfold"


def test_removed_rows_matter_only_to_readers_of_an_append_only_table(lake):
    before = finished(lake)
    delta(lake, INPUT).delete(F.lit(True))
    assert state(lake, before).rebuild_because is None
    append_only = replace(INPUT, is_append_only=True)
    now = run_state(lake, before, inputs=[append_only], outputs=[], settings_hash=HASH)
    assert now.rebuild_because == "rows of silver.identity_births were removed or replaced"
