"""Connected components of a graph that does not fit the driver.

Rounds of large star and small star (Kiveris et al., Connected Components in MapReduce and Beyond,
2014): each hangs nodes under smaller neighbours until every component is one star around its
smallest node. Each round is written and read again, so plans stay short and no checkpoint folder is
needed.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, functions as F

from kinfold.core.arrays import Ints
from kinfold.core.errors import KinfoldError
from kinfold.silver.identity.graph.components import spanning_forest


class ContractionError(KinfoldError):
    """Components have not settled after many rounds. Whoever set the cap must act."""


def forest(edges: DataFrame) -> DataFrame:
    """The edges that join what is joined within each partition; the others are redundant.

    Same components, at most one edge fewer than nodes per partition. Not for edges that guards
    have yet to judge: one that is redundant here may be what joins people after others are refused.

    Args:
        edges: left, right (bigint, never null) and any other columns.

    Returns:
        The rows of `edges` that are kept, all columns. Which of several equal ways between two
        nodes is kept depends on the order of rows.
    """
    return edges.mapInArrow(_forest_of_partition, edges.schema)


def contracted_components(edges: DataFrame, *, scratch: str, max_rounds: int = 40) -> DataFrame:
    """The component of each node, as the smallest node id in it.

    The rows lie in `scratch`: read them before it is removed, and give each call a folder of its
    own.

    Args:
        edges: left, right (bigint, never null); doubled edges and loops do no harm.
        scratch: a folder for the rounds, two of which are kept at a time.
        max_rounds: more than graphs need: a chain of 20,000 nodes in random order takes twelve.

    Returns:
        One row per node: node, component (bigint).

    Raises:
        ContractionError: components still changed in the last round.
    """
    ends = edges.select("left", "right")
    # A node with nothing but a loop would be lost: forests and stars have none.
    loops = ends.where("left = right").select("left").distinct()
    stars = _kept(forest(ends), f"{scratch}/forest")
    before = _signature(stars)
    for number in range(max_rounds):
        stars = _kept(_small_star(_large_star(stars)), f"{scratch}/round-{number % 2}")
        after = _signature(stars)
        if after == before:
            break
        before = after
    else:
        raise ContractionError(
            f"Components still change after {max_rounds} rounds of contraction. "
            "Raise max_rounds, or look for a chain of identifiers of unheard-of length."
        )
    named = (
        stars.select(F.col("left").alias("node"), F.col("right").alias("component"))
        .unionByName(stars.select(F.col("right").alias("node"), F.col("right").alias("component")))
        .unionByName(loops.select(F.col("left").alias("node"), F.col("left").alias("component")))
    )
    return named.groupBy("node").agg(F.min("component").alias("component"))


def _large_star(edges: DataFrame) -> DataFrame:
    """Each node's larger neighbours, hung under the smallest of the node and its neighbours."""
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
    """Each node and its smaller neighbours, hung under the smallest of them.

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


def _kept(rows: DataFrame, folder: str) -> DataFrame:
    """The rows, written, as a frame that knows nothing of how they came to be."""
    rows.write.mode("overwrite").parquet(folder)
    return rows.sparkSession.read.schema("left bigint, right bigint").parquet(folder)


def _signature(edges: DataFrame) -> tuple[object, ...]:
    """Equal for equal sets of edges; for others all but never."""
    found = edges.agg(
        F.count("*"),
        F.bit_xor(F.xxhash64("left", "right")),
        F.sum(F.col("left").cast("decimal(38, 0)")),
        F.sum(F.col("right").cast("decimal(38, 0)")),
    ).first()
    return () if found is None else tuple(found)


def _forest_of_partition(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    collected = list(batches)
    if not collected:
        return
    rows = pa.Table.from_batches(collected)
    kept = spanning_forest(_ends(rows, "left"), _ends(rows, "right"))
    yield from rows.filter(pa.array(kept)).to_batches()


def _ends(rows: pa.Table, column: str) -> Ints:
    if rows[column].null_count:
        raise ValueError(
            f"forest: {rows[column].null_count} edges have no {column} end. Leave them out."
        )
    ends: Ints = np.array(rows[column].to_numpy(), dtype=np.int64)
    return ends
