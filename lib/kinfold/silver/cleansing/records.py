"""Current records of batch sources, with normalised identifiers."""

from datetime import date, datetime

from pyspark.sql import DataFrame, functions as F

from kinfold.bronze.records.versions import current_versions, unexpired_versions
from kinfold.silver.cleansing.dates import is_before
from kinfold.silver.cleansing.identifiers import Spelling, read_identifiers
from kinfold.tables import silver
from kinfold.tables.bronze import ACCEPTED


def expiry_moment(started_at: datetime, *, as_of: datetime | None) -> datetime:
    """The moment at which records are checked for expiry: the later of the run's start and `as_of`.

    An `as_of` in the past does not restore records that must not be stored any more.
    """
    return max(started_at, as_of) if as_of else started_at


def current_records(
    versions: DataFrame, *, at: datetime, spelling: Spelling, earliest: date
) -> DataFrame:
    """One row per record that is neither deleted nor expired.

    Args:
        versions: bronze.records.
        at: records whose time to live ends at this moment or before are expired.
        spelling: how identifiers are normalised.
        earliest: times before this day (UTC) are defaults of sources.

    Returns:
        silver.records columns.
    """
    is_stored = ~F.col("is_deletion")
    read = read_identifiers(F.col("identifiers"), spelling)
    versions = versions.withColumn("_read", read).select(
        *(c for c in versions.columns if c != "identifiers"), "_read.*"
    )
    existing = unexpired_versions(current_versions(versions), at=at).where(is_stored)
    accepted = versions.where((F.col("verdict") == ACCEPTED) & is_stored)
    since = _identifiers_since(unexpired_versions(accepted, at=at), earliest=earliest)
    return existing.join(since, list(silver.RECORDS.key), how="left").select(
        "source",
        "record_id",
        "identifiers",
        F.transform("identifiers", lambda one: F.col("_since")[one]).alias("identifiers_since"),
        "dropped_identifiers",
        "traits",
        "party",
        "agreement",
        "purposes",
        "changed_at",
        is_before("changed_at", earliest).alias("is_before_earliest"),
        "expires_at",
        "content_hash",
        "batch_id",
        "ingested_at",
    )


def _identifiers_since(versions: DataFrame, *, earliest: date) -> DataFrame:
    """Since when each record has each of its identifiers: the time of the first version with it.

    Returns:
        source, record_id and _since: a map of identifier to time; no row without identifiers.
    """
    key = silver.RECORDS.key
    is_made_up = is_before("changed_at", earliest)
    seen_at = F.when(is_made_up, F.col("ingested_at")).otherwise(F.col("changed_at"))
    return (
        versions.select(*key, seen_at.alias("at"), F.explode("identifiers").alias("one"))
        .groupBy(*key, "one")
        .agg(F.min("at").alias("at"))
        .groupBy(*key)
        .agg(F.map_from_entries(F.collect_list(F.struct("one", "at"))).alias("_since"))
    )


def has_expired(records: DataFrame, *, at: datetime) -> bool:
    """Whether the time to live of any record has ended."""
    return not records.where(F.col("expires_at") <= F.lit(at)).isEmpty()


def removed_records(before: DataFrame, now: DataFrame) -> DataFrame:
    """The records that existed before and do not exist now: source, record_id."""
    key = list(silver.RECORDS.key)
    return before.select(*key).join(now.select(*key), key, how="anti")
