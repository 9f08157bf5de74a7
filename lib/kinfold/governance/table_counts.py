"""Counts of landed rows for the ledger's laws, at versions of the tables that belong together.

A batch is committed to its table first, and recorded in ops.batches after that. So beside a running
stream the newest rows of a table are not in the ledger yet. They are open: the stream is about to
record them, or it was killed and records them when it starts again. Open rows are neither lost nor
duplicated, and the laws leave them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from pyspark.sql import Column, DataFrame, Row, functions as F

from kinfold.runtime.lake.change_feed import CHANGE_TYPE, COMMIT_VERSION
from kinfold.runtime.lake.commits import commits_between
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze, ops, silver
from kinfold.tables.collected import collected, first_row

LEDGER_TABLES = (ops.BATCHES, bronze.EVENTS, silver.EVENTS, bronze.RECORDS)
"""In the order in which their versions are pinned: the ledger first, so that the other tables have
every batch in it."""
CHECK = "governance/check_ledger"
ACCEPTED_ROWS, REJECTED_ROWS = "bronze_accepted", "bronze_rejected"
"""Names of the verified counts in ops.job_runs."""
EXPIRED = "expired"
"""The stage of the ledger's rows about deleted rows of bronze.records. Their `batch_id` is the
version before the deletion."""
_REPLAYED = -1
"""The batch id of replayed rows."""
_MARK_OF_JOBS = "kinfold "
_SIGNS = {"insert": 1, "update_postimage": 1, "update_preimage": -1, "delete": -1}


@dataclass(frozen=True)
class VerifiedRows:
    """Rows of bronze.events that an earlier check has counted, up to a version."""

    bronze_version: int
    accepted: int
    rejected: int


@dataclass(frozen=True)
class TableCounts:
    """Counts of the tables that the ledger describes, at pinned versions.

    Attributes:
        batches: ops.batches at its pinned version.
        all_rows: all rows of bronze.events, for the next check; null without events.
        accepted, rejected: rows of bronze.events in recorded batches.
        read_by_silver: accepted rows of bronze.events up to the version that silver has read; null
            if silver has read none.
        silver_rows: rows of silver.events after that run; null as well.
        records: rows of bronze.records in recorded extracts, with those that have expired since
            and were deleted; null without records.
    """

    batches: DataFrame
    all_rows: VerifiedRows | None
    accepted: int
    rejected: int
    read_by_silver: int | None
    silver_rows: int | None
    records: int | None

    @property
    def open_rows(self) -> int:
        """Rows of bronze.events in batches that are not recorded yet."""
        rows = self.all_rows
        return rows.accepted + rows.rejected - self.accepted - self.rejected if rows else 0

    @property
    def waiting(self) -> int:
        """Accepted rows of bronze.events that silver has not read yet."""
        return self.all_rows.accepted - (self.read_by_silver or 0) if self.all_rows else 0


def pinned_versions(lake: Lake) -> dict[str, int]:
    """The newest version of each of the ledger's tables that exists, in the order that matters."""
    return {table.name: lake.version(table) for table in LEDGER_TABLES if lake.exists(table)}


def verified_rows(lake: Lake, versions: Mapping[str, int]) -> VerifiedRows | None:
    """The rows that the last run of check_ledger has verified; null if all must be counted.

    All must be counted after the table was created again, and if the changes since that run are not
    stored any more.

    Args:
        versions: see `table_counts`.
    """
    until = versions.get(bronze.EVENTS.name)
    if until is None or not lake.exists(ops.JOB_RUNS):
        return None
    runs = lake.read(ops.JOB_RUNS).where(F.col("job") == CHECK)
    for run in collected(runs.orderBy(F.desc("finished_at"), F.desc("run_id")).limit(1)):
        counts, name = run["counts"], bronze.EVENTS.name
        version = run["input_versions"].get(name, until + 1)
        table_id = (run["table_ids"] or {}).get(name)
        if version > until or not {ACCEPTED_ROWS, REJECTED_ROWS} <= set(counts):
            return None
        if table_id != lake.state(bronze.EVENTS).table_id:
            return None
        if commits_between(lake, bronze.EVENTS, after=version, until=until).has_feed:
            return VerifiedRows(version, int(counts[ACCEPTED_ROWS]), int(counts[REJECTED_ROWS]))
    return None


