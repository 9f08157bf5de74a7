"""After a kill at any moment the same command continues, and no record is lost or duplicated."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))

from chaos import survived
from spark_settings import SMALL_DATA

pytestmark = pytest.mark.xdist_group("kafka")


def test_records_survive_kills_of_the_jobs_that_carry_them(monkeypatch):
    """A short form of `make chaos`: one of its points, one lake, then all conservation laws.

    Tests of the jobs stop them at the other points within one process, which is faster.
    """
    # For the processes that it starts: each job runs for seconds, over a few rows.
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
    options = " ".join(f"--conf {name}={value}" for name, value in SMALL_DATA.items())
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", f"{options} pyspark-shell")
    assert survived(("between commit and ledger",), seed=3, is_lake_empty=True) == []
