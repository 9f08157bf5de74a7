"""The person that an identifier belongs to, today and at a moment in the past."""

from datetime import datetime

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.silver.identity.graph.nodes import comparison_hash
from kinfold.tables.collected import collected


def current(identity_map: DataFrame) -> DataFrame:
    """Today's rows of silver.identity_map: one per identifier that belongs to a person."""
    return identity_map.where(F.col("valid_to").isNull())


def identity_as_of(identity_map: DataFrame, moment: datetime | Column) -> DataFrame:
    """The rows of silver.identity_map that were valid at a moment, whatever merged or split later.

    Args:
        moment: an instant, or a column of instants for a point-in-time join.
    """
    at = moment if isinstance(moment, Column) else F.lit(moment)
    is_open = F.col("valid_to").isNull() | (F.col("valid_to") > at)
    return identity_map.where((F.col("valid_from") <= at) & is_open)


def shared_nodes(bad_values: DataFrame) -> set[int]:
    """The nodes of shared identifiers, which belong to no person. They are few.

    Args:
        bad_values: silver.bad_values.
    """
    rows = collected(bad_values.where(F.col("status") == "set_aside").select("node_id"))
    return {row["node_id"] for row in rows}


def shared_hashes(bad_values: DataFrame) -> list[int]:
    """`comparison_hash` of the shared identifiers, ascending.

    Args:
        bad_values: silver.bad_values.
    """
    return comparison_hashes(bad_values.where(F.col("status") == "set_aside"))


def comparison_hashes(identifiers: DataFrame) -> list[int]:
    """`comparison_hash` of a few identifiers, ascending.

    Args:
        identifiers: namespace and value.
    """
    hashed = comparison_hash(F.col("namespace"), F.col("value")).alias("hash")
    return sorted(row["hash"] for row in collected(identifiers.select(hashed)))
