"""Default `as_of` of the gold tables, taken from the data."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, functions as F

from kinfold.core.errors import ContractError
from kinfold.tables.collected import collected

# Moments are read as whole numbers since this instant, because Spark returns timestamps to Python
# without a time zone, in local time.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000


def default_as_of(events: DataFrame, *, now: datetime) -> datetime:
    """The moment of the gold tables if no `as_of` is set; never later than `now`. Runs a Spark job.

    It is midnight (UTC) after the last complete day on which an event was received: a day of which
    more events may come would give other features in every run. If all events were received today,
    it is the moment after the last of them.

    The arrival time is used because the clock of a sender may be wrong: one event dated 2099 would
    make every person look inactive. Arrivals after `now` are ignored for the same reason.

    Args:
        now: when the run started.

    Raises:
        ContractError: `events` is empty.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    arrived = F.unix_micros("received_at")
    count, last_before_today, last = collected(
        events.agg(
            F.count(F.lit(1)),
            *(F.max(F.when(arrived < _micros(limit), arrived)) for limit in (today, now)),
        )
    )[0]
    if not count:
        raise ContractError(
            "silver.events: the table is empty, expected at least one event. Check the rejection "
            "reasons in bronze.events, or run jobs/bronze/ingest_events.py and "
            "jobs/silver/clean_events.py."
        )
    if last_before_today is not None:
        return EPOCH + timedelta(days=last_before_today // _DAY_US + 1)
    return now if last is None else EPOCH + timedelta(microseconds=last + 1)


def newest_moment(features: DataFrame) -> datetime:
    """The latest `as_of` of gold.features. Runs a Spark job.

    Raises:
        ContractError: `features` is empty.
    """
    newest = collected(features.agg(F.unix_micros(F.max("as_of"))))[0][0]
    if newest is None:
        raise ContractError(
            "gold.features: the table is empty, expected at least one person. Check "
            "silver.identifiers: are there events with a usable identifier before as_of? Then run "
            "jobs/gold/build_features.py."
        )
    return EPOCH + timedelta(microseconds=newest)


def moments_of(rows: DataFrame) -> set[datetime]:
    """The distinct `as_of` of rows. Runs a Spark job."""
    moments = collected(rows.select(F.unix_micros("as_of").alias("at")).distinct())
    return {EPOCH + timedelta(microseconds=row["at"]) for row in moments}


def rows_at(rows: DataFrame, as_of: datetime) -> DataFrame:
    """The rows of one `as_of`."""
    return rows.where(F.col("as_of") == F.lit(as_of))


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
