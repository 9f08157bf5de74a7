"""The records of batch sources that hold today, in comparable form."""

from datetime import datetime

from pyspark.sql import DataFrame, functions as F

from kinfold.bronze.records.versions import current_versions, unexpired_versions
from kinfold.silver.cleansing.identifiers import Spelling, e164_phone, normalised_identifiers
from kinfold.tables import silver


def expiry_moment(started_at: datetime, *, as_of: datetime | None) -> datetime:
    """The moment by which records expire: the run's `as_of` where it lies ahead, else now.

    An `as_of` of the past does not bring back what may no longer be held.
    """
    return max(started_at, as_of) if as_of else started_at


def current_records(versions: DataFrame, *, at: datetime, spelling: Spelling) -> DataFrame:
    """One row per record that is there: not gone, and its time to live not passed.

    Args:
        versions: bronze.records.
        at: the moment by which a record may have expired.
        spelling: how identifiers become comparable.

    Returns:
        silver.records columns.
    """
    there = unexpired_versions(current_versions(versions), at=at).where(~F.col("is_deletion"))
    with_phone = there.withColumn(
        "_phone", e164_phone(F.col("identifiers")["phone"], region=spelling.phone_region)
    )
    return with_phone.withColumn(
        "identifiers",
        normalised_identifiers(F.col("identifiers"), F.col("_phone"), spelling),
    ).select(
        "source",
        "record_id",
        "identifiers",
        "traits",
        "party",
        "agreement",
        "purposes",
        "changed_at",
        "expires_at",
        "content_hash",
        "batch_id",
    )


def has_expired(records: DataFrame, *, at: datetime) -> bool:
    """Whether the time to live of any of the records has passed."""
    return not records.where(F.col("expires_at") <= F.lit(at)).isEmpty()


def removed_records(before: DataFrame, now: DataFrame) -> DataFrame:
    """The records that are no longer there: source, record_id."""
    key = list(silver.RECORDS.key)
    return before.select(*key).join(now.select(*key), key, how="anti")
