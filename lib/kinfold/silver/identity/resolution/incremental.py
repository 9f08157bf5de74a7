"""From new events, records and decisions to links, and from links to people."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext

import numpy as np
from pyspark.sql import Row, functions as F

from kinfold.runtime.arrow_frames import distinct_numbers
from kinfold.runtime.caching import caching_scope, materialized
from kinfold.runtime.job import JobRun
from kinfold.silver.identity.graph.contraction import contracted_components
from kinfold.silver.identity.graph.guards import FORBIDDEN, TOO_MANY_IDENTIFIERS
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import GuardRules
from kinfold.silver.identity.links.observed import (
    SEEN_TOGETHER,
    links_at,
)
from kinfold.silver.identity.links.operator_decisions import active_decisions
from kinfold.silver.identity.resolution.assignment import ResolvedGraph, guard_rules, resolved_graph
from kinfold.silver.identity.resolution.history import shared_nodes
from kinfold.silver.identity.resolution.link_changes import (
    LINK_ENDS,
    LinkChanges,
    link_changes,
    links_around_shared_values,
    stored_links,
)
from kinfold.silver.identity.resolution.publishing import publish_changes
from kinfold.silver.identity.resolution.stored_graph import (
    StoredGraph,
    Subgraph,
    affected_components,
    read_graph,
    stored_graph,
    stored_subgraph,
    subgraph_of,
)
from kinfold.silver.matching.engine import Matching
from kinfold.tables import silver

OUTPUTS = (
    silver.IDENTIFIERS,
    silver.IDENTITY_LINKS,
    silver.IDENTITY_MAP,
    silver.IDENTITY_CHANGES,
    silver.IDENTITY_BIRTHS,
    silver.BAD_VALUES,
)


def resolve_incrementally(run: JobRun) -> Matching | None:
    """Land the news in the graph, then publish who is who.

    Published in an order that lets a run that was killed be repeated: every step finds again what
    the next one needs.

    Returns:
        How matching the records went; null if they were not compared.
    """
    conf, lake = run.settings.identity, run.lake
    namespaces = Namespaces.of(conf)
    decisions = active_decisions(lake.read_or_empty(silver.IDENTITY_DECISIONS))
    set_aside = [] if run.is_rebuild else _set_aside(run, decisions)
    is_full = run.is_rebuild or not lake.exists(silver.IDENTITY_MAP)
    with nullcontext() if is_full else caching_scope():  # few news are held by then
        news = link_changes(run, namespaces, decisions, set_aside, is_full=is_full)
    run.publish(
        silver.IDENTIFIERS,
        news.identifiers,
        gone=news.lost_nodes,
        are_new=news.are_new_identifiers,
    )
    run.publish(silver.IDENTITY_LINKS, news.links, gone=news.lost_links, are_new=news.are_new_links)
    rules = guard_rules(conf, decisions)
    parts: Iterable[Subgraph | None]
    if not is_full:
        parts = [_affected_subgraph(run, news, set_aside)]
    elif lake.read(silver.IDENTITY_LINKS).count() <= conf.driver_links:
        parts = [None]
    else:
        set_aside = _shared_in_spark(run, namespaces, rules)
        if set_aside:
            beside = stored_links(
                run, links_around_shared_values(run, namespaces, set_aside), decisions
            )
            lake.upsert(silver.IDENTITY_LINKS, beside)
        parts = _parts(run, set_aside)

    def found(near: Subgraph | None) -> tuple[StoredGraph, ResolvedGraph]:
        known = stored_graph(lake, is_resolved=False)
        known = known if near is None else stored_subgraph(known, near)
        result = resolved_graph(
            read_graph(known, namespaces, near=near),
            rules,
            namespaces,
            torn=news.torn,
            set_aside=np.array(set_aside, np.int64),
        )
        return known, result

    for near in parts:
        known, result = found(near)
        shared = set(result.graph.node_id[result.shared.node].tolist())
        if new := sorted(shared - set(set_aside)):
            beside = stored_links(
                run, links_around_shared_values(run, namespaces, [*set_aside, *new]), decisions
            )
            lake.upsert(silver.IDENTITY_LINKS, beside)
            known, result = found(near)
        _note_alarms(run, result, namespaces)
        changes = result.changes(
            distinct_numbers(lake.read_or_empty(silver.BAD_VALUES).select("node_id"))
        )
        del result  # the graph of fifty million links is gigabytes
        publish_changes(run, changes, known)
    return news.matching


def _shared_in_spark(run: JobRun, namespaces: Namespaces, rules: GuardRules) -> list[int]:
    """The values that too many share, found where the links do not fit the driver."""
    links = run.lake.read(silver.IDENTITY_LINKS)
    links = links.where((F.col("rule") == SEEN_TOGETHER) & (F.col("status") != "withdrawn"))
    ends = [
        links.select(
            F.col(f"{one}_node").alias("node_id"),
            namespaces.code(F.col(f"{one}_namespace")).alias("code"),
            namespaces.code(F.col(f"{other}_namespace")).alias("other"),
        )
        for one, other in (("left", "right"), ("right", "left"))
    ]
    counted = ends[0].unionByName(ends[1]).groupBy("node_id", "code", "other").count()
    is_shared = F.lit(False)
    for (code, other), most in rules.shared_by.items():
        is_pair = (F.col("code") == code) & (F.col("other") == other)
        is_shared = is_shared | (is_pair & (F.col("count") > most))
    nodes = counted.where(is_shared).select("node_id").distinct().collect()
    return sorted({row["node_id"] for row in nodes} - set(rules.released.tolist()))


def _parts(run: JobRun, set_aside: Sequence[int]) -> Iterator[Subgraph]:
    """The graph in parts that fit the driver and that no link leaves; values set aside come last,
    when it is known whose neighbours they are."""
    known = stored_graph(run.lake, is_resolved=False)
    links = known.links.where(F.col("status") != "withdrawn")
    edges = links.select(F.col("left_node").alias("left"), F.col("right_node").alias("right"))
    if set_aside:
        edges = edges.where(~F.col("left").isin(*set_aside) & ~F.col("right").isin(*set_aside))
    components = contracted_components(edges, scratch=run.lake.folder("_scratch/identity"))
    nodes = known.identifiers.select("node_id")
    if set_aside:
        nodes = nodes.where(~F.col("node_id").isin(*set_aside))
    count = -(-links.count() // run.settings.identity.driver_links)
    place = F.pmod(F.xxhash64(F.coalesce("component", "node_id")), F.lit(count))
    placed = nodes.join(
        components.withColumnRenamed("node", "node_id"), "node_id", how="left"
    ).select("node_id", place.alias("place"))
    placed = materialized(placed)
    for part in range(count):
        yield subgraph_of(
            known, distinct_numbers(placed.where(F.col("place") == part).select("node_id"))
        )
    if set_aside:
        yield subgraph_of(known, np.array(set_aside, np.int64))


def _note_alarms(run: JobRun, result: ResolvedGraph, namespaces: Namespaces) -> None:
    """Tell of the worst that plain components would have joined, before anything was cut."""
    alarms = result.people.guarded.alarms
    for code in np.unique(alarms.code).tolist():
        counts = alarms.count[alarms.code == code]
        what = {TOO_MANY_IDENTIFIERS: "identifiers", FORBIDDEN: "pairs to be kept apart"}.get(code)
        run.note(
            f"guards cut {len(counts)} components with too many {what or namespaces.names[code]}, "
            f"the largest with {counts.max()}"
        )


def _affected_subgraph(run: JobRun, news: LinkChanges, set_aside: Sequence[int]) -> Subgraph:
    """The part of the graph whose people may change."""
    known, touched = stored_graph(run.lake, is_resolved=False), news.touched
    # Values set aside stay so, whatever comes; where something goes, they are judged anew.
    again = np.intersect1d(np.array(set_aside, np.int64), news.torn)
    touched = np.setdiff1d(touched, np.setdiff1d(set_aside, again))
    if len(again):
        touched = np.union1d(
            touched, distinct_numbers(links_at(known.links, again).select(*LINK_ENDS))
        )
    return affected_components(known, touched)


def _set_aside(run: JobRun, decisions: Sequence[Row]) -> list[int]:
    """Nodes that belong to nobody, but for those that an operator has released."""
    released = {row["left_node"] for row in decisions if row["kind"] == "release"}
    return sorted(shared_nodes(run.lake.read_or_empty(silver.BAD_VALUES)) - released)
