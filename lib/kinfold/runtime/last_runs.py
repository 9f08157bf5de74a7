"""The last finished run of each job, from ops.job_runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Row, functions as F

from kinfold.runtime.lake.tables import LakeTables, TableState
from kinfold.tables import ops
from kinfold.tables.collected import collected


@dataclass(frozen=True)
class _Read:
    state: TableState
    by_job: Mapping[str, Row]


# One lake per process is the rule, so the last read suffices. In a suite without new records no job
# changes the table: fifteen jobs then read it once.
_last_read: dict[str, _Read] = {}


def last_run(lake: LakeTables, job: str) -> Row | None:
    """The row of the last finished run of a job; null if there is none. May run a Spark job."""
    if not lake.exists(ops.JOB_RUNS):
        return None
    lake.ensure(ops.JOB_RUNS)  # a lake of an older version lacks columns
    path, state = lake.path(ops.JOB_RUNS), lake.state(ops.JOB_RUNS)
    known = _last_read.get(path)
    if known is None or known.state != state:
        known = _Read(state, _runs_by_job(lake, state.version))
        _last_read.clear()
        _last_read[path] = known
    return known.by_job.get(job)


def _runs_by_job(lake: LakeTables, version: int) -> dict[str, Row]:
    runs = lake.read(ops.JOB_RUNS, version=version)
    last = F.max_by(F.struct("*"), F.struct("finished_at", "run_id")).alias("run")
    return {row["job"]: row["run"] for row in collected(runs.groupBy("job").agg(last))}
