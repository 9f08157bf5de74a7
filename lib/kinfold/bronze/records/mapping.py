"""Mapping of extracts: rows of files become records, with the errors of each."""

from collections.abc import Mapping
from datetime import datetime

from pyspark.sql import Column, DataFrame, functions as F, types as T

from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.sources.expressions import checked_column
from kinfold.bronze.sources.files import Rows
from kinfold.bronze.sources.partial_dates import dated
from kinfold.tables.bronze import CLOCK_TOLERANCE

NO_RECORD_ID = "/record_id: missing"
NO_IDENTIFIER = "/identifiers: none has a value"
NO_CHANGED_AT = "/changed_at: missing or not a time with a full date"
AFTER_LANDED = "/changed_at: more than 1 day after ingestion"

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
    evaluated = _evaluated(rows, source)
    is_deletion, is_readable = F.col("is_deletion"), F.col("_unreadable").isNull()
    no_identifiers = F.lit(None).cast(_TEXTS)
    identifiers = F.when(~is_deletion, _valued("_identifiers", source.identifiers))
    return evaluated.select(
        F.coalesce("_record_id", F.lit("")).alias("record_id"),
        F.when(is_readable, _content_hash(source))
        .otherwise(F.sha2(F.coalesce("raw", F.lit("")), 256))
        .alias("content_hash"),
        "raw",
        F.when(is_readable, _errors(source, landed_at=landed_at))
        .otherwise(F.array("_unreadable"))
        .alias("errors"),
        "is_deletion",
        "changed_at",
        F.coalesce(identifiers, no_identifiers).alias("identifiers"),
        F.when(~is_deletion, _valued("_traits", source.traits)).alias("traits"),
    )


def _evaluated(rows: Rows, source: RecordSource) -> DataFrame:
    """The values of the source's expressions.

    Returns:
        One row per row: raw, is_deletion, changed_at, _unreadable, _record_id, and structs of texts
        _identifiers and _traits.
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

    record_id = text("record_id", source.record_id)
    is_deletion, changed_at = F.lit(False), F.lit(None).cast("timestamp")
    if source.deleted:
        is_deletion = F.coalesce(column("deleted", source.deleted).cast("boolean"), F.lit(False))
    if source.changed_at:
        where = f"{source.display_path}: changed_at"
        changed_at = dated(rows.frame, column("changed_at", source.changed_at), where=where)
    return rows.frame.select(
        rows.raw.alias("raw"),
        rows.unreadable.cast("string").alias("_unreadable"),
        F.when(rows.unreadable.isNull(), record_id).alias("_record_id"),
        is_deletion.alias("is_deletion"),
        changed_at.alias("changed_at"),
        texts("identifiers", source.identifiers).alias("_identifiers"),
        texts("traits", source.traits).alias("_traits"),
    )


def _errors(source: RecordSource, *, landed_at: datetime) -> Column:
    """What is wrong with a readable row, see `_evaluated`; empty for a usable one."""
    is_deletion, changed_at = F.col("is_deletion"), F.col("changed_at")
    identifier_count = F.size(_valued("_identifiers", source.identifiers))
    latest = F.lit(landed_at + CLOCK_TOLERANCE)
    checks = (
        (NO_RECORD_ID, F.col("_record_id").isNull()),
        (NO_IDENTIFIER, ~is_deletion & (identifier_count == 0)),
        (NO_CHANGED_AT, changed_at.isNull() & F.lit(source.changed_at is not None)),
        (AFTER_LANDED, F.coalesce(changed_at > latest, F.lit(False))),
    )
    return F.array_compact(F.array(*(F.when(fails, F.lit(reason)) for reason, fails in checks)))


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
