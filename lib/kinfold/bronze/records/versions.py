"""Versions of records: the records of an extract, and which of them are new versions.

Pure functions: rows of an extract become records; records are compared with the known versions;
records that a snapshot leaves out become deletions.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame, Window, functions as F, types as T

from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.sources.expressions import checked_column
from kinfold.bronze.sources.files import Rows
from kinfold.tables.bronze import ACCEPTED, CLOCK_TOLERANCE, REJECTED

NEW = "new"
UNCHANGED = "unchanged"

NO_RECORD_ID = "/record_id: missing"
NO_IDENTIFIER = "/identifiers: none has a value"
NO_CHANGED_AT = "/changed_at: missing or not a time"
AFTER_LANDED = "/changed_at: more than 1 day after ingestion"
CONTRADICTED = "/record_id: rows of the extract differ and none is newer"
OUTDATED = "/record_id: the snapshot has a newer row of the record"

_TEXTS = T.MapType(T.StringType(), T.StringType())
MAPPED = T.StructType(
    [
        T.StructField("record_id", T.StringType()),
        T.StructField("content_hash", T.StringType()),
        T.StructField("raw", T.StringType()),
        T.StructField("errors", T.ArrayType(T.StringType())),
        T.StructField("is_deletion", T.BooleanType()),
        T.StructField("changed_at", T.TimestampType()),
        T.StructField("identifiers", _TEXTS),
        T.StructField("traits", _TEXTS),
    ]
)


def mapped_records(rows: Rows, source: RecordSource, *, landed_at: datetime) -> DataFrame:
    """The records that the rows of an extract map to, with the errors of each.

    Args:
        rows: from a session in the source's zone (see `mapping_session`).
        landed_at: a `changed_at` more than `CLOCK_TOLERANCE` later is an error.

    Returns:
        One row per row, columns of `MAPPED`. `record_id` is empty if there is none. `errors` is
        empty exactly for usable records. `changed_at` is null if the source does not declare it.
        Identifiers and traits without a value are left out; a deletion has none at all.

    Raises:
        ConfError: an expression is not valid, or names a column that the data does not have.
    """

    def column(key: str, expression: str) -> Column:
        where = f"{source.display_path}: {key}"
        return checked_column(rows.frame, expression, columns=rows.columns, where=where)

    def text(key: str, expression: str) -> Column:
        value = column(key, expression)
        kind = rows.frame.select(value).schema[0].dataType
        # As JSON: cast to text, the lists ["a", "b"] and ["a, b"] would be equal.
        is_nested = isinstance(kind, T.StructType | T.ArrayType | T.MapType)
        as_text = F.to_json(value) if is_nested else value.cast("string")
        return F.nullif(F.trim(as_text), F.lit(""))

    def texts(part: str, expressions: Mapping[str, str]) -> Column:
        """Sorted by name: the order in the source file must not change the content hash."""
        if not expressions:
            return F.lit(None).cast("struct<none:string>")
        return F.struct(*(text(f"{part}.{n}", e).alias(n) for n, e in sorted(expressions.items())))

    is_readable = rows.unreadable.isNull()
    no_time = F.lit(None).cast("timestamp")
    read = rows.frame.select(
        rows.raw.alias("raw"),
        rows.unreadable.cast("string").alias("_unreadable"),
        F.when(is_readable, text("record_id", source.record_id)).alias("_record_id"),
        (
            F.coalesce(column("deleted", source.deleted).cast("boolean"), F.lit(False))
            if source.deleted
            else F.lit(False)
        ).alias("is_deletion"),
        (
            column("changed_at", source.changed_at).cast("timestamp")
            if source.changed_at
            else no_time
        ).alias("changed_at"),
        texts("identifiers", source.identifiers).alias("_identifiers"),
        texts("traits", source.traits).alias("_traits"),
    )
    is_deletion, changed_at = F.col("is_deletion"), F.col("changed_at")
    none = F.lit(None).cast(_TEXTS)
    identifiers = F.when(~is_deletion, _valued("_identifiers", source.identifiers))
    checks = (
        (NO_RECORD_ID, F.col("_record_id").isNull()),
        (NO_IDENTIFIER, ~is_deletion & (F.size(_valued("_identifiers", source.identifiers)) == 0)),
        (NO_CHANGED_AT, changed_at.isNull() & F.lit(source.changed_at is not None)),
        (
            AFTER_LANDED,
            F.coalesce(changed_at > F.lit(landed_at + CLOCK_TOLERANCE), F.lit(False)),
        ),
    )
    errors = F.when(
        F.col("_unreadable").isNull(),
        F.array_compact(F.array(*(F.when(fails, F.lit(reason)) for reason, fails in checks))),
    ).otherwise(F.array("_unreadable"))
    return read.select(
        F.coalesce("_record_id", F.lit("")).alias("record_id"),
        F.when(F.col("_unreadable").isNull(), _content_hash(source))
        .otherwise(F.sha2(F.coalesce("raw", F.lit("")), 256))
        .alias("content_hash"),
        "raw",
        errors.alias("errors"),
        "is_deletion",
        "changed_at",
        F.coalesce(identifiers, none).alias("identifiers"),
        F.when(~is_deletion, _valued("_traits", source.traits)).alias("traits"),
    )


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

    A version expires `ttl_days` after it has landed: an agreement counts from when you received the
    data, and the sender's `changed_at` may be years old.

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
        F.when(is_accepted & ~F.col("is_deletion"), F.lit(expires_at).cast("timestamp")).alias(
            "expires_at"
        ),
        F.when(is_accepted, F.col("identifiers")).otherwise(nothing).alias("identifiers"),
        F.when(is_accepted, F.col("traits")).otherwise(nothing).alias("traits"),
    )


def _valued(struct: str, names: Mapping[str, str]) -> Column:
    """The members of a struct that have a value, as a map."""
    if not names:
        return F.create_map().cast(_TEXTS)
    pairs = [part for name in sorted(names) for part in (F.lit(name), F.col(struct).getField(name))]
    return F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull())


def _content_hash(source: RecordSource) -> Column:
    """Hash of everything that is mapped, and of the terms of the source.

    The hashed text is JSON with nulls, so absent, empty and shifted parts differ.
    """
    parts = F.struct(
        "is_deletion",
        F.unix_micros("changed_at").alias("changed_at"),
        F.col("_identifiers").alias("identifiers"),
        F.col("_traits").alias("traits"),
        F.lit(source.party).alias("party"),
        F.lit(source.agreement).alias("agreement"),
        F.array(*map(F.lit, source.purposes)).alias("purposes"),
        F.lit(source.ttl_days).alias("ttl_days"),
    )
    return F.sha2(F.to_json(parts, {"ignoreNullFields": "false"}), 256)
