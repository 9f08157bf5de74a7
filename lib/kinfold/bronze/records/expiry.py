"""Expired records: rows of bronze.records whose time to live has ended are deleted.

The ledger gets a row before the commit that deletes. If a run is killed between the two, the next
one replaces that row.
"""

from datetime import datetime

from pyspark.sql import DataFrame, functions as F

from kinfold.bronze.records.landing import STAGE
from kinfold.bronze.records.versions import current_versions
from kinfold.governance.table_counts import EXPIRED, unfinished_expiry
from kinfold.runtime.caching import cached, caching_scope
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze, ops
from kinfold.tables.collected import collected


def delete_expired(lake: Lake) -> dict[str, int]:
    """Delete the expired rows of all batch sources; the caller owns the lock of bronze.records.

    The moment is the clock's, never `as_of`: nothing brings the rows back.

    Returns:
        expired: the number of deleted rows; empty if there are none.
    """
    if not lake.exists(bronze.RECORDS) or not lake.exists(ops.BATCHES):
        return {}
    batches, version = lake.read(ops.BATCHES), lake.version(bronze.RECORDS)
    unfinished = unfinished_expiry(lake, batches, version=version)
    if unfinished is not None:
        is_it = (F.col("stage") == EXPIRED) & (F.col("batch_id") == unfinished)
        lake.delete(ops.BATCHES, is_it)
    # The rows of an extract that the ledger does not have yet are counted first.
    recorded = batches.where(F.col("stage") == STAGE).select("source", "batch_id")
    rows = expired_rows(lake.read(bronze.RECORDS), at=lake.started_at)
    with caching_scope():
        rows = cached(rows.join(recorded, ["source", "batch_id"], how="semi"))
        is_accepted = F.col("verdict") == bronze.ACCEPTED
        counts = rows.groupBy("source").agg(
            F.count_if(is_accepted).alias("accepted"), F.count_if(~is_accepted).alias("rejected")
        )
        entries = [
            dict(
                stage=EXPIRED,
                batch_id=version,
                records_in=row["accepted"] + row["rejected"],
                unpacked=0,
                added=0,
                duplicates=0,
                table_version=version,
                run_id=lake.run_id,
                recorded_at=lake.started_at,
                **row.asDict(),
            )
            for row in collected(counts)
        ]
        if not entries:
            return {}
        lake.append_record(ops.BATCHES, entries)
        lake.delete_keys(bronze.RECORDS, rows)
    return {"expired": sum(entry["records_in"] for entry in entries)}


def expired_rows(records: DataFrame, *, at: datetime) -> DataFrame:
    """The rows that must not be stored any more.

    These are the rows whose time to live has ended. If the current version of a record is one of
    them, its older versions are too, however late they arrived: without the newest one, an old one
    would become current again.

    Args:
        records: bronze.records.

    Returns:
        bronze.records columns.
    """
    has_expired = F.coalesce(F.col("expires_at") <= F.lit(at), F.lit(False))
    ended = current_versions(records).where(has_expired).select("source", "record_id")
    with_end = records.join(
        ended.withColumn("_has_ended", F.lit(True)), ["source", "record_id"], how="left"
    )
    is_version_of_ended = (F.col("verdict") == bronze.ACCEPTED) & F.col("_has_ended").isNotNull()
    return with_end.where(has_expired | is_version_of_ended).select(*records.columns)
