"""Incremental identity resolution: recomputes only affected components; the result equals a full
rebuild.

The steps, in this order, each in its own module:

1. `link_changes`: the links that events, records, matches and operators add, change or withdraw.
2. `stored_graph`: the affected part of the stored graph as arrays. `partitioning` splits a graph
   that does not fit in the memory of the driver.
3. `assignment`: the person of each node, and what differs from the stored assignment. Pure.
4. `changed_rows`: these differences as rows of the tables.
5. `publishing`: writes the rows.

This module calls them. `history` is for readers of the result.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from pyspark.sql import Row

from kinfold.core.arrays import Ints
from kinfold.runtime.arrow_frames import distinct_numbers, rows_with_values
from kinfold.runtime.caching import caching_scope
from kinfold.runtime.job import JobRun
from kinfold.silver.identity.graph.guards import FORBIDDEN, TOO_MANY_IDENTIFIERS
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import GuardRules
from kinfold.silver.identity.links.match_memory import publish_memory
from kinfold.silver.identity.links.operator_decisions import active_decisions
from kinfold.silver.identity.resolution.assignment import (
    ResolvedGraph,
    guard_rules,
    resolved_graph,
)
from kinfold.silver.identity.resolution.history import comparison_hashes, shared_nodes
from kinfold.silver.identity.resolution.link_changes import (
    LinkChanges,
    link_changes,
    links_around_shared_identifiers,
)
from kinfold.silver.identity.resolution.partitioning import graph_parts, shared_nodes_of
from kinfold.silver.identity.resolution.publishing import publish_changes, publish_link_changes
from kinfold.silver.identity.resolution.stored_graph import (
    StoredGraph,
    Subgraph,
    affected_subgraph,
    read_graph,
    restricted,
    stored_graph,
)
from kinfold.silver.matching.engine import Matching
from kinfold.tables import silver
from kinfold.tables.spec import Table

OUTPUTS = (
    silver.IDENTIFIERS,
    silver.IDENTITY_LINKS,
    silver.IDENTITY_MAP,
    silver.IDENTITY_CHANGES,
    silver.IDENTITY_BIRTHS,
    silver.MATCH_MODELS,
    silver.MATCH_PAIRS,
    silver.BAD_VALUES,
)

DECIDING_MODULES = (
    "kinfold.silver.cleansing.dates",
    "kinfold.silver.identity.graph",
    "kinfold.silver.identity.links",
    "kinfold.silver.identity.resolution",
    "kinfold.silver.matching",
)
"""Code that decides who is one person."""


@dataclass(frozen=True)
class _Resolver:
    """The run, and the settings and decisions that apply to every part of the graph."""

    run: JobRun
    namespaces: Namespaces
    decisions: Sequence[Row]
    rules: GuardRules


def resolve_incrementally(run: JobRun) -> Matching | None:
    """Publish the changes of links since the last run, then the changes of people.

    A run that is killed can be repeated: each step is published before the next one, which reads
    its input from the tables.

    Returns:
        The matching of records; null if they were not compared.
    """
    namespaces = Namespaces.of(run.settings.identity)
    stored_decisions = run.lake.read_or_empty(silver.IDENTITY_DECISIONS)
    decisions = active_decisions(stored_decisions, run.lake.keyed_hash)
    rules = guard_rules(run.settings.identity, decisions)
    resolver = _Resolver(run, namespaces, decisions, rules)
    shared = [] if run.is_rebuild else _known_shared_nodes(resolver)
    is_full = run.is_rebuild or not run.lake.exists(silver.IDENTITY_MAP)
    # Of a small change the results are materialized; the frames that they came from are unpersisted
    # before the first write, because each write makes Spark plan cached frames again.
    with nullcontext() if is_full else caching_scope():
        hashes = _hashes(run, silver.BAD_VALUES, shared)
        changes = link_changes(run, namespaces, decisions, hashes, is_full=is_full)
    publish_link_changes(run, changes)
    if changes.matching is not None:
        publish_memory(run, changes.matching)
    parts, shared = _parts(resolver, changes, shared, is_full=is_full)
    for part in parts:
        _resolve_part(resolver, part, changes.split_candidates, shared)
    return changes.matching


def _known_shared_nodes(resolver: _Resolver) -> list[int]:
    """The nodes of shared identifiers that no operator has released."""
    released = {row["left_node"] for row in resolver.decisions if row["kind"] == "release"}
    stored = shared_nodes(resolver.run.lake.read_or_empty(silver.BAD_VALUES))
    return sorted(stored - released)


def _hashes(run: JobRun, table: Table, nodes: Sequence[int]) -> list[int]:
    """`comparison_hash` of the identifiers of some nodes, which a table has."""
    if not nodes:
        return []
    rows = rows_with_values(run.lake.read(table), "node_id", np.array(nodes, np.int64))
    return comparison_hashes(rows)


def _parts(
    resolver: _Resolver, changes: LinkChanges, shared: list[int], *, is_full: bool
) -> tuple[Iterable[Subgraph | None], list[int]]:
    """The parts of the graph to resolve one after another, and the known shared nodes.

    One affected part; or, if `is_full`, the whole graph (null), in parts if it is too large.
    """
    run = resolver.run
    driver_links = run.settings.identity.driver_links
    if not is_full:
        part = affected_subgraph(
            stored_graph(run.lake, is_resolved=False),
            changes.affected_nodes,
            split_candidates=changes.split_candidates,
            shared=np.array(shared, np.int64),
        )
        return [part], shared
    links = run.lake.read(silver.IDENTITY_LINKS)
    if links.count() <= driver_links:
        return [None], shared
    shared = shared_nodes_of(links, resolver.namespaces, resolver.rules)
    if shared:
        _link_around_shared_identifiers(resolver, shared)
    parts = graph_parts(
        stored_graph(run.lake, is_resolved=False),
        shared,
        driver_links=driver_links,
        scratch=run.lake.folder("_scratch/identity"),
    )
    return parts, shared


def _resolve_part(
    resolver: _Resolver, part: Subgraph | None, split_candidates: Ints, shared: list[int]
) -> None:
    """Resolve one part of the graph and publish the changes of its people."""
    run = resolver.run
    stored, result = _resolved(resolver, part, split_candidates, shared)
    now_shared = set(result.graph.node_id[result.shared.node].tolist())
    if new := sorted(now_shared - set(shared)):
        # Sightings around a new shared identifier get links that can join people, so resolve again.
        del result
        _link_around_shared_identifiers(resolver, [*shared, *new])
        stored, result = _resolved(resolver, part, split_candidates, shared)
    _note_violations(run, result, resolver.namespaces)
    bad_values = run.lake.read_or_empty(silver.BAD_VALUES)
    changes = result.changes(distinct_numbers(bad_values.select("node_id")))
    del result  # the graph of fifty million links is gigabytes
    publish_changes(run, changes, stored)


def _resolved(
    resolver: _Resolver, part: Subgraph | None, split_candidates: Ints, shared: list[int]
) -> tuple[StoredGraph, ResolvedGraph]:
    """The stored graph, restricted to a part, and its resolution."""
    stored = stored_graph(resolver.run.lake, is_resolved=False)
    stored = stored if part is None else restricted(stored, part)
    result = resolved_graph(
        read_graph(stored, resolver.namespaces, part=part),
        resolver.rules,
        resolver.namespaces,
        split_candidates=split_candidates,
        known_shared=np.array(shared, np.int64),
    )
    return stored, result


def _link_around_shared_identifiers(resolver: _Resolver, shared: Sequence[int]) -> None:
    run = resolver.run
    hashes = _hashes(run, silver.IDENTIFIERS, shared)
    links = links_around_shared_identifiers(run, resolver.namespaces, resolver.decisions, hashes)
    run.lake.upsert(silver.IDENTITY_LINKS, links)


def _note_violations(run: JobRun, result: ResolvedGraph, namespaces: Namespaces) -> None:
    """Report the limits that components broke before guards cut them, with the worst case."""
    violations = result.people.guarded.violations
    fixed = {TOO_MANY_IDENTIFIERS: "too many identifiers", FORBIDDEN: "pairs to keep apart"}
    for code in np.unique(violations.code).tolist():
        counts = violations.count[violations.code == code]
        what = fixed[code] if code in fixed else f"too many {namespaces.names[code]}"
        run.note(
            f"guards cut {len(counts)} components with {what}, the largest with {counts.max()}"
        )
