"""What a job run knows about its inputs, and how a job ends as a process."""

import sys
import threading
from functools import partial
from types import SimpleNamespace

import pytest

from kinfold.core.errors import LedgerError
from kinfold.runtime.job import JobRun, result_text, run_job
from kinfold.runtime.run_state import RunState
from kinfold.tables import bronze, silver

EVENTS = bronze.EVENTS.name


@pytest.fixture(autouse=True)
def hooks_are_restored(monkeypatch):
    """`run_job` replaces the hooks of the process that runs the tests."""
    for module in (sys, threading):
        monkeypatch.setattr(module, "excepthook", module.excepthook)


class CallsOfLake:
    """Stands for a lake and lists the calls."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, *args, kwargs))


def job_run(*, now: int, before: int | None = None, because: str | None = None) -> JobRun:
    """A run with bronze.events at version `now`; its last run processed version `before`."""
    if before is None:
        because = because or "it is the first run"
    state = RunState(
        inputs={EVENTS: now},
        processed={} if because else {EVENTS: before},
        rebuild_because=because,
        has_changes=now != before,
    )
    return JobRun(
        name="silver/x",
        lake=CallsOfLake(),
        options=SimpleNamespace(settings=None),
        state=state,
        previous=None,
        settings_hash="s",
    )


def test_a_run_with_the_same_inputs_and_settings_is_up_to_date():
    run = job_run(now=3, before=3)
    assert run.is_up_to_date
    assert run.is_skipped


@pytest.mark.parametrize(
    "run",
    [job_run(now=3), job_run(now=4, before=3), job_run(now=3, before=3, because="other rules")],
    ids=["first run", "new input", "other rules"],
)
def test_a_run_with_anything_new_is_not_up_to_date(run):
    assert not run.is_up_to_date
    assert not run.is_skipped


def test_the_last_line_of_a_dry_run_says_what_would_have_changed():
    run = job_run(now=3, before=3)
    run.end_dry("letters 3")
    assert result_text(run) == "dry run, nothing changed: letters 3"
    assert run.is_skipped, "it is not recorded"
    run.end_dry()
    assert result_text(run) == "dry run, nothing changed"


def test_the_last_line_of_a_job_has_its_counts_or_says_why_there_are_none():
    run = job_run(now=4, before=3)
    run.count(rows=1_234)
    assert result_text(run) == "rows 1,234"
    run.is_skipped = True
    assert result_text(run) == "nothing new"
    run.is_without_input = True
    assert result_text(run) == "nothing to do: the lake has no events"


def test_changes_of_an_input_that_is_new_to_the_job_are_all_rows_of_the_table(spark):
    run = job_run(now=3)
    rows = bronze.EVENTS.frame(spark, dict(source="s"))
    run.lake = SimpleNamespace(read=lambda table, version: rows if version == 3 else None)
    [change] = run.changes(bronze.EVENTS).collect()
    assert (change["source"], change["_change_type"], change["_commit_version"]) == (
        "s",
        "insert",
        3,
    )


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


def test_a_stack_trace_shows_no_password(capsys):
    error = ValueError("http://ann:s3cret@host: refused")
    with pytest.raises(ValueError, match="refused"):
        run_job(partial(raises, error))
    sys.excepthook(ValueError, error, error.__traceback__)
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n")
    assert shown.endswith("ValueError: http://***@host: refused\n")
    thread = threading.Thread(target=raises, args=[error])
    thread.start()
    thread.join()
    assert capsys.readouterr().err.endswith("ValueError: http://***@host: refused\n")


def raises(error):
    raise error
