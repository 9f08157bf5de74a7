"""What a job run knows about its inputs, and how a job ends as a process."""

from types import SimpleNamespace

import pytest

from kinfold.core.errors import LedgerError
from kinfold.runtime.job import JobRun, run_job
from kinfold.tables import bronze, silver

EVENTS = bronze.EVENTS.name


class CallsOfLake:
    """Stands for a lake and lists the calls."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, *args, kwargs))


def job_run(*, now: int, before: int | None = None, settings: str = "s") -> JobRun:
    """A run with bronze.events at version `now`; its last run processed version `before`."""
    previous = None
    if before is not None:
        previous = {"settings_hash": "s", "input_versions": {EVENTS: before}}
    return JobRun(
        name="silver/x",
        lake=CallsOfLake(),
        options=SimpleNamespace(settings=None),
        inputs={EVENTS: now},
        previous=previous,
        settings_hash=settings,
    )


def test_a_run_with_the_same_inputs_and_settings_is_up_to_date():
    run = job_run(now=3, before=3)
    assert run.is_up_to_date
    assert run.is_skipped


@pytest.mark.parametrize(
    "run",
    [job_run(now=3), job_run(now=4, before=3), job_run(now=3, before=3, settings="other")],
    ids=["first run", "new input", "other settings"],
)
def test_a_run_with_anything_new_is_not_up_to_date(run):
    assert not run.is_up_to_date
    assert not run.is_skipped


@pytest.mark.parametrize(
    ("run", "is_rebuild", "processed"),
    [
        (job_run(now=3), True, -1),
        (job_run(now=4, before=3), False, 3),
        (job_run(now=4, before=3, settings="other"), True, -1),
        (job_run(now=0, before=3), True, -1),
    ],
    ids=["first run", "new input", "other settings", "input recreated"],
)
def test_a_rebuild_is_due_on_the_first_run_and_after_other_settings_or_a_recreated_input(
    run, is_rebuild, processed
):
    assert run.is_rebuild == is_rebuild
    assert run.processed_version(bronze.EVENTS) == processed


def test_an_input_that_is_new_to_the_job_is_read_from_its_first_version():
    run = job_run(now=3, before=3)
    run.inputs[silver.RECORDS.name] = 1
    assert not run.is_rebuild
    assert run.processed_version(silver.RECORDS) == -1


def test_changes_are_those_between_the_last_run_and_the_pinned_version():
    run = job_run(now=7, before=3)
    run.changes(bronze.EVENTS)
    assert run.lake.calls == [("changes", bronze.EVENTS, {"after": 3, "until": 7})]


@pytest.mark.parametrize(("before", "method"), [(None, "replace"), (3, "upsert")])
def test_a_rebuild_replaces_the_table_and_another_run_upserts(before, method):
    run = job_run(now=3, before=before)
    run.publish(silver.EVENTS, "rows")
    [(name, table, rows, _)] = run.lake.calls
    assert (name, table, rows) == (method, silver.EVENTS, "rows")


@pytest.mark.parametrize(("before", "method"), [(None, "replace"), (3, "insert_new")])
def test_a_rebuild_replaces_the_table_and_another_run_inserts_new_keys(before, method):
    run = job_run(now=3, before=before)
    run.publish_new(silver.EVENTS, "rows")
    assert run.lake.calls[0][:3] == (method, silver.EVENTS, "rows")


@pytest.mark.parametrize(("before", "method"), [(None, "empty"), (3, "read_or_empty")])
def test_a_rebuild_sees_no_existing_rows(before, method):
    run = job_run(now=3, before=before)
    run.existing_rows(silver.EVENTS)
    assert run.lake.calls == [(method, silver.EVENTS, {})]


def test_counts_add_up_by_name():
    run = job_run(now=1)
    run.count(new=2, late=1)
    run.count(new=3)
    assert run.counts == {"new": 5, "late": 1}


def test_an_error_for_users_becomes_one_line_and_its_exit_code(capsys):
    def main():
        raise LedgerError("ops.batches: 1 against 2.")

    with pytest.raises(SystemExit) as caught:
        run_job(main)
    assert caught.value.code == 5
    assert capsys.readouterr().err == "kinfold: ops.batches: 1 against 2.\n"


def test_an_interrupted_job_says_how_to_continue(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run_job(main)
    assert caught.value.code == 130
    assert "Start the same command again to continue." in capsys.readouterr().err


def test_another_error_keeps_its_stack_trace():
    def main():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_job(main)
