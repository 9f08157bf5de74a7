"""Versions of records: which records of an extract are new versions.

Pure functions: records are compared with the known versions, and records that a snapshot leaves out
become deletions.
"""

from datetime import datetime, timedelta

from pyspark.sql import DataFrame, Window, functions as F

from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.records.mapping import MAPPED
from kinfold.tables.bronze import ACCEPTED, REJECTED

NEW = "new"
UNCHANGED = "unchanged"

CONTRADICTED = "/record_id: rows of the extract differ and none is newer"
OUTDATED = "/record_id: the snapshot has a newer row of the record"


def compared_versions(records: DataFrame, known: DataFrame, source: RecordSource) -> DataFrame:
    """The records of one extract with an outcome: new, unchanged or rejected.

    Rows of one record that differ are all rejected if they have the same `changed_at`. If one is
    newer, a snapshot keeps only the newest and rejects the others; a delta keeps them all.

    Args:
        records: see `mapped_records`.
        known: record_id, content_hash of the known versions (see `known_versions`).

    Returns:
        One row per row of `records`: its columns with the final `errors`, `copy` (0, 1, ... of rows
        with equal record_id and content_hash) and `outcome`: `new`, `unchanged` (a known version,
        or a copy of another row) or `rejected`.
    """
    numbered = records.withColumns(
        {
            "_is_usable": F.size("errors") == 0,
            "copy": F.row_number().over(
                Window.partitionBy("record_id", "content_hash").orderBy("raw")
            )
            - 1,
        }
    )
    # Unusable rows are not compared; by their hash, rows without an id do not share one window.
    unusable = F.when(~F.col("_is_usable"), F.col("content_hash"))
    of_record = Window.partitionBy("_is_usable", "record_id", unusable)
    of_moment = Window.partitionBy("_is_usable", "record_id", unusable, "changed_at")
    compared = numbered.withColumns(
        {
            "_newest": F.max("changed_at").over(of_record),
            "_first_hash": F.min("content_hash").over(of_moment),
            "_last_hash": F.max("content_hash").over(of_moment),
        }
    )
    is_contradicted = F.col("_first_hash") != F.col("_last_hash")
    is_outdated = F.coalesce(F.col("changed_at") < F.col("_newest"), F.lit(False))
    conflict = F.when(is_contradicted, F.array(F.lit(CONTRADICTED)))
    if source.delivery == "snapshot":
        conflict = F.when(is_outdated, F.array(F.lit(OUTDATED))).otherwise(conflict)
    checked = compared.withColumn(
        "errors",
        F.when(F.col("_is_usable"), F.coalesce(conflict, "errors")).otherwise(F.col("errors")),
    )
    is_unchanged = F.coalesce(F.col("_is_known"), F.lit(False)) | (F.col("copy") > 0)
    outcome = (
        F.when(F.size("errors") > 0, F.lit(REJECTED))
        .when(is_unchanged, F.lit(UNCHANGED))
        .otherwise(F.lit(NEW))
    )
    return checked.join(
        known.select("record_id", "content_hash", F.lit(True).alias("_is_known")),
        ["record_id", "content_hash"],
        how="left",
    ).select(*records.columns, "copy", outcome.alias("outcome"))


def current_versions(records: DataFrame) -> DataFrame:
    """The current version of each record, deletions included.

    Args:
        records: bronze.records, of any sources.

    Returns:
        One row per source and record_id, same columns: the accepted version with the latest
        `effective_at`; of equal ones the last that landed.
    """
    newest_first = Window.partitionBy("source", "record_id").orderBy(
        F.desc("effective_at"), F.desc("batch_id"), F.desc("content_hash"), "copy"
    )
    return (
        records.where(F.col("verdict") == ACCEPTED)
        .withColumn("_rank", F.row_number().over(newest_first))
        .where("_rank = 1")
        .drop("_rank")
    )


def unexpired_versions(records: DataFrame, *, at: datetime) -> DataFrame:
    """The records that have not expired at a moment; a null `expires_at` never expires."""
    return records.where(F.col("expires_at").isNull() | (F.col("expires_at") > F.lit(at)))


