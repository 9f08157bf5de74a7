"""From extracts into bronze.records: each extract one atomic append, one row of the ledger.

The ledger's row comes last and remembers the extract. A run that was killed before it is finished
by the next: the append is then known to Delta and is not repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession, functions as F

from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.records.versions import (
    MAPPED,
    UNCHANGED,
    current_versions,
    deletions,
    judged_versions,
    known_versions,
    landed_versions,
    left_out,
    mapped_records,
    unexpired_versions,
)
from kinfold.bronze.sources.files import file_rows, mapping_session
from kinfold.core.errors import ConfError, ContractError, LedgerError
from kinfold.runtime.lake.tables import Lake
from kinfold.tables import bronze, ops

STAGE = "records"


@dataclass(frozen=True)
class Extract:
    """One delivery: a file, or a folder of files, directly in the source's input.

    Attributes:
        told: path, time of modification and size; a file that was overwritten is a new delivery.
    """

    path: str
    told: str
    size: int


def land_records(
    lake: Lake, source: RecordSource, *, max_shrink_ratio: float, may_shrink: bool
) -> dict[str, int]:
    """Land every extract of the source that has not been taken yet, in the order of their names.

    Args:
        max_shrink_ratio: share of the known records that a snapshot may leave out.
        may_shrink: take a snapshot that leaves out more.

    Returns:
        in, new, unchanged, gone (left out of a snapshot) and rejected, summed over the extracts.

    Raises:
        ConfError: no input, or the declaration does not fit an extract.
        ContractError: a snapshot leaves out too much; nothing of it has landed.
        LedgerError: records were lost or doubled.
    """
    lake.ensure(bronze.RECORDS)
    lake.ensure(ops.BATCHES)
    entered = _entered(lake, source)
    taken = {row["extract"] for row in entered}
    found = [one for one in found_extracts(lake.spark, source) if one.told not in taken]
    batch_id = max((int(row["batch_id"]) for row in entered), default=-1) + 1
    begun = _landed(lake, source, batch_id).select("extract", "ingested_at").take(1)
    if begun:  # an earlier run was killed behind its append: finish what it had begun
        found.sort(key=lambda one: one.told != begun[0]["extract"])
        if not found or found[0].told != begun[0]["extract"]:
            _enter(lake, source, begun[0]["extract"], batch_id, read=None)
            batch_id, begun = batch_id + 1, []
    totals: dict[str, int] = {}
    for number, extract in enumerate(found, start=batch_id):
        is_begun = number == batch_id and bool(begun)
        counts = _land(
            lake,
            source,
            extract,
            batch_id=number,
            # Spark hands out instants in the process's zone, without saying so.
            landed_at=begun[0]["ingested_at"].astimezone(UTC) if is_begun else datetime.now(UTC),
            max_shrink_ratio=None if may_shrink or is_begun else max_shrink_ratio,
        )
        totals = {name: totals.get(name, 0) + count for name, count in counts.items()}
    return totals


def found_extracts(spark: SparkSession, source: RecordSource) -> list[Extract]:
    """The source's extracts in the order of their names; hidden ones (`_SUCCESS`) are none.

    Raises:
        ConfError: the input does not exist.
    """
    jvm = spark._jvm
    assert jvm is not None  # a classic session has one
    root = jvm.org.apache.hadoop.fs.Path(str(source.input))
    files = root.getFileSystem(spark._jsc.hadoopConfiguration())
    if not files.exists(root):
        raise ConfError(
            f"source {source.name}: input {source.input} does not exist. Check the path, or give "
            "another with --input PATH."
        )
    status = files.getFileStatus(root)
    there = files.listStatus(root) if status.isDirectory() else [status]
    extracts = []
    for one in sorted(there, key=lambda s: str(s.getPath().getName())):
        if str(one.getPath().getName()).startswith(("_", ".")):
            continue
        size, modified = _measured(files, one)
        changed = datetime.fromtimestamp(modified / 1000, UTC).isoformat(timespec="milliseconds")
        path = str(one.getPath().toString())
        extracts.append(Extract(path, f"{path}, {changed}, {size} bytes", size))
    return extracts


def _land(
    lake: Lake,
    source: RecordSource,
    extract: Extract,
    *,
    batch_id: int,
    landed_at: datetime,
    max_shrink_ratio: float | None,
) -> dict[str, int]:
    """Append what is news in one extract and enter it in the ledger; repeating it changes nothing.

    Args:
        max_shrink_ratio: null = any snapshot is taken.
    """
    session = mapping_session(lake.spark, source)
    records = _mapped(session, source, extract, landed_at).persist()
    # Not what this very batch has landed, should it have been killed behind its append.
    earlier = lake.read(bronze.RECORDS).where(
        (F.col("source") == source.name) & (F.col("batch_id") < batch_id)
    )
    known = known_versions(earlier, source, at=landed_at)
    judged = judged_versions(records, known, source).persist()
    current = unexpired_versions(current_versions(earlier), at=landed_at)
    gone = left_out(current, records).persist()
    try:
        news = judged
        if source.delivery == "snapshot":
            if max_shrink_ratio is not None:
                _require_whole(source, extract, records, current, gone, limit=max_shrink_ratio)
            news = judged.unionByName(deletions(gone))
        rows = landed_versions(
            news, source, extract=extract.told, batch_id=batch_id, landed_at=landed_at
        )
        # By extract: should another be read as this batch, Delta must not take it for this one.
        writer = f"records/{source.name}/{extract.told}"
        lake.append_once(bronze.RECORDS, rows, writer=writer, batch_id=batch_id)
        read = {
            "records_in": records.count(),
            "unchanged": judged.where(F.col("outcome") == UNCHANGED).count(),
        }
    finally:
        gone.unpersist()
        judged.unpersist()
        records.unpersist()
    return _enter(lake, source, extract.told, batch_id, read=read)


def _mapped(
    session: SparkSession, source: RecordSource, extract: Extract, landed_at: datetime
) -> DataFrame:
    if not extract.size:  # not even a header, so there is nothing to map
        return session.createDataFrame([], MAPPED)
    rows = file_rows(session, source, path=extract.path)
    return mapped_records(rows, source, landed_at=landed_at)


def _require_whole(
    source: RecordSource,
    extract: Extract,
    records: DataFrame,
    current: DataFrame,
    gone: DataFrame,
    *,
    limit: float,
) -> None:
    has_record = bool(records.where(F.col("record_id") != "").take(1))
    known_count, gone_count = current.where(~F.col("is_deletion")).count(), gone.count()
    if has_record and gone_count <= limit * known_count:
        return
    what = (
        f"leaves out {gone_count:,} of the {known_count:,} records known, limit {limit:.0%} "
        "(records.max_shrink_ratio)"
        if has_record
        else "holds no record, expected all records of the source"
    )
    raise ContractError(
        f"source {source.name}: snapshot {extract.told} {what}. Nothing of it has landed. Have it "
        "delivered again in full, or start again with --accept-shrink if the records are gone "
        "indeed. If extracts hold only what changed, write delivery: delta."
    )


def _enter(
    lake: Lake,
    source: RecordSource,
    extract: str,
    batch_id: int,
    *,
    read: dict[str, int] | None,
) -> dict[str, int]:
    """Enter an extract in the ledger.

    Args:
        read: records_in and unchanged, as they were read. Null for an extract that has landed and
            was gone when the ledger was to be written: then only what has landed is entered.
    """
    landed_at = datetime.now(UTC)
    is_accepted = F.col("verdict") == bronze.ACCEPTED
    is_left_out = F.col("is_deletion") & F.col("raw").isNull()
    counts = (
        _landed(lake, source, batch_id)
        .agg(
            F.count_if(is_accepted).alias("added"),
            F.count_if(~is_accepted).alias("rejected"),
            F.count_if(is_accepted & is_left_out).alias("left_out"),
        )
        .collect()[0]
    )
    added, rejected, gone = (int(counts[c]) for c in ("added", "rejected", "left_out"))
    if read is None:
        read = {"records_in": added + rejected - gone, "unchanged": 0}
    records_in, unchanged = read["records_in"], read["unchanged"]
    row: dict[str, object] = dict(
        stage=STAGE,
        source=source.name,
        batch_id=batch_id,
        records_in=records_in,
        unpacked=gone,
        accepted=added + unchanged,
        rejected=rejected,
        added=added,
        duplicates=unchanged,
        table_version=lake.version(bronze.RECORDS),
        run_id=lake.run_id,
        recorded_at=datetime.now(UTC),
        landed_at=landed_at,
        extract=extract,
    )
    lake.append_record(ops.BATCHES, [row])
    if records_in + gone != added + unchanged + rejected:
        raise LedgerError(
            f"bronze.records: extract {extract} had {records_in:,} records and left out {gone:,}; "
            f"{added:,} new, {unchanged:,} unchanged and {rejected:,} rejected ones have landed. "
            "Records are lost or doubled; keep the extract and compare it with the table."
        )
    return {
        "in": records_in,
        "new": added - gone,
        "unchanged": unchanged,
        "gone": gone,
        "rejected": rejected,
    }


def _entered(lake: Lake, source: RecordSource) -> Sequence[Row]:
    is_mine = (F.col("stage") == STAGE) & (F.col("source") == source.name)
    return lake.read(ops.BATCHES).where(is_mine).select("batch_id", "extract").collect()


def _landed(lake: Lake, source: RecordSource, batch_id: int) -> DataFrame:
    is_mine = (F.col("source") == source.name) & (F.col("batch_id") == batch_id)
    return lake.read(bronze.RECORDS).where(is_mine)


def _measured(files: Any, status: Any) -> tuple[int, int]:
    """Bytes and newest time of modification (ms) of a file, or of all files of a folder."""
    if not status.isDirectory():
        return int(status.getLen()), int(status.getModificationTime())
    size, modified = 0, 0
    inner = files.listFiles(status.getPath(), True)
    while inner.hasNext():
        one = inner.next()
        if not str(one.getPath().getName()).startswith(("_", ".")):
            size += int(one.getLen())
            modified = max(modified, int(one.getModificationTime()))
    return size, modified