def table_counts(
    lake: Lake, versions: Mapping[str, int], *, verified: VerifiedRows | None = None
) -> TableCounts:
    """The counts at the pinned versions.

    Args:
        versions: by table name, pinned in the order of `LEDGER_TABLES`; a missing table has none.
        verified: counts of an earlier check; only the rows that changed since are read. None: all
            rows are counted.
    """
    batches = lake.read(ops.BATCHES, version=versions[ops.BATCHES.name])
    newest = _newest_silver_batch(batches) if silver.EVENTS.name in versions else None
    events, records, read = None, None, None
    is_open = {stage: _is_open(batches, stage) for stage in ("bronze", "records")}
    accepted = rejected = 0
    if bronze.EVENTS.name in versions:
        read_version = newest["batch_id"] if newest else None
        events, after_silver = _bronze_rows(lake, versions, verified, read_version=read_version)
        open_accepted, open_rejected = _open_events(lake, versions, batches, is_open["bronze"])
        accepted, rejected = events.accepted - open_accepted, events.rejected - open_rejected
        read = None if after_silver is None else events.accepted - after_silver
    if bronze.RECORDS.name in versions:
        rows = lake.read(bronze.RECORDS, version=versions[bronze.RECORDS.name])
        records = rows.count() - rows.where(is_open["records"]).count()
        records += _expired_records(lake, versions, batches)
    silver_rows = _silver_rows(lake, versions, newest["table_version"]) if newest else None
    return TableCounts(batches, events, accepted, rejected, read, silver_rows, records)


def _newest_silver_batch(batches: DataFrame) -> Row | None:
    """batch_id and table_version of the newest run of silver; null if there is none."""
    rows = batches.where(F.col("stage") == "silver").orderBy(F.desc("batch_id"))
    return first_row(rows.select("batch_id", "table_version"))


def _bronze_rows(
    lake: Lake,
    versions: Mapping[str, int],
    verified: VerifiedRows | None,
    *,
    read_version: int | None,
) -> tuple[VerifiedRows, int | None]:
    """All rows of bronze.events, and how many accepted ones are newer than what silver has read.

    Args:
        read_version: version that silver has read; the second count is null without it, and if the
            later changes are not stored any more.
    """
    until = versions[bronze.EVENTS.name]
    if read_version is not None and (verified is None or read_version < verified.bronze_version):
        later = commits_between(lake, bronze.EVENTS, after=read_version, until=until)
        read_version = read_version if later.has_feed else None
    if verified is None:
        rows = lake.read(bronze.EVENTS, version=until).agg(
            F.count_if(_is(bronze.ACCEPTED)).alias("accepted"),
            F.count_if(_is(bronze.REJECTED)).alias("rejected"),
        )
        counted = collected(rows)[0]
        verified = VerifiedRows(until, counted["accepted"], counted["rejected"])
    read = until if read_version is None else read_version
    after = min(verified.bronze_version, read)
    sign = reduce(
        lambda other, kind: F.when(F.col(CHANGE_TYPE) == kind, _SIGNS[kind]).otherwise(other),
        _SIGNS,
        F.lit(0),
    )
    is_new = F.col(COMMIT_VERSION) > verified.bronze_version
    sums = {
        "accepted": is_new & _is(bronze.ACCEPTED),
        "rejected": is_new & _is(bronze.REJECTED),
        "waiting": (F.col(COMMIT_VERSION) > read) & _is(bronze.ACCEPTED),
    }
    changes = lake.changes(bronze.EVENTS, after=after, until=until).agg(
        *(
            F.coalesce(F.sum(F.when(condition, sign)), F.lit(0)).alias(name)
            for name, condition in sums.items()
        )
    )
    change = collected(changes)[0] if until > after else dict.fromkeys(sums, 0)
    events = VerifiedRows(
        until, verified.accepted + change["accepted"], verified.rejected + change["rejected"]
    )
    return events, None if read_version is None else int(change["waiting"])


