"""Connected components, in Spark, of a graph that does not fit in the memory of the driver.

Rounds of large star and small star (Kiveris et al., Connected Components in MapReduce and Beyond,
2014): each round connects nodes to smaller neighbours until every component is one star around its
smallest node. Each round is written and read back, so that query plans stay short without a
checkpoint folder.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, functions as F

from kinfold.core.arrays import Ints
from kinfold.core.errors import KinfoldError
from kinfold.silver.identity.graph.components import spanning_forest
from kinfold.tables.collected import first_row


class ContractionError(KinfoldError):
    """Components still change after the maximum number of rounds. Raise that maximum."""


def forest(edges: DataFrame) -> DataFrame:
    """The edges of a spanning forest of each partition: the same components with fewer edges.

    A partition of n nodes keeps at most n - 1 edges. Do not use it before guards: an edge that is
    redundant here may be needed once guards refuse other edges.

    Args:
        edges: left, right (bigint, never null) and any other columns.

    Returns:
        The remaining rows of `edges`, all columns. Which of several paths between two nodes remains
        depends on the order of the rows.
    """
    return edges.mapInArrow(_forest_of_partition, edges.schema)


def contracted_components(edges: DataFrame, *, scratch: str, max_rounds: int = 40) -> DataFrame:
    """The component of each node, named by its smallest node id.

    The result is read from files in `scratch`: use it before the folder is deleted, and give each
    call its own folder.

    Args:
        edges: left, right (bigint, never null). Duplicate edges and loops are allowed.
        scratch: a folder for the rounds, of which two exist at a time.
        max_rounds: the default is far more than needed: a chain of 20,000 nodes in random order
            takes twelve rounds.

    Returns:
        One row per node: node, component (bigint).

    Raises:
        ContractionError: components still change in the last round.
    """
    ends = edges.select("left", "right")
    # Forests and stars have no loops, so a node whose only edge is a loop would be missing.
    loops = ends.where("left = right").select("left").distinct()
    stars = _written(forest(ends), f"{scratch}/forest")
    before = _signature(stars)
    for number in range(max_rounds):
        stars = _written(_small_star(_large_star(stars)), f"{scratch}/round-{number % 2}")
        after = _signature(stars)
        if after == before:
            break
        before = after
    else:
        raise ContractionError(
            f"Components still change after {max_rounds} rounds of contraction. "
            "Raise max_rounds, or look for an extremely long chain of identifiers."
        )
    named = (
        stars.select(F.col("left").alias("node"), F.col("right").alias("component"))
        .unionByName(stars.select(F.col("right").alias("node"), F.col("right").alias("component")))
        .unionByName(loops.select(F.col("left").alias("node"), F.col("left").alias("component")))
    )
    return named.groupBy("node").agg(F.min("component").alias("component"))


def _large_star(edges: DataFrame) -> DataFrame:
    """Connects each node's larger neighbours to the smallest of the node and its neighbours."""
    both = edges.unionByName(
        edges.select(F.col("right").alias("left"), F.col("left").alias("right"))
    )
    smallest = both.groupBy("left").agg(F.least("left", F.min("right")).alias("smallest"))
    return (
        both.where("right > left")
        .join(smallest, "left", how="inner")
        .select(F.col("right").alias("left"), F.col("smallest").alias("right"))
        .distinct()
    )


def _small_star(edges: DataFrame) -> DataFrame:
    """Connects each node and its smaller neighbours to the smallest of them.

    Args:
        edges: left > right.
    """
    smallest = edges.groupBy("left").agg(F.min("right").alias("smallest"))
    siblings = (
        edges.join(smallest, "left", how="inner")
        .where("right != smallest")
        .select(F.col("right").alias("left"), F.col("smallest").alias("right"))
    )
    own = smallest.select("left", F.col("smallest").alias("right"))
    return own.unionByName(siblings).distinct()


def _written(rows: DataFrame, folder: str) -> DataFrame:
    """The rows, written to a folder and read back, so that their query plan is a plain scan."""
    rows.write.mode("overwrite").parquet(folder)
    return rows.sparkSession.read.schema("left bigint, right bigint").parquet(folder)


def _signature(edges: DataFrame) -> tuple[object, ...]:
    """A checksum of a set of edges: equal for equal sets, different for others with near
    certainty."""
    checksum = first_row(
        edges.agg(
            F.count("*"),
            F.bit_xor(F.xxhash64("left", "right")),
            F.sum(F.col("left").cast("decimal(38, 0)")),
            F.sum(F.col("right").cast("decimal(38, 0)")),
        )
    )
    return () if checksum is None else tuple(checksum)


def _forest_of_partition(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    all_batches = list(batches)
    if not all_batches:
        return
    rows = pa.Table.from_batches(all_batches)
    kept = spanning_forest(_ends(rows, "left"), _ends(rows, "right"))
    yield from rows.filter(pa.array(kept)).to_batches()


def _ends(rows: pa.Table, column: str) -> Ints:
    if rows[column].null_count:
        raise ValueError(
            f"forest: {rows[column].null_count} edges have no {column} end, expected none. "
            "Filter them out first."
        )
    ends: Ints = np.array(rows[column].to_numpy(), dtype=np.int64)
    return ends
