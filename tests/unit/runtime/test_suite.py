"""Suites of jobs: order, arguments and errors. The jobs are small files that open no lake."""

import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from kinfold.core.errors import ModelDataError, ModelGateError
from kinfold.core.settings.command_line import parse_options
from kinfold.runtime import suite
from kinfold.runtime.suite import Step, load_main, run_suite

WRITES = """
from pathlib import Path
def main(argv):
    with Path({log!r}).open("a") as log:
        log.write(f"{name} {{argv[argv.index('--run-id') + 1]}} {{argv[4:]}}\\n")
"""
FAILS = """
from kinfold.core.errors import {error}
def main(argv):
    raise {error}("too few people")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a job `first`, a job `second` and one that fails for each kind of error."""
    monkeypatch.setattr(suite, "open_lake", lambda *_, **__: nullcontext())
    monkeypatch.setattr(suite, "_recorded_runs", lambda _: None)
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(WRITES.format(log=str(tmp_path / "log"), name=name))
    for error in ("ModelDataError", "ModelGateError"):
        (tmp_path / f"{error}.py").write_text(FAILS.format(error=error))
    return tmp_path


def run(folder: Path, *steps: Step, **preloads: object) -> str:
    options = parse_options("pipeline", ["--run-id", "r1"])
    run_suite(options, str(folder / "pipeline.py"), steps, **preloads)
    return (folder / "log").read_text()


def test_steps_run_in_order_with_the_id_of_the_run_and_their_own_arguments(folder):
    log = run(folder, Step("second"), Step("first", arguments=("--x", "1")))
    assert log == "second r1 []\nfirst r1 ['--x', '1']\n"


@pytest.mark.parametrize("error", ["ModelDataError", "ModelGateError"])
def test_a_step_that_may_lack_data_does_not_end_the_suite(folder, capsys, error):
    log = run(folder, Step(error, may_lack_data=True), Step("first"))
    assert log == "first r1 []\n"
    lines = capsys.readouterr().err.splitlines()
    assert [lines[1].split(), lines[2]] == [["[1/2]", error, "skipped"], "      too few people"]


@pytest.mark.parametrize("error", [ModelDataError, ModelGateError])
def test_another_step_that_fails_ends_the_suite(folder, error):
    with pytest.raises(error, match="too few people"):
        run(folder, Step(error.__name__), Step("first"))
    assert not (folder / "log").exists()


def test_imports_run_in_order_on_a_thread_of_their_own(folder):
    names, done = [], threading.Event()
    preloads = (lambda: names.append(threading.current_thread().name), done.set)
    run(folder, Step("first"), preloads=preloads)
    assert done.wait(10)
    assert names != [threading.main_thread().name]


def test_imports_start_with_the_first_work_and_not_if_there_is_none(folder, monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(suite, "_recorded_runs", lambda _: 7)
    run(folder, Step("first"), Step("second"), preloads=(done.set,))
    assert not done.is_set()
    versions = iter([7, 7, 8, 8])
    monkeypatch.setattr(suite, "_recorded_runs", lambda _: next(versions))
    run(folder, Step("first"), Step("second"), preloads=(done.set,))
    assert done.wait(10)


def test_a_missing_job_is_an_error_before_anything_runs(folder):
    with pytest.raises(FileNotFoundError):
        run(folder, Step("first"), Step("missing"))
    assert not (folder / "log").exists()


def test_main_of_a_job_is_loaded_by_path(tmp_path):
    (tmp_path / "job.py").write_text("def main(argv): argv.append('called')")
    argv = []
    load_main(tmp_path / "job.py")(argv)
    assert argv == ["called"]