def known_versions(records: DataFrame, source: RecordSource, *, at: datetime) -> DataFrame:
    """The versions that count as unchanged when they are delivered again.

    These are the current versions. So A, then B, then A again are three versions. Of a delta with
    `changed_at` they are all versions: its hash includes the time, so a late copy of an old version
    is known. An expired version never counts: delivered again, it lands again with a new expiry.

    Args:
        records: bronze.records of the source.

    Returns:
        record_id, content_hash, distinct.
    """
    is_ordered = source.delivery == "delta" and source.changed_at is not None
    accepted = records.where(F.col("verdict") == ACCEPTED)
    versions = accepted if is_ordered else current_versions(records)
    return unexpired_versions(versions, at=at).select("record_id", "content_hash").distinct()


def missing_record_ids(current: DataFrame, records: DataFrame) -> DataFrame:
    """The ids of known records that a snapshot leaves out: record_id.

    A record whose row is rejected is not missing.

    Args:
        current: the current versions (see `current_versions`).
        records: the snapshot's records (see `mapped_records`).
    """
    known = current.where(~F.col("is_deletion")).select("record_id")
    return known.join(records.select("record_id"), "record_id", how="anti")


def deletions(record_ids: DataFrame) -> DataFrame:
    """One new version per record id that reports the record as deleted; see `compared_versions`."""
    values = {
        "content_hash": F.sha2(F.lit('{"is_deletion":true}'), 256),
        "raw": F.lit(None),
        "errors": F.array(),
        "is_deletion": F.lit(True),
        "changed_at": F.lit(None),
        "identifiers": F.lit(None),
        "traits": F.lit(None),
    }
    return record_ids.select(
        "record_id",
        *(values[f.name].cast(f.dataType).alias(f.name) for f in MAPPED if f.name in values),
        F.lit(0).alias("copy"),
        F.lit(NEW).alias("outcome"),
    )


def landed_versions(
    compared: DataFrame, source: RecordSource, *, extract: str, batch_id: int, landed_at: datetime
) -> DataFrame:
    """The rows of bronze.records that an extract adds: its new versions and its rejected rows.

    A row expires `ttl_days` after it has landed, also a rejected one and a deletion, which have the
    text as received: an agreement counts from when you received the data, and the sender's
    `changed_at` may be years old.

    Args:
        compared: see `compared_versions`.
    """
    is_accepted = F.col("outcome") == NEW
    changed_at = F.coalesce(F.col("changed_at"), F.lit(landed_at))
    expires_at = landed_at + timedelta(days=source.ttl_days) if source.ttl_days else None
    nothing = F.lit(None)
    return compared.where(F.col("outcome") != UNCHANGED).select(
        F.lit(source.name).alias("source"),
        "record_id",
        "content_hash",
        F.lit(batch_id).cast("bigint").alias("batch_id"),
        "copy",
        F.lit(extract).alias("extract"),
        F.lit(landed_at).alias("ingested_at"),
        "raw",
        F.when(is_accepted, F.lit(ACCEPTED)).otherwise(F.lit(REJECTED)).alias("verdict"),
        "errors",
        "is_deletion",
        F.lit(source.party).alias("party"),
        F.lit(source.agreement).alias("agreement"),
        F.array(*map(F.lit, source.purposes)).alias("purposes"),
        F.when(is_accepted, changed_at).otherwise(F.col("changed_at")).alias("changed_at"),
        # The last snapshot is current whatever its dates are; a late delta changes no newer state.
        F.when(is_accepted, changed_at if source.delivery == "delta" else F.lit(landed_at)).alias(
            "effective_at"
        ),
        F.lit(expires_at).cast("timestamp").alias("expires_at"),
        F.when(is_accepted, F.col("identifiers")).otherwise(nothing).alias("identifiers"),
        F.when(is_accepted, F.col("traits")).otherwise(nothing).alias("traits"),
    )
