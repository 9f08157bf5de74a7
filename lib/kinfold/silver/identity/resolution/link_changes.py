"""Step 1 of identity resolution: changes of identifiers and links.

Events, records, matches of records and decisions of operators add, change and withdraw links.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pyspark.sql import DataFrame, Row, functions as F

from kinfold.core.arrays import Ints
from kinfold.runtime.arrow_frames import distinct_numbers
from kinfold.runtime.caching import cached, lazily_cached, materialized
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.graph.handovers import PASSED_ON
from kinfold.silver.identity.graph.nodes import RECORD, Namespaces, comparison_hash
from kinfold.silver.identity.graph.people import SHARED_BY_TOO_MANY
from kinfold.silver.identity.links.match_memory import stored_memory
from kinfold.silver.identity.links.matched_records import MATCHED, matched_record_links
from kinfold.silver.identity.links.observed import (
    links_at,
    new_identifiers,
    seen_beside_shared,
    seen_identifiers,
    seen_together,
    sightings,
    widened,
)
from kinfold.silver.identity.links.operator_decisions import (
    operator_links,
    with_decisions,
    with_nodes,
)
from kinfold.silver.identity.links.record_changes import RecordChanges, record_changes
from kinfold.silver.matching.engine import Matching
from kinfold.silver.matching.settings import load_matching_settings
from kinfold.tables import silver
from kinfold.tables.collected import collected
from kinfold.tables.spec import Table

_LINK = silver.IDENTITY_LINKS.columns
_ENDS = ("left_node", "right_node")
_KEPT = (
    "link_id",
    "source",
    "source_event_id",
    "first_seen_at",
    "last_seen_at",
    "valid_from",
    "valid_to",
    "status",
    "reason",
)
"""Columns that a stored link keeps, or extends, when it is observed again."""
_STORED = ("is_known", "is_settled")
"""What is known of a link beside its columns, see `stored_links`."""
_NOT_IN_RECORD = "its record no longer says it"
_NOT_MATCHED = "its records are no longer alike"


@dataclass(frozen=True)
class LinkChanges:
    """Changes of the stored identifiers and links since the last run.

    Attributes:
        identifiers: new identifiers and those with an earlier first_seen_at, silver.identifiers
            columns.
        links: new, changed and withdrawn links with their new values.
        are_new_identifiers, are_new_links: the table has none of them.
        deleted_links: links that are deleted with an identifier; null if there are none.
        deleted_nodes: identifiers that no event or record has any more: node_id; null if there are
            none.
        split_candidates: nodes that lost a link.
        affected_nodes: nodes whose person may change.
        matching: the matching of records; null if they were not compared.
    """

    identifiers: DataFrame
    links: DataFrame
    are_new_identifiers: bool
    are_new_links: bool
    deleted_links: DataFrame | None
    deleted_nodes: DataFrame | None
    split_candidates: Ints
    affected_nodes: Ints
    matching: Matching | None


def link_changes(
    run: JobRun,
    namespaces: Namespaces,
    decisions: Sequence[Row],
    shared: Sequence[int],
    *,
    is_full: bool,
) -> LinkChanges:
    """The changes of identifiers and links since the last run.

    Args:
        shared: `comparison_hash` of values that are known to be shared.
        is_full: the whole graph will be resolved, so the affected nodes are not computed.
    """
    keep = cached if is_full else materialized
    of_records = record_changes(run)
    seen = lazily_cached(sightings(run.inserted(silver.EVENTS), of_records.changed))
    seen_now = cached(seen_identifiers(seen, run.lake.keyed_hash))
    identifiers = _changed_identifiers(run, seen_now, of_records.seen_elsewhere, keep)
    observed, matching = _observed_links(run, seen, namespaces, shared)
    links = blocked_between(stored_links(run, observed, decisions), shared)
    withdrawn = _withdrawn(run, of_records, links, decisions, is_matched=matching is not None)
    links = keep(links.unionByName(withdrawn))
    (identifier_count, known_identifiers), (link_count, known_links) = (
        collected(rows.agg(F.count(F.lit(1)), F.count_if("is_known")))[0]
        for rows in (identifiers, links)
    )
    run.count(identifiers=identifier_count, links=link_count)
    deleted_links, deleted_nodes = None, of_records.unreferenced_nodes
    split = [links.where(F.col("status") == "withdrawn").select(*_ENDS)]
    # To see a known link again does not change who is one person. But a run that was killed may
    # have written links without the people that follow from them.
    is_resumed = run.state.has_unfinished_output
    seen_again = links if is_resumed else links.where(~F.col("is_settled"))
    seen_nodes = seen_now if is_resumed else identifiers
    affected = [seen_nodes.select("node_id"), seen_again.select(*_ENDS)]
    if deleted_nodes is not None:
        deleted_links = _deleted_links(run, deleted_nodes, links)
        split.append(deleted_links.select(*_ENDS))
        affected += [deleted_links.select(*_ENDS), deleted_nodes]
    return LinkChanges(
        identifiers=identifiers,
        links=links,
        are_new_identifiers=known_identifiers == 0,
        are_new_links=known_links == 0,
        deleted_links=deleted_links,
        deleted_nodes=deleted_nodes,
        split_candidates=distinct_numbers(*split),
        affected_nodes=np.empty(0, np.int64) if is_full else distinct_numbers(*affected),
        matching=matching,
    )


def _changed_identifiers(
    run: JobRun,
    seen_now: DataFrame,
    seen_elsewhere: DataFrame | None,
    keep: Callable[[DataFrame], DataFrame],
) -> DataFrame:
    """`new_identifiers` of the sightings of this run."""
    if seen_elsewhere is None and seen_now.isEmpty():
        return _no_rows(run.lake, silver.IDENTIFIERS)
    nodes = seen_now.select("node_id")
    if seen_elsewhere is not None:
        nodes = nodes.unionByName(seen_elsewhere.select("node_id"))
    known = run.existing_rows(silver.IDENTIFIERS)
    known = cached(known.join(nodes, "node_id", how="semi"))
    return keep(new_identifiers(seen_now, known, seen_elsewhere=seen_elsewhere))


def _observed_links(
    run: JobRun, seen: DataFrame, namespaces: Namespaces, shared: Sequence[int]
) -> tuple[DataFrame, Matching | None]:
    """Links of this run's sightings, of all decisions if there are new ones, and of matching.

    Returns:
        silver.identity_links columns without valid_from, valid_to, status and reason; the matching,
        null if no records were compared.
    """
    keyed = run.lake.keyed_hash
    observed = seen_together(seen, namespaces, keyed)
    if shared:
        observed = observed.unionByName(seen_beside_shared(seen, namespaces, keyed, shared))
    if _has_new_decisions(run):
        decided = operator_links(run.lake.read(silver.IDENTITY_DECISIONS), keyed)
        observed = observed.unionByName(decided)
    matching = None
    if _matches_records(run):
        conf = run.settings.identity
        settings = load_matching_settings(run.options.home / conf.match_settings)
        matched, matching = matched_record_links(
            run.read(silver.RECORDS),
            keyed,
            attributes=conf.match,
            settings=settings,
            memory=stored_memory(run, settings),
        )
        observed = observed.unionByName(matched)
    return observed, matching


def stored_links(run: JobRun, observed: DataFrame, decisions: Sequence[Row]) -> DataFrame:
    """Observed links as silver.identity_links will have them.

    A link that the table has already keeps its validity and status. Its period is extended, except
    for a link of a record, which says what the current version of the record says. In a rebuild
    every link starts as active, and guards and shared identifiers are evaluated again.

    Args:
        observed: silver.identity_links columns without valid_from, valid_to, status and reason.

    Returns:
        silver.identity_links columns, `is_known`: the table has the link, and `is_settled`: it has
        it with the same status and times, as far as they decide who is one person.
    """
    observed = cached(observed)
    if observed.isEmpty():
        return _no_rows(run.lake, silver.IDENTITY_LINKS)
    known = run.lake.read_or_empty(silver.IDENTITY_LINKS).select(*_KEPT)
    is_of_record = (F.col("left_namespace") == RECORD).alias("_is_of_record")
    known = cached(known.join(observed.select("link_id", is_of_record), "link_id", how="inner"))
    at = run.lake.started_at
    stays = known.select(
        "link_id",
        "status",
        "reason",
        "valid_from",
        "valid_to",
        F.struct("status", "first_seen_at", "last_seen_at", "reason").alias("_stored"),
    )
    if run.is_rebuild:  # only the time since when the link is known stays
        stays = stays.select(
            "link_id",
            F.lit("active").alias("status"),
            F.lit(None).cast("string").alias("reason"),
            "valid_from",
            F.lit(None).cast("timestamp").alias("valid_to"),
            "_stored",
        )
        known = known.where(F.lit(False))
    links = (
        widened(observed, known.where(~F.col("_is_of_record")), key="link_id")
        .join(stays, "link_id", how="left")
        .withColumn("is_known", F.col("status").isNotNull())
        .withColumn("status", F.coalesce("status", F.lit("active")))
        .withColumn("valid_from", F.coalesce("valid_from", F.lit(at)))
    )
    decided = with_decisions(links, decisions, at=at, are_observed=True)
    is_settled = F.struct("status", "first_seen_at").eqNullSafe(
        F.struct("_stored.status", "_stored.first_seen_at")
    )
    # When its value passed on depends on the last time of a link too. Until it has, a later time
    # changes nothing.
    is_later = F.col("last_seen_at") > F.col("_stored.last_seen_at")
    has_ended = F.col("_stored.reason").eqNullSafe(PASSED_ON)
    is_same_time = F.col("last_seen_at") == F.col("_stored.last_seen_at")
    is_settled = is_settled & F.coalesce(is_same_time | (is_later & ~has_ended), F.lit(False))
    return decided.withColumn("is_settled", is_settled).select(*_LINK, *_STORED)


def blocked_between(links: DataFrame, shared: Sequence[int]) -> DataFrame:
    """Links of which those between two shared identifiers are blocked: they belong to no component
    whose links are evaluated.

    Args:
        links: see `stored_links`.
        shared: `comparison_hash` of values that are known to be shared.
    """
    if not shared:
        return links
    ends = [
        comparison_hash(F.col(f"{end}_namespace"), F.col(f"{end}_value")).isin(*shared)
        for end in ("left", "right")
    ]
    is_blocked = (F.col("status") == "active") & ends[0] & ends[1]
    return links.withColumns(
        {
            "status": F.when(is_blocked, "blocked").otherwise(F.col("status")),
            "reason": F.when(is_blocked, SHARED_BY_TOO_MANY).otherwise(F.col("reason")),
        }
    )


def _no_rows(lake: Lake, table: Table) -> DataFrame:
    """No rows of a table, with `is_known` and `is_settled`.

    Spark knows the frame to be empty and runs no task.
    """
    return lake.empty(table).withColumns({column: F.lit(True) for column in _STORED})


def _withdrawn(
    run: JobRun,
    of_records: RecordChanges,
    links: DataFrame,
    decisions: Sequence[Row],
    *,
    is_matched: bool,
) -> DataFrame:
    """Stored links that were not observed now and that records or operators change.

    Args:
        links: the links that were observed.
        is_matched: all records were compared, so a match that was not observed has ended.

    Returns:
        silver.identity_links columns, `is_known` and `is_settled`.
    """
    if run.is_rebuild or not run.lake.exists(silver.IDENTITY_LINKS):
        return links.where(F.lit(False))
    at = run.lake.started_at
    stored, observed = run.lake.read(silver.IDENTITY_LINKS), links.select("link_id")
    others = stored.join(observed, "link_id", how="anti")
    withdrawn = others.where(F.lit(False)).select(*_LINK)
    if of_records.changed_nodes is not None:
        nodes = of_records.changed_nodes.withColumnRenamed("node_id", "left_node")
        not_in_record = others.where(F.col("rule") != MATCHED).join(nodes, "left_node", how="semi")
        withdrawn = _as_withdrawn(not_in_record, at=at, reason=_NOT_IN_RECORD)
    if is_matched:
        is_match = (F.col("rule") == MATCHED) & (F.col("status") != "withdrawn")
        unmatched = _as_withdrawn(others.where(is_match), at=at, reason=_NOT_MATCHED)
        withdrawn = withdrawn.unionByName(unmatched)
    if _has_new_decisions(run):
        ends = F.explode(F.array(*_ENDS)).alias("node_id")
        changed = with_nodes(run.changes(silver.IDENTITY_DECISIONS), run.lake.keyed_hash)
        decided = distinct_numbers(changed.select(ends).dropna())
        affected = links_at(stored, decided).join(
            observed.unionByName(withdrawn.select("link_id")), "link_id", "anti"
        )
        affected = with_decisions(affected.select(*_LINK), decisions, at=at, are_observed=False)
        withdrawn = withdrawn.unionByName(affected.select(*_LINK))
    return withdrawn.withColumns({"is_known": F.lit(True), "is_settled": F.lit(False)})


def _as_withdrawn(links: DataFrame, *, at: datetime, reason: str) -> DataFrame:
    return links.withColumns(
        {
            "valid_to": F.coalesce("valid_to", F.lit(at)),
            "status": F.lit("withdrawn"),
            "reason": F.lit(reason),
        }
    ).select(*_LINK)


def _deleted_links(run: JobRun, deleted_nodes: DataFrame, links: DataFrame) -> DataFrame:
    """The stored links of deleted nodes that are not among the changed links: link_id and ends."""
    stored = run.lake.read_or_empty(silver.IDENTITY_LINKS)
    theirs = links_at(stored, distinct_numbers(deleted_nodes)).select("link_id", *_ENDS)
    return materialized(theirs.join(links.select("link_id"), "link_id", how="anti"))


def _matches_records(run: JobRun) -> bool:
    """Whether to compare records: the settings ask for it and a record has changed."""
    name = silver.RECORDS.name
    is_asked = bool(run.settings.identity.match) and name in run.inputs
    return is_asked and run.inputs[name] > run.processed_version(silver.RECORDS)


def _has_new_decisions(run: JobRun) -> bool:
    name = silver.IDENTITY_DECISIONS.name
    return name in run.inputs and run.inputs[name] > run.processed_version(
        silver.IDENTITY_DECISIONS
    )


def links_around_shared_identifiers(
    run: JobRun, namespaces: Namespaces, decisions: Sequence[Row], shared: Sequence[int]
) -> DataFrame:
    """`stored_links` of all sightings whose strongest identifier is shared, by the rule
    `seen_beside`.

    It reads all events and records, so it is called only when an identifier becomes shared.

    Args:
        shared: `comparison_hash` of the shared identifiers.
    """
    records = run.read(silver.RECORDS) if silver.RECORDS.name in run.inputs else None
    seen = sightings(run.read(silver.EVENTS), records)
    observed = seen_beside_shared(seen, namespaces, run.lake.keyed_hash, shared)
    return stored_links(run, observed, decisions)
