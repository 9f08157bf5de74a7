"""Progress messages."""

import time

import pytest

from kinfold.core import log
from kinfold.core.log import counts_text, heartbeat, numbered_step, say, say_result


def test_progress_goes_to_standard_error_only(capsys):
    say("working")
    assert capsys.readouterr() == ("", "working\n")


def test_counts_are_readable():
    counts = {"new_rows": 1234, "ratio": 0.25, "whole": 2.0}
    assert counts_text(counts) == "new rows 1,234, ratio 0.250, whole 2"
    assert counts_text({}) == ""
    assert counts_text({"version": 2, "promoted": 0.0}) == "version 2, promoted no"


@pytest.mark.parametrize(("progress", "end"), [("3 of 9 tasks", " s, 3 of 9 tasks"), ("", " s")])
def test_a_heartbeat_names_the_work_and_its_progress_until_the_work_ends(
    monkeypatch, capsys, progress, end
):
    monkeypatch.setattr(log, "HEARTBEAT_SECONDS", 0.01)
    with heartbeat("silver/x", lambda: progress):
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.startswith("    silver/x: ") and line.endswith(end) for line in lines)
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_the_lines_of_a_job_in_a_suite_begin_with_its_number(monkeypatch, capsys):
    monkeypatch.setattr(log, "HEARTBEAT_SECONDS", 0.01)
    with numbered_step(4, 13):
        say_result("silver/x", "rows 3", seconds=1.25)
        with heartbeat("silver/x", str):
            time.sleep(0.1)
    say_result("silver/y", "nothing new")
    first, *beats, last = capsys.readouterr().err.splitlines()
    assert first == f"  [ 4/13] {'silver/x':<28}    1.2 s  rows 3"
    assert beats
    assert set(beats) == {"    [ 4/13] silver/x: 0 s"}
    assert last == f"  {'silver/y':<28} nothing new"
