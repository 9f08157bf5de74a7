"""Labels: the people who bought within a horizon after a moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, functions as F


def purchases_within(
    events: DataFrame,
    *,
    as_ofs: Sequence[datetime],
    horizon_days: int,
    known_by: datetime | None = None,
) -> DataFrame:
    """The people who bought at or after each moment and before the end of its horizon.

    Args:
        events: silver.events with profile_id. The function reads profile_id, event_type,
            occurred_at and received_at.
        as_ofs: moments with a time zone.
        known_by: purchases that arrived at or after this moment are ignored, so that an earlier
            training can be reproduced. None: no purchase is ignored.

    Returns:
        One row per buyer: profile_id, as_of, buys (always true). People who did not buy are absent.

    Raises:
        ValueError: `as_ofs` is empty, a moment has no time zone, or the horizon is not positive.
    """
    if not as_ofs or any(moment.tzinfo is None for moment in as_ofs):
        raise ValueError(
            f"purchases_within: as_ofs is {[m.isoformat() for m in as_ofs]}, "
            "expected at least one moment, each with a time zone."
        )
    if horizon_days < 1:
        raise ValueError(f"purchases_within: horizon_days is {horizon_days}, expected 1 or more.")
    horizon = timedelta(days=horizon_days)
    windows = F.array(
        *(
            F.struct(F.lit(m).alias("as_of"), F.lit(m + horizon).alias("ends_at"))
            for m in sorted(set(as_ofs))
        )
    )
    is_purchase = (F.col("event_type") == "purchase") & F.col("profile_id").isNotNull()
    is_known = F.lit(True) if known_by is None else F.col("received_at") < F.lit(known_by)
    is_in_window = (F.col("occurred_at") >= F.col("window.as_of")) & (
        F.col("occurred_at") < F.col("window.ends_at")
    )
    return (
        events.where(is_purchase & is_known)
        .select("profile_id", "occurred_at", F.explode(windows).alias("window"))
        .where(is_in_window)
        .groupBy("profile_id", F.col("window.as_of").alias("as_of"))
        .agg(F.lit(True).alias("buys"))
    )
