"""Who an identifier belonged to, and when."""

from datetime import datetime

from pyspark.sql import Column, DataFrame, functions as F


def current(identity_map: DataFrame) -> DataFrame:
    """Today's rows of silver.identity_map: one per identifier that is somebody's."""
    return identity_map.where(F.col("valid_to").isNull())


def identity_as_of(identity_map: DataFrame, moment: datetime | Column) -> DataFrame:
    """The rows of silver.identity_map that held at a moment: what was believed then, unaffected by
    later merges and splits.

    Args:
        moment: an instant, or a column of one for a point-in-time join.
    """
    at = moment if isinstance(moment, Column) else F.lit(moment)
    is_open = F.col("valid_to").isNull() | (F.col("valid_to") > at)
    return identity_map.where((F.col("valid_from") <= at) & is_open)


def shared_nodes(bad_values: DataFrame) -> set[int]:
    """The nodes of silver.bad_values: they are few, and nobody's."""
    rows = bad_values.where(F.col("status") == "set_aside").select("node_id").collect()
    return {row["node_id"] for row in rows}
