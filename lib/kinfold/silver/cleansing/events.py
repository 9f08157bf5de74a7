"""Accepted bronze records as typed events, one row per event_id."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.lake.change_feed import CHANGE_TYPE, COMMIT_VERSION
from kinfold.silver.cleansing.duplicates import first_landed
from kinfold.silver.cleansing.identifiers import Spelling, e164_phone, normalised_identifiers
from kinfold.tables.bronze import ACCEPTED

_PROPERTIES = (
    "order_id",
    "product_id",
    "category",
    "quantity",
    "amount_cents",
    "currency",
    "purpose",
    "decision",
)


def accepted_records(changes: DataFrame) -> DataFrame:
    """The accepted records of a change feed of bronze.events, with the version that added them.

    Returns:
        bronze.events columns and bronze_version.
    """
    is_accepted = (F.col(CHANGE_TYPE) == "insert") & (F.col("verdict") == ACCEPTED)
    return (
        changes.where(is_accepted)
        .withColumnRenamed(COMMIT_VERSION, "bronze_version")
        .drop(CHANGE_TYPE)
    )


def cleansed_events(
    records: DataFrame,
    *,
    spelling: Spelling,
    late_after: timedelta,
) -> DataFrame:
    """Typed events, one row per event_id: the first record that landed.

    Only duplicates are dropped: a property that cannot be cast to its type becomes null, and an
    identifier that cannot be used is omitted.

    Args:
        records: accepted records with bronze_version (see `accepted_records`).
        spelling: how identifiers become comparable.
        late_after: an event is late if it was received more than this after it occurred.

    Returns:
        silver.events columns.
    """
    arrived_at = F.coalesce("received_at", "kafka.timestamp")
    # A native event is its raw text. If a member occurs twice, both parsers take the last one.
    parsed = F.from_json(F.coalesce("event", "raw"), "struct<properties:string>")
    extracted = first_landed(records).select("*", parsed["properties"].alias("properties"))
    extracted = extracted.select(
        "*",
        e164_phone(F.col("identifiers")["phone"], region=spelling.phone_region).alias("_phone"),
        F.json_tuple("properties", *_PROPERTIES).alias(*(f"_{p}" for p in _PROPERTIES)),
    )
    return extracted.select(
        "event_id",
        "event_type",
        "source",
        "occurred_at",
        F.coalesce("received_at", "occurred_at").alias("received_at"),
        (arrived_at > F.col("occurred_at") + F.lit(late_after)).alias("is_late"),
        normalised_identifiers(F.col("identifiers"), F.col("_phone"), spelling).alias(
            "identifiers"
        ),
        trimmed("_order_id").alias("order_id"),
        trimmed("_product_id").alias("product_id"),
        F.lower(trimmed("_category")).alias("category"),
        whole_number("_quantity").alias("quantity"),
        whole_number("_amount_cents").alias("amount_cents"),
        trimmed("_currency").alias("currency"),
        trimmed("_purpose").alias("consent_purpose"),
        trimmed("_decision").alias("consent_decision"),
        "properties",
        "source_partition",
        "source_offset",
        "record_index",
        "bronze_version",
    )


def trimmed(column: str) -> Column:
    """Text without leading and trailing blanks; null if nothing is left."""
    return F.nullif(F.trim(F.col(column)), F.lit(""))


def whole_number(column: str) -> Column:
    """Text as a 64-bit integer, also when written `3.0`; null if it is not a number."""
    # Through a decimal: a double loses cents above 2^53, and a direct cast refuses "3.0".
    return F.col(column).try_cast("decimal(38,6)").try_cast("bigint")
