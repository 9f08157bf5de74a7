"""Default `as_of` of the gold tables, taken from the data."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, functions as F

from kinfold.core.errors import ContractError

# Moments are read as whole numbers since this instant, because Spark returns timestamps to Python
# without a time zone, in local time.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def end_of_last_day(events: DataFrame) -> datetime:
    """Midnight (UTC) after the last day on which an event was received. Runs a Spark job.

    The arrival time is used because the clock of a sender may be wrong: one event dated 2099 would
    make every person look inactive.

    Raises:
        ContractError: `events` is empty.
    """
    last = events.agg(F.unix_date(F.to_date(F.max("received_at")))).collect()[0][0]
    if last is None:
        raise ContractError(
            "silver.events: the table is empty, expected at least one event. Check the rejection "
            "reasons in bronze.events, or run jobs/bronze/ingest_events.py and "
            "jobs/silver/clean_events.py."
        )
    return EPOCH + timedelta(days=last + 1)


def newest_moment(features: DataFrame) -> datetime:
    """The latest `as_of` of gold.features. Runs a Spark job.

    Raises:
        ContractError: `features` is empty.
    """
    newest = features.agg(F.unix_micros(F.max("as_of"))).collect()[0][0]
    if newest is None:
        raise ContractError(
            "gold.features: the table is empty, expected at least one person. Check "
            "silver.identifiers: are there events with a usable identifier before as_of? Then run "
            "jobs/gold/build_features.py."
        )
    return EPOCH + timedelta(microseconds=newest)


def rows_at(rows: DataFrame, as_of: datetime) -> DataFrame:
    """The rows of one `as_of`."""
    return rows.where(F.col("as_of") == F.lit(as_of))
