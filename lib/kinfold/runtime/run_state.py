"""What the runs of a job have read and written: what is new, and why outputs must be rebuilt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import Row

from kinfold.runtime.lake.commits import GONE, Commits, commits_between
from kinfold.runtime.lake.tables import NOTEBOOK, LakeTables, TableState
from kinfold.tables.spec import Table

_OF_KINFOLD = "kinfold "
_FIRST_RUN = "this job has not finished on this lake yet"
_CHECKED_LAYERS = ("silver", "gold")
"""Layers whose tables are functions of others, each written by one job only."""


@dataclass(frozen=True)
class RunState:
    """The inputs of a run, compared with those of the last finished run of the job.

    Attributes:
        inputs: version of each input table, pinned when the run started.
        input_ids: id of each input table.
        processed: version up to which each input has been processed; empty if a rebuild is due.
        rebuild_because: why all outputs must be rebuilt; null if they need not be.
        has_lost_output: whether an output is missing, or was created again by something else.
        has_unfinished_output: whether a run that did not finish has changed rows of an output.
        has_changes: whether rows of an input have changed since.
        is_first: whether the job has never finished on this lake.
    """

    inputs: Mapping[str, int] = field(default_factory=dict)
    input_ids: Mapping[str, str] = field(default_factory=dict)
    processed: Mapping[str, int] = field(default_factory=dict)
    rebuild_because: str | None = None
    has_lost_output: bool = False
    has_unfinished_output: bool = False
    has_changes: bool = True

    @property
    def is_first(self) -> bool:
        return self.rebuild_because == _FIRST_RUN


def run_state(
    lake: LakeTables,
    previous: Row | None,
    *,
    inputs: Sequence[Table],
    outputs: Sequence[Table],
    settings_hash: str,
) -> RunState:
    """Compare the tables with those that the last finished run of a job has read and written.

    Args:
        previous: row of ops.job_runs of that run; null if there is none.
        inputs: tables that exist.
        outputs: tables that the job writes.
        settings_hash: of everything else that the outputs depend on.
    """
    now = {table.name: lake.state(table) for table in inputs}
    versions = {name: state.version for name, state in now.items()}
    ids = {name: state.table_id for name, state in now.items()}
    if previous is None:
        return RunState(versions, ids, rebuild_because=_FIRST_RUN)
    lost = _lost_output(lake, previous, outputs)
    feeds = _input_commits(lake, previous, inputs, now)
    written = {} if lost else _output_commits(lake, previous, outputs)
    because = (
        _other_rules(previous, settings_hash)
        or _other_inputs(previous, inputs, now, feeds)
        or lost
        or _changed_output(written)
    )
    before: dict[str, int] = previous["input_versions"]
    return RunState(
        versions,
        ids,
        processed={} if because else before,
        rebuild_because=because,
        has_lost_output=lost is not None,
        has_unfinished_output=any(commits.has_changes for commits in written.values()),
        has_changes=set(before) != set(versions) or any(c.has_changes for c in feeds.values()),
    )


def output_states(lake: LakeTables, outputs: Sequence[Table]) -> dict[str, TableState]:
    """The state of the written tables of silver and gold, for ops.job_runs."""
    return {t.name: lake.state(t) for t in computed_tables(outputs) if lake.exists(t)}


def _other_rules(previous: Row, settings_hash: str) -> str | None:
    if previous["table_ids"] is None:
        return "the last run was by an older version of kinfold"
    if previous["settings_hash"] != settings_hash:
        return "settings or rules that it depends on have changed"
    return None


def _input_commits(
    lake: LakeTables, previous: Row, inputs: Sequence[Table], now: Mapping[str, TableState]
) -> dict[str, Commits]:
    """The commits of each known input since the last run."""
    before: dict[str, int] = previous["input_versions"]
    return {
        table.name: commits_between(
            lake, table, after=before[table.name], until=now[table.name].version
        )
        for table in inputs
        if table.name in before
    }


def _other_inputs(
    previous: Row,
    inputs: Sequence[Table],
    now: Mapping[str, TableState],
    feeds: Mapping[str, Commits],
) -> str | None:
    before: dict[str, int] = previous["input_versions"]
    if gone := sorted(set(before) - set(now)):
        return f"{gone[0]} is no longer there"
    for table in inputs:
        name = table.name
        if name not in before:
            continue
        if now[name].table_id != previous["table_ids"].get(name):
            return f"{name} was created again"
        if now[name].version < before[name]:
            return f"{name} is at version {now[name].version}, before version {before[name]}"
        if not feeds[name].has_feed:
            return f"the changes of {name} since version {before[name]} are no longer stored"
        if table.is_append_only and feeds[name].has_removals:
            return f"rows of {name} were removed or replaced"
    return None


def _lost_output(lake: LakeTables, previous: Row, outputs: Sequence[Table]) -> str | None:
    for table in computed_tables(outputs):
        known = previous["table_ids"] and previous["table_ids"].get(table.name)
        if known is None:
            continue
        if not lake.exists(table):
            return f"{table.name} was deleted"
        if lake.state(table).table_id != known:
            return f"{table.name} was created again"
    return None


def _output_commits(
    lake: LakeTables, previous: Row, outputs: Sequence[Table]
) -> dict[str, Commits]:
    """The commits of each output since the last run; `GONE` if it is at an older version."""
    before: dict[str, int] = previous["output_versions"] or {}
    commits = {}
    for table in computed_tables(outputs):
        if (known := before.get(table.name)) is not None:
            until = lake.state(table).version
            since = commits_between(lake, table, after=known, until=until)
            commits[table.name] = GONE if until < known else since
    return commits


def _changed_output(written: Mapping[str, Commits]) -> str | None:
    for name, commits in written.items():
        if not all(_is_ours(writer) for writer in commits.writers):
            return f"{name} was changed by something else than this job"
    return None


def _is_ours(writer: str | None) -> bool:
    """Whether a job wrote a commit. A job that was killed has written some of its outputs."""
    return writer is not None and writer.startswith(_OF_KINFOLD) and NOTEBOOK not in writer


def computed_tables(outputs: Sequence[Table]) -> list[Table]:
    """The tables among them that a job can compute again: those of silver and gold."""
    return [table for table in outputs if table.layer in _CHECKED_LAYERS]
