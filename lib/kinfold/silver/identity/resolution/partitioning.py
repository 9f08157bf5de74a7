"""Step 2 for a graph that does not fit in the memory of the driver: parts that no link leaves."""

from collections.abc import Iterator, Sequence

import numpy as np
from pyspark.sql import Column, DataFrame, Window, functions as F

from kinfold.runtime.arrow_frames import distinct_numbers
from kinfold.runtime.caching import materialized
from kinfold.silver.identity.graph.contraction import contracted_components
from kinfold.silver.identity.graph.handovers import MICROSECONDS_PER_DAY
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import GuardRules
from kinfold.silver.identity.links.observed import ALIAS, SEEN_TOGETHER
from kinfold.silver.identity.resolution.stored_graph import StoredGraph, Subgraph, subgraph_of
from kinfold.tables.collected import collected

_PAIR = ("node_id", "code", "other")


def shared_nodes_of(links: DataFrame, namespaces: Namespaces, rules: GuardRules) -> list[int]:
    """The nodes of shared identifiers, ascending: `people.shared_identifiers`, computed in Spark.

    Args:
        links: silver.identity_links.
    """
    links = links.where(F.col("rule").isin(SEEN_TOGETHER, ALIAS) & (F.col("status") != "withdrawn"))
    # Only the right end of an alias counts: the previous account, which other accounts may share.
    ends = [
        links.where((F.col("rule") == SEEN_TOGETHER) | (F.lit(one) == "right")).select(
            F.col(f"{one}_node").alias("node_id"),
            namespaces.code(F.col(f"{one}_namespace")).alias("code"),
            namespaces.code(F.col(f"{other}_namespace")).alias("other"),
            *(_day(c) for c in ("first_seen_at", "last_seen_at")),
        )
        for one, other in (("left", "right"), ("right", "left"))
    ]
    pairs = ends[0].unionByName(ends[1])
    shared = _over_the_limit(pairs.groupBy(*_PAIR).count(), rules)
    passing = [
        (code, other)
        for code, other in rules.shared_by
        if code in rules.reassigned_after and other in rules.owners
    ]
    if passing:
        is_passing = F.lit(False)
        for code, other in passing:
            is_passing = is_passing | ((F.col("code") == code) & (F.col("other") == other))
        questioned = pairs.where(is_passing).join(shared, list(_PAIR), how="semi")
        at_once = _over_the_limit(_most_at_once(questioned, rules), rules)
        shared = shared.where(~is_passing).unionByName(at_once)
    nodes = collected(shared.select("node_id").distinct())
    return sorted({row["node_id"] for row in nodes} - set(rules.released.tolist()))


def _day(moment: str) -> Column:
    return F.floor(F.unix_micros(moment) / MICROSECONDS_PER_DAY).cast("int").alias(moment)


def _over_the_limit(counted: DataFrame, rules: GuardRules) -> DataFrame:
    """The values that more identifiers of a namespace share than allowed: node_id, code, other."""
    is_shared = F.lit(False)
    for (code, other), most in rules.shared_by.items():
        is_pair = (F.col("code") == code) & (F.col("other") == other)
        is_shared = is_shared | (is_pair & (F.col("count") > most))
    return counted.where(is_shared).select(*_PAIR)


def _most_at_once(pairs: DataFrame, rules: GuardRules) -> DataFrame:
    """`handovers.most_at_once` of values that can pass to another person, in Spark."""
    after = F.lit(0)
    for code, days in rules.reassigned_after.items():
        after = F.when(F.col("code") == code, days).otherwise(after)
    steps = F.array(
        F.struct(F.col("first_seen_at").alias("day"), F.lit(1).alias("step")),
        F.struct((F.col("last_seen_at") + after).alias("day"), F.lit(-1).alias("step")),
    )
    in_time = (
        Window.partitionBy(*_PAIR).orderBy("day", "step").rowsBetween(Window.unboundedPreceding, 0)
    )
    return (
        pairs.select(*_PAIR, F.explode(steps).alias("one"))
        .select(*_PAIR, "one.*")
        .withColumn("open", F.sum("step").over(in_time))
        .groupBy(*_PAIR)
        .agg(F.max("open").alias("count"))
    )


def graph_parts(
    stored: StoredGraph, shared: Sequence[int], *, driver_links: int, scratch: str
) -> Iterator[Subgraph]:
    """Parts of the graph that fit in the memory of the driver and that no link leaves.

    The last part are the shared identifiers: by then the people of their neighbours are stored.

    Args:
        shared: nodes of shared identifiers; links to them connect no parts.
        driver_links: the number of links that the driver can take at once.
        scratch: a folder for intermediate rows.
    """
    links = stored.links.where(F.col("status") != "withdrawn")
    edges = links.select(F.col("left_node").alias("left"), F.col("right_node").alias("right"))
    if shared:
        edges = edges.where(~F.col("left").isin(*shared) & ~F.col("right").isin(*shared))
    components = contracted_components(edges, scratch=scratch)
    nodes = stored.identifiers.select("node_id")
    if shared:
        nodes = nodes.where(~F.col("node_id").isin(*shared))
    count = -(-links.count() // driver_links)
    part_of = F.pmod(F.xxhash64(F.coalesce("component", "node_id")), F.lit(count))
    numbered = nodes.join(
        components.withColumnRenamed("node", "node_id"), "node_id", how="left"
    ).select("node_id", part_of.alias("part"))
    numbered = materialized(numbered)
    for part in range(count):
        yield subgraph_of(
            stored, distinct_numbers(numbered.where(F.col("part") == part).select("node_id"))
        )
    if shared:
        yield subgraph_of(stored, np.array(shared, np.int64))
