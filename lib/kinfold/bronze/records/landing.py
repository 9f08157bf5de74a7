"""Landing of extracts in bronze.records: one atomic append and one ledger row per extract.

The ledger row is written last and marks the extract as landed. If a run is killed before that, the
next run writes it: Delta then knows the append and does not repeat it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession, functions as F

from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.records.mapping import MAPPED, mapped_records
from kinfold.bronze.records.versions import (
    UNCHANGED,
    compared_versions,
    current_versions,
    deletions,
    known_versions,
    landed_versions,
    missing_record_ids,
    unexpired_versions,
)
from kinfold.bronze.sources.files import file_rows, mapping_session
from kinfold.bronze.sources.listing import hidden_problem, input_files, named_unread_file
from kinfold.core.errors import ConfError, ContractError, LedgerError
from kinfold.core.log import say
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze, ops
from kinfold.tables.collected import collected, first_row

STAGE = "records"


@dataclass(frozen=True)
class Extract:
    """One delivery: a file, or a folder of files, directly in the source's input.

    Attributes:
        key: path, modification time and size, so that an overwritten file is a new delivery.
        size: in bytes.
    """

    path: str
    key: str
    size: int


@dataclass(frozen=True)
class _Unfinished:
    """An extract whose rows an earlier, killed run has appended without the ledger row."""

    extract_key: str
    landed_at: datetime


def land_records(
    lake: Lake, source: RecordSource, *, max_shrink_ratio: float, may_shrink: bool
) -> dict[str, int]:
    """Land every extract of the source that has not landed yet, in the order of their names.

    Args:
        max_shrink_ratio: largest ratio of the known records that a snapshot may leave out.
        may_shrink: accept a snapshot that leaves out more.

    Returns:
        in, new, unchanged, gone (left out of a snapshot) and rejected, summed over the extracts.

    Raises:
        ConfError: no input, or the declaration does not fit an extract.
        ContractError: a snapshot leaves out too many records; nothing of it has landed.
        LedgerError: records were lost or duplicated.
    """
    lake.ensure(bronze.RECORDS)
    lake.ensure(ops.BATCHES)
    _report_hidden(lake.spark, source)
    entered = _ledger_rows(lake, source)
    finished = {row["extract"] for row in entered}
    extracts = [one for one in existing_extracts(lake.spark, source) if one.key not in finished]
    batch_id = max((int(row["batch_id"]) for row in entered), default=-1) + 1
    unfinished = _unfinished(lake, source, batch_id)
    if unfinished:  # finish it first, under its own batch number
        first = unfinished.extract_key
        extracts.sort(key=lambda one: one.key != first)
        if not extracts or extracts[0].key != first:
            _enter(lake, source, first, batch_id, read=None)
            batch_id, unfinished = batch_id + 1, None
    totals: dict[str, int] = {}
    for number, extract in enumerate(extracts, start=batch_id):
        started = unfinished if number == batch_id else None
        with named_unread_file(source.name):
            counts = _land(
                lake,
                source,
                extract,
                batch_id=number,
                landed_at=started.landed_at if started else datetime.now(UTC),
                max_shrink_ratio=None if may_shrink or started else max_shrink_ratio,
            )
        totals = {name: totals.get(name, 0) + count for name, count in counts.items()}
    return totals


def existing_extracts(spark: SparkSession, source: RecordSource) -> list[Extract]:
    """The extracts in the source's input, sorted by name; hidden files (`_SUCCESS`) do not count.

    Raises:
        ConfError: the input does not exist.
    """
    jvm = spark._jvm
    assert jvm is not None  # a classic session has one
    root = jvm.org.apache.hadoop.fs.Path(str(source.input))
    files = root.getFileSystem(spark._jsc.hadoopConfiguration())
    if not files.exists(root):
        raise ConfError(
            f"source {source.name}: input {source.input} does not exist. Check the path, or name "
            "another with --input PATH."
        )
    status = files.getFileStatus(root)
    entries = files.listStatus(root) if status.isDirectory() else [status]
    extracts = []
    for entry in sorted(entries, key=lambda s: str(s.getPath().getName())):
        if _is_hidden(entry):
            continue
        size, modified_ms = _size_and_time(files, entry)
        modified_at = datetime.fromtimestamp(modified_ms / 1000, UTC)
        path = str(entry.getPath().toString())
        key = f"{path}, {modified_at.isoformat(timespec='milliseconds')}, {size} bytes"
        extracts.append(Extract(path, key, size))
    return extracts


def _report_hidden(spark: SparkSession, source: RecordSource) -> None:
    files = input_files(spark, str(source.input))
    hidden = [file for file in files if file.is_hidden and not file.is_marker]
    if hidden:
        say(f"    {source.name}: {hidden_problem(hidden, str(source.input))}")


def _land(
    lake: Lake,
    source: RecordSource,
    extract: Extract,
    *,
    batch_id: int,
    landed_at: datetime,
    max_shrink_ratio: float | None,
) -> dict[str, int]:
    """Append the changes of one extract and write its ledger row; repeating it changes nothing.

    Args:
        max_shrink_ratio: null = any snapshot is accepted.
    """
    session = mapping_session(lake.spark, source)
    records = _mapped(session, source, extract, landed_at).persist()
    # Only earlier batches: a killed run may have appended this one already.
    earlier = lake.read(bronze.RECORDS).where(
        (F.col("source") == source.name) & (F.col("batch_id") < batch_id)
    )
    known = known_versions(earlier, source, at=landed_at)
    compared = compared_versions(records, known, source).persist()
    current = unexpired_versions(current_versions(earlier), at=landed_at)
    missing = missing_record_ids(current, records).persist()
    try:
        versions = compared
        if source.delivery == "snapshot":
            if max_shrink_ratio is not None:
                _require_whole(source, extract, records, current, missing, limit=max_shrink_ratio)
            versions = compared.unionByName(deletions(missing))
        rows = landed_versions(
            versions, source, extract=extract.key, batch_id=batch_id, landed_at=landed_at
        )
        # The extract is in the writer's name: should another extract get this batch number, Delta
        # must not take it for this one.
        writer = f"records/{source.name}/{extract.key}"
        lake.append_once(bronze.RECORDS, rows, writer=writer, batch_id=batch_id)
        read = {
            "records_in": records.count(),
            "unchanged": compared.where(F.col("outcome") == UNCHANGED).count(),
        }
    finally:
        missing.unpersist()
        compared.unpersist()
        records.unpersist()
    return _enter(lake, source, extract.key, batch_id, read=read)


def _mapped(
    session: SparkSession, source: RecordSource, extract: Extract, landed_at: datetime
) -> DataFrame:
    if not extract.size:  # without even a header there is nothing to map
        return session.createDataFrame([], MAPPED)
    rows = file_rows(session, source, path=extract.path)
    return mapped_records(rows, source, landed_at=landed_at)


def _require_whole(
    source: RecordSource,
    extract: Extract,
    records: DataFrame,
    current: DataFrame,
    missing: DataFrame,
    *,
    limit: float,
) -> None:
    """Check that a snapshot has records, and leaves out at most `limit` of the known ones.

    Raises:
        ContractError: it does not.
    """
    has_record = bool(records.where(F.col("record_id") != "").take(1))
    known_count, missing_count = current.where(~F.col("is_deletion")).count(), missing.count()
    if has_record and missing_count <= limit * known_count:
        return
    problem = (
        f"leaves out {missing_count:,} of the {known_count:,} known records, limit {limit:.0%} "
        "(records.max_shrink_ratio)"
        if has_record
        else "has no record, expected all records of the source"
    )
    raise ContractError(
        f"source {source.name}: snapshot {extract.key} {problem}. Nothing of it has landed. Have "
        "it delivered again in full, or start again with --accept-shrink if the records were "
        "really deleted. If extracts hold only changed records, write delivery: delta."
    )


def _enter(
    lake: Lake,
    source: RecordSource,
    extract_key: str,
    batch_id: int,
    *,
    read: dict[str, int] | None,
) -> dict[str, int]:
    """Write an extract's ledger row, with the counts of the table; returns the run's counts.

    Args:
        read: records_in and unchanged, counted while reading. Null for an extract that has landed
            but no longer exists: the row then has only what landed.

    Raises:
        LedgerError: the counts do not add up.
    """
    landed_at = datetime.now(UTC)
    added, rejected, left_out = _landed_counts(lake, source, batch_id)
    if read is None:
        read = {"records_in": added + rejected - left_out, "unchanged": 0}
    records_in, unchanged = read["records_in"], read["unchanged"]
    row: dict[str, object] = dict(
        stage=STAGE,
        source=source.name,
        batch_id=batch_id,
        records_in=records_in,
        unpacked=left_out,
        accepted=added + unchanged,
        rejected=rejected,
        added=added,
        duplicates=unchanged,
        table_version=lake.version(bronze.RECORDS),
        run_id=lake.run_id,
        recorded_at=datetime.now(UTC),
        landed_at=landed_at,
        extract=extract_key,
    )
    lake.append_record(ops.BATCHES, [row])
    if records_in + left_out != added + unchanged + rejected:
        raise LedgerError(
            f"bronze.records: extract {extract_key} had {records_in:,} records and left out "
            f"{left_out:,}; {added:,} new, {unchanged:,} unchanged and {rejected:,} rejected ones "
            "have landed. Records are lost or duplicated; keep the extract and compare it with "
            "the table."
        )
    return {
        "in": records_in,
        "new": added - left_out,
        "unchanged": unchanged,
        "gone": left_out,
        "rejected": rejected,
    }


def _landed_counts(lake: Lake, source: RecordSource, batch_id: int) -> tuple[int, int, int]:
    """Numbers of accepted, rejected and left-out rows; the left-out ones are accepted, too."""
    is_accepted = F.col("verdict") == bronze.ACCEPTED
    is_left_out = F.col("is_deletion") & F.col("raw").isNull()
    added, rejected, left_out = collected(
        _landed(lake, source, batch_id).agg(
            F.count_if(is_accepted),
            F.count_if(~is_accepted),
            F.count_if(is_accepted & is_left_out),
        )
    )[0]
    return int(added), int(rejected), int(left_out)


def _ledger_rows(lake: Lake, source: RecordSource) -> Sequence[Row]:
    is_mine = (F.col("stage") == STAGE) & (F.col("source") == source.name)
    return collected(lake.read(ops.BATCHES).where(is_mine).select("batch_id", "extract"))


def _landed(lake: Lake, source: RecordSource, batch_id: int) -> DataFrame:
    is_mine = (F.col("source") == source.name) & (F.col("batch_id") == batch_id)
    return lake.read(bronze.RECORDS).where(is_mine)


def _unfinished(lake: Lake, source: RecordSource, batch_id: int) -> _Unfinished | None:
    """The extract that has landed under a batch number that the ledger does not have."""
    row = first_row(_landed(lake, source, batch_id).select("extract", "ingested_at"))
    return _Unfinished(*row) if row else None


def _size_and_time(files: Any, status: Any) -> tuple[int, int]:
    """Size (bytes) and newest modification time (ms) of a file, or of all files of a folder."""
    if not status.isDirectory():
        return int(status.getLen()), int(status.getModificationTime())
    size, modified_ms = 0, 0
    entries = files.listFiles(status.getPath(), True)
    while entries.hasNext():
        entry = entries.next()
        if not _is_hidden(entry):
            size += int(entry.getLen())
            modified_ms = max(modified_ms, int(entry.getModificationTime()))
    return size, modified_ms


def _is_hidden(status: Any) -> bool:
    return str(status.getPath().getName()).startswith(("_", "."))
