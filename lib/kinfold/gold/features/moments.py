"""The moment gold speaks of, where nobody named one."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, functions as F

from kinfold.core.errors import ContractError

# By whole numbers since here: Spark hands Python instants without a zone, in the machine's local
# time.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def end_of_last_day(events: DataFrame) -> datetime:
    """Midnight (UTC) after the last day on which an event was received. This runs a Spark job.

    By arrival, because a sender's clock may be wrong and one event of the year 2099 would make
    everybody look asleep.

    Raises:
        ContractError: there are no events.
    """
    last = events.agg(F.unix_date(F.to_date(F.max("received_at")))).collect()[0][0]
    if last is None:
        raise ContractError(
            "silver.events: holds no event, expected at least one. Look at the reasons of "
            "rejections in bronze.events, or run jobs/bronze/ingest_events.py and "
            "jobs/silver/clean_events.py."
        )
    return EPOCH + timedelta(days=last + 1)


def newest_moment(features: DataFrame) -> datetime:
    """The latest `as_of` of a features table. This runs a Spark job.

    Raises:
        ContractError: the table is empty.
    """
    newest = features.agg(F.unix_micros(F.max("as_of"))).collect()[0][0]
    if newest is None:
        raise ContractError(
            "gold.features: holds no row, expected at least one person. Are there events with a "
            "usable identifier before as_of? See silver.identifiers and "
            "jobs/gold/build_features.py."
        )
    return EPOCH + timedelta(microseconds=newest)
