"""Events and records by person."""

from pyspark.sql import DataFrame, functions as F


def attributed_events(events: DataFrame, identity_map: DataFrame) -> DataFrame:
    """Events with the person they belong to; anonymous events (no usable identifier) are left out.

    All identifiers of an event are linked, so any of them names the person; the first is taken. The
    same holds for records.

    Args:
        events: silver.events, or silver.records.
        identity_map: namespace, value, profile_id.

    Returns:
        The columns of `events` and profile_id; one row per event.
    """
    people = identity_map.select(
        F.col("namespace").alias("_namespace"), F.col("value").alias("_value"), "profile_id"
    )
    first = F.col("identifiers")[0]
    return (
        events.where(F.size("identifiers") > 0)
        .withColumns({"_namespace": first["namespace"], "_value": first["value"]})
        .join(people, ["_namespace", "_value"], how="inner")
        .drop("_namespace", "_value")
    )