def _open_events(
    lake: Lake, versions: Mapping[str, int], batches: DataFrame, is_open: Column
) -> tuple[int, int]:
    """Accepted and rejected rows of bronze.events that are not recorded in the ledger yet.

    All replayed rows have the batch id -1, and the ledger has their number. A replay records what
    it finds in the table, so there can only be more of them than it has recorded.
    """
    is_replayed = F.col("batch_id") == _REPLAYED
    rows = collected(
        lake.read(bronze.EVENTS, version=versions[bronze.EVENTS.name])
        .where(is_open | is_replayed)
        .agg(
            F.count_if(is_open & _is(bronze.ACCEPTED)).alias("accepted"),
            F.count_if(is_open & _is(bronze.REJECTED)).alias("rejected"),
            F.count_if(is_replayed).alias("replayed"),
        )
    )[0]
    recorded = collected(batches.where(F.col("stage") == "replay").agg(F.sum("accepted")))[0][0]
    open_replays = max(0, rows["replayed"] - (recorded or 0))
    return rows["accepted"] + open_replays, rows["rejected"]


def _is_open(batches: DataFrame, stage: str) -> Column:
    """Whether a row belongs to a batch that is newer than all recorded ones of its source.

    The batches of a source are committed and recorded one after another. The condition consists of
    comparisons only, so that Delta reads only the files that can have such rows.
    """
    newest = batches.where(F.col("stage") == stage).groupBy("source").agg(F.max("batch_id"))
    recorded = sorted((str(source), int(batch_id)) for source, batch_id in collected(newest))
    source, is_streamed = F.col("source"), F.col("batch_id") >= 0
    is_open = is_streamed
    if recorded:
        names = [name for name, _ in recorded]
        is_unknown = (source < names[0]) | (source > names[-1])
        for lower, upper in pairwise(names):
            is_unknown |= (source > lower) & (source < upper)
        is_open = is_unknown & is_streamed
        for name, batch_id in recorded:
            is_open |= (source == name) & (F.col("batch_id") > batch_id)
    return is_open


def unfinished_expiry(lake: Lake, batches: DataFrame, *, version: int) -> int | None:
    """`batch_id` of the ledger's newest rows about expired records, if the deletion that they
    announce is not in bronze.records; else null.

    Only expiry removes rows of bronze.records.

    Args:
        version: of bronze.records.
    """
    newest = batches.where(F.col("stage") == EXPIRED).agg(F.max("batch_id"))
    before = collected(newest)[0][0]
    if before is None:
        return None
    since = commits_between(lake, bronze.RECORDS, after=before, until=version)
    return None if since.has_removals else int(before)


def _expired_records(lake: Lake, versions: Mapping[str, int], batches: DataFrame) -> int:
    """How many rows of bronze.records had expired and were deleted at the pinned version."""
    version = versions[bronze.RECORDS.name]
    unfinished = unfinished_expiry(lake, batches, version=version)
    is_done = (F.col("stage") == EXPIRED) & ~F.col("batch_id").eqNullSafe(F.lit(unfinished))
    return int(collected(batches.where(is_done).agg(F.sum("records_in")))[0][0] or 0)


def _silver_rows(lake: Lake, versions: Mapping[str, int], recorded_version: int) -> int:
    """Rows of silver.events after its newest recorded run.

    A run that has not recorded its rows yet may have added some since. Rows that no job has written
    count.
    """
    version = versions[silver.EVENTS.name]
    since = commits_between(lake, silver.EVENTS, after=recorded_version, until=version)
    are_by_jobs = all((writer or "").startswith(_MARK_OF_JOBS) for writer in since.writers)
    if since.has_changes and are_by_jobs:
        version = recorded_version
    return int(lake.read(silver.EVENTS, version=version).count())


def _is(verdict: str) -> Column:
    return F.col("verdict") == verdict
