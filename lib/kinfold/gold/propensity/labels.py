"""Labels: the people who bought within a horizon after a moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame, functions as F

from kinfold.silver.orders.states import NOT_BOUGHT, order_states, stored_statements


def purchases_within(
    orders: DataFrame,
    *,
    as_ofs: Sequence[datetime],
    horizon_days: int,
    known_by: datetime | None = None,
) -> DataFrame:
    """The people who bought at or after each moment and before the end of its horizon.

    An order was bought when its first purchase occurred: a thank-you page that was loaded again
    later is no purchase, and neither is a cancelled order.

    Args:
        orders: silver.orders. The function reads profile_id, status and ordered_at; with `known_by`
            profile_id, order_key and events.
        as_ofs: moments with a time zone.
        known_by: events that arrived at or after this moment are ignored, so that an earlier
            training can be reproduced. None: no event is ignored.

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
    if known_by is not None:
        known = stored_statements(orders).where(F.col("received_at") < F.lit(known_by))
        orders = order_states(known, by=["profile_id", "order_key"])
    is_bought = ~F.col("status").isin(*NOT_BOUGHT) & F.col("profile_id").isNotNull()
    is_in_window = (F.col("ordered_at") >= F.col("window.as_of")) & (
        F.col("ordered_at") < F.col("window.ends_at")
    )
    return (
        orders.where(is_bought)
        .select("profile_id", "ordered_at", F.explode(windows).alias("window"))
        .where(is_in_window)
        .groupBy("profile_id", F.col("window.as_of").alias("as_of"))
        .agg(F.lit(True).alias("buys"))
    )
