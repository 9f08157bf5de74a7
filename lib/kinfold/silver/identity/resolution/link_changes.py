"""From new events, records and decisions to links, and from links to people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pyspark.sql import DataFrame, Row, functions as F

from kinfold.core.arrays import Ints
from kinfold.runtime.arrow_frames import distinct_numbers
from kinfold.runtime.caching import cached, lazily_cached, materialized
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.tables import Lake
from kinfold.silver.identity.graph.nodes import Namespaces, node_id
from kinfold.silver.identity.links.matched_records import MATCHED, matched_record_links
from kinfold.silver.identity.links.observed import (
    SEEN_BESIDE,
    links_at,
    new_identifiers,
    seen_identifiers,
    seen_together,
    sightings,
    widened,
)
from kinfold.silver.identity.links.operator_decisions import operator_links, with_decisions
from kinfold.silver.identity.links.record_changes import RecordChanges, record_changes
from kinfold.silver.matching.engine import Matching
from kinfold.silver.matching.settings import load_matching_settings
from kinfold.tables import silver
from kinfold.tables.spec import Table

_LINK = silver.IDENTITY_LINKS.columns
LINK_ENDS = ("left_node", "right_node")
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
"""What is kept of a link that is seen again."""
_UNSAID = "its record no longer says it"
_UNLIKE = "its records are no longer alike"


@dataclass(frozen=True)
class LinkChanges:
    """What the graph has gained and lost since the last run.

    Attributes:
        identifiers: those that are new or were seen earlier than was known, silver.identifiers
            columns.
        links: those that came, changed or were withdrawn, as they are now.
        are_new_identifiers, are_new_links: none of them is in the table.
        lost_links: those that go with an identifier; null if none does.
        lost_nodes: identifiers that are no more: node_id; null if there is none.
        torn: nodes that lost a link.
        touched: nodes whose people may change.
        matching: of the records, if they were compared.
    """

    identifiers: DataFrame
    links: DataFrame
    are_new_identifiers: bool
    are_new_links: bool
    lost_links: DataFrame | None
    lost_nodes: DataFrame | None
    torn: Ints
    touched: Ints
    matching: Matching | None


def link_changes(
    run: JobRun,
    namespaces: Namespaces,
    decisions: Sequence[Row],
    set_aside: Sequence[int],
    *,
    is_full: bool,
) -> LinkChanges:
    lake = run.lake
    hold = cached if is_full else materialized
    of_records = record_changes(run)
    seen = lazily_cached(sightings(run.inserted(silver.EVENTS), of_records.changed))
    seen_now = cached(seen_identifiers(seen))
    if seen_now.isEmpty():
        identifiers = _none_of(lake, silver.IDENTIFIERS)
    else:
        known = run.known(silver.IDENTIFIERS)
        known = cached(known.join(seen_now.select("node_id"), "node_id", how="semi"))
        identifiers = hold(new_identifiers(seen_now, known))
    said = seen_together(seen, namespaces)
    if set_aside:
        said = said.unionByName(seen_beside_shared(seen, namespaces, set_aside))
    if _has_new_decisions(run):
        said = said.unionByName(operator_links(lake.read(silver.IDENTITY_DECISIONS)))
    matching = None
    if _matches_records(run):
        alike, matching = _alike(run)
        said = said.unionByName(alike)
    links = stored_links(run, said, decisions)
    withdrawn = _withdrawn(run, of_records, links, decisions, is_matched=matching is not None)
    links = hold(links.unionByName(withdrawn))
    (identifier_count, known_identifiers), (link_count, known_links) = (
        rows.agg(F.count(F.lit(1)), F.count_if("is_known")).collect()[0]
        for rows in (identifiers, links)
    )
    run.count(identifiers=identifier_count, links=link_count)
    lost, ends = None, [links.select(*LINK_ENDS)]
    torn = [links.where(F.col("status") == "withdrawn").select(*LINK_ENDS)]
    nodes = [seen_now.select("node_id")]
    if of_records.vanished is not None:
        there = lake.read_or_empty(silver.IDENTITY_LINKS)
        lost = links_at(there, distinct_numbers(of_records.vanished)).select("link_id", *LINK_ENDS)
        lost = materialized(lost.join(links.select("link_id"), "link_id", how="anti"))
        torn.append(lost.select(*LINK_ENDS))
        ends.append(lost.select(*LINK_ENDS))
        nodes.append(of_records.vanished)
    return LinkChanges(
        identifiers=identifiers,
        links=links,
        are_new_identifiers=known_identifiers == 0,
        are_new_links=known_links == 0,
        lost_links=lost,
        lost_nodes=of_records.vanished,
        torn=distinct_numbers(*torn),
        touched=np.empty(0, np.int64) if is_full else distinct_numbers(*nodes, *ends),
        matching=matching,
    )


def stored_links(run: JobRun, said: DataFrame, decisions: Sequence[Row]) -> DataFrame:
    """Links as they are in silver.identity_links once they have been seen (again), with `is_known`:
    the table has them."""
    said = cached(said)
    if said.isEmpty():
        return _none_of(run.lake, silver.IDENTITY_LINKS)
    known = run.lake.read_or_empty(silver.IDENTITY_LINKS).select(*_KEPT)
    known = cached(known.join(said.select("link_id"), "link_id", how="semi"))
    at = run.lake.started_at
    stays = known.select("link_id", "status", "reason", "valid_from", "valid_to")
    if run.is_rebuild:  # guards and values set aside are judged anew; since when it is known stays
        stays = stays.select(
            "link_id",
            F.lit("active").alias("status"),
            F.lit(None).cast("string").alias("reason"),
            "valid_from",
            F.lit(None).cast("timestamp").alias("valid_to"),
        )
        known = known.where(F.lit(False))
    links = (
        widened(said, known, key="link_id")
        .join(stays, "link_id", how="left")
        .withColumn("is_known", F.col("status").isNotNull())
        .withColumn("status", F.coalesce("status", F.lit("active")))
        .withColumn("valid_from", F.coalesce("valid_from", F.lit(at)))
    )
    return with_decisions(links, decisions, at=at, are_said=True).select(*_LINK, "is_known")


def _none_of(lake: Lake, table: Table) -> DataFrame:
    """No rows of a table, with `is_known`: what is made of them takes no time."""
    return lake.empty(table).withColumn("is_known", F.lit(True))


def _withdrawn(
    run: JobRun,
    of_records: RecordChanges,
    links: DataFrame,
    decisions: Sequence[Row],
    *,
    is_matched: bool,
) -> DataFrame:
    """Links that are there and were not seen now, but that records or operators change.

    Args:
        is_matched: records were compared anew, so that all who are alike were seen.
    """
    if run.is_rebuild or not run.lake.exists(silver.IDENTITY_LINKS):
        return links.where(F.lit(False))
    at = run.lake.started_at
    every, said = run.lake.read(silver.IDENTITY_LINKS), links.select("link_id")
    there = every.join(said, "link_id", how="anti")
    found = there.where(F.lit(False)).select(*_LINK)
    if of_records.changed_nodes is not None:
        nodes = of_records.changed_nodes.withColumnRenamed("node_id", "left_node")
        unsaid = there.where(F.col("rule") != MATCHED).join(nodes, "left_node", how="semi")
        found = _as_withdrawn(unsaid, at=at, reason=_UNSAID)
    if is_matched:
        unlike = there.where((F.col("rule") == MATCHED) & (F.col("status") != "withdrawn"))
        found = found.unionByName(_as_withdrawn(unlike, at=at, reason=_UNLIKE))
    if _has_new_decisions(run):
        ends = F.explode(F.array(*LINK_ENDS)).alias("node_id")
        decided = distinct_numbers(run.changes(silver.IDENTITY_DECISIONS).select(ends).dropna())
        near = links_at(every, decided).join(
            said.unionByName(found.select("link_id")), "link_id", "anti"
        )
        near = with_decisions(near.select(*_LINK), decisions, at=at, are_said=False)
        found = found.unionByName(near.select(*_LINK))
    return found.withColumn("is_known", F.lit(True))


def _as_withdrawn(links: DataFrame, *, at: datetime, reason: str) -> DataFrame:
    return links.withColumns(
        {
            "valid_to": F.coalesce("valid_to", F.lit(at)),
            "status": F.lit("withdrawn"),
            "reason": F.lit(reason),
        }
    ).select(*_LINK)


def _matches_records(run: JobRun) -> bool:
    """Whether records are to be compared: it is asked for, and one has changed."""
    name = silver.RECORDS.name
    is_asked = bool(run.settings.identity.match) and name in run.inputs
    return is_asked and run.inputs[name] > run.seen_version(silver.RECORDS)


def _alike(run: JobRun) -> tuple[DataFrame, Matching]:
    conf = run.settings.identity
    settings = load_matching_settings(run.options.home / conf.match_settings)
    return matched_record_links(run.read(silver.RECORDS), attributes=conf.match, settings=settings)


def links_around_shared_values(
    run: JobRun, namespaces: Namespaces, set_aside: Sequence[int]
) -> DataFrame:
    """Links of events and records around their strongest identifier that is somebody's, where the
    strongest one is nobody's. All events are looked through, which is why only a newly found value
    leads here."""
    records = run.read(silver.RECORDS) if silver.RECORDS.name in run.inputs else None
    seen = sightings(run.read(silver.EVENTS), records)
    return seen_beside_shared(seen, namespaces, set_aside)


def seen_beside_shared(
    seen: DataFrame, namespaces: Namespaces, set_aside: Sequence[int]
) -> DataFrame:
    """Links of sightings whose strongest identifier is set aside, around the next strongest.

    Returns:
        silver.identity_links columns but valid_from, valid_to, status and reason.
    """
    # Null where there is none: Spark may look before it has passed over events without identifiers.
    first = F.get(namespaces.ranked(F.col("identifiers")), F.lit(0))
    centre = node_id(first["namespace"], first["value"])
    theirs = seen.where((F.size("identifiers") > 2) & centre.isin(*set_aside))
    return seen_together(theirs, namespaces, rule=SEEN_BESIDE, without=set_aside)


def _has_new_decisions(run: JobRun) -> bool:
    name = silver.IDENTITY_DECISIONS.name
    return name in run.inputs and run.inputs[name] > run.seen_version(silver.IDENTITY_DECISIONS)
