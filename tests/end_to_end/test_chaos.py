"""After a kill at any moment the same command continues, and no record is lost or duplicated."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))

from chaos import survived

pytestmark = pytest.mark.xdist_group("kafka")


def test_records_survive_kills_of_the_jobs_that_carry_them(monkeypatch):
    """A short form of `make chaos`: one of its points, one lake, then all conservation laws.

    Tests of the jobs stop them at the other points within one process, which is faster.
    """
    # One compiler only, as in the other tests: each job runs for seconds.
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
    assert survived(("between commit and ledger",), seed=3, is_lake_empty=True) == []
