"""From new events, records and decisions to links, and from links to people."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Row, functions as F

from kinfold.runtime.frames import (
    cached,
    frame_of,
    held,
    let_go,
    numbers,
    persisted,
    rows_with,
)
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake import Lake
from kinfold.silver.identity.contraction import contracted_components
from kinfold.silver.identity.decisions import holding, judged, operator_links
from kinfold.silver.identity.graph import Ints, Rules
from kinfold.silver.identity.guards import FORBIDDEN, TOO_LARGE
from kinfold.silver.identity.history import nodes_set_aside
from kinfold.silver.identity.likeness import MATCHED, alike_records
from kinfold.silver.identity.links import (
    SEEN_BESIDE,
    SEEN_TOGETHER,
    links_at,
    new_identifiers,
    seen_identifiers,
    seen_together,
    sightings,
    widened,
)
from kinfold.silver.identity.nodes import Namespaces, node_id
from kinfold.silver.identity.records import RecordNews, record_news
from kinfold.silver.identity.resolution import (
    Changes,
    Known,
    Near,
    Resolution,
    bad_value_rows,
    birth_rows,
    change_rows,
    known_graph,
    link_rows,
    map_rows,
    near_of,
    nearby,
    read_graph,
    resolution,
    rules_of,
    touched_components,
)
from kinfold.silver.matching.engine import Matching
from kinfold.silver.matching.settings import load_matching_settings
from kinfold.tables import silver
from kinfold.tables.spec import Table

OUTPUTS = (
    silver.IDENTIFIERS,
    silver.IDENTITY_LINKS,
    silver.IDENTITY_MAP,
    silver.IDENTITY_CHANGES,
    silver.IDENTITY_BIRTHS,
    silver.BAD_VALUES,
)
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
"""What is kept of a link that is seen again."""
_UNSAID = "its record no longer says it"
_UNLIKE = "its records are no longer alike"


@dataclass(frozen=True)
class News:
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


def stitch(run: JobRun) -> Matching | None:
    """Land the news in the graph, then publish who is who.

    Published in an order that lets a run that was killed be repeated: every step finds again what
    the next one needs.

    Returns:
        How matching the records went; null if they were not compared.
    """
    conf, lake = run.settings.identity, run.lake
    namespaces = Namespaces.of(conf)
    decisions = holding(lake.read_or_empty(silver.IDENTITY_DECISIONS))
    set_aside = [] if run.is_rebuild else _set_aside(run, decisions)
    is_full = run.is_rebuild or not lake.exists(silver.IDENTITY_MAP)
    with nullcontext() if is_full else let_go():  # few news are held by then
        news = _news(run, namespaces, decisions, set_aside, is_full=is_full)
    run.publish(
        silver.IDENTIFIERS,
        news.identifiers,
        gone=news.lost_nodes,
        are_new=news.are_new_identifiers,
    )
    run.publish(silver.IDENTITY_LINKS, news.links, gone=news.lost_links, are_new=news.are_new_links)
    rules = rules_of(conf, decisions)
    parts: Iterable[Near | None]
    if not is_full:
        parts = [_touched(run, news, set_aside)]
    elif lake.read(silver.IDENTITY_LINKS).count() <= conf.driver_links:
        parts = [None]
    else:
        set_aside = _shared_in_spark(run, namespaces, rules)
        if set_aside:
            beside = _landed(run, _seen_beside(run, namespaces, set_aside), decisions)
            lake.upsert(silver.IDENTITY_LINKS, beside)
        parts = _parts(run, set_aside)

    def found(near: Near | None) -> tuple[Known, Resolution]:
        known = known_graph(lake, is_resolved=False)
        known = known if near is None else nearby(known, near)
        result = resolution(
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
            beside = _landed(run, _seen_beside(run, namespaces, [*set_aside, *new]), decisions)
            lake.upsert(silver.IDENTITY_LINKS, beside)
            known, result = found(near)
        _note_alarms(run, result, namespaces)
        changes = result.changes(numbers(lake.read_or_empty(silver.BAD_VALUES).select("node_id")))
        del result  # the graph of fifty million links is gigabytes
        _publish(run, changes, known)
    return news.matching


def _shared_in_spark(run: JobRun, namespaces: Namespaces, rules: Rules) -> list[int]:
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


def _parts(run: JobRun, set_aside: Sequence[int]) -> Iterator[Near]:
    """The graph in parts that fit the driver and that no link leaves; values set aside come last,
    when it is known whose neighbours they are."""
    known = known_graph(run.lake, is_resolved=False)
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
    placed = held(placed)
    for part in range(count):
        yield near_of(known, numbers(placed.where(F.col("place") == part).select("node_id")))
    if set_aside:
        yield near_of(known, np.array(set_aside, np.int64))


def _note_alarms(run: JobRun, result: Resolution, namespaces: Namespaces) -> None:
    """Tell of the worst that plain components would have joined, before anything was cut."""
    alarms = result.people.guarded.alarms
    for code in np.unique(alarms.code).tolist():
        counts = alarms.count[alarms.code == code]
        what = {TOO_LARGE: "identifiers", FORBIDDEN: "pairs to be kept apart"}.get(code)
        run.note(
            f"guards cut {len(counts)} components with too many {what or namespaces.names[code]}, "
            f"the largest with {counts.max()}"
        )


def _news(
    run: JobRun,
    namespaces: Namespaces,
    decisions: Sequence[Row],
    set_aside: Sequence[int],
    *,
    is_full: bool,
) -> News:
    lake = run.lake
    hold = cached if is_full else held
    of_records = record_news(run)
    seen = persisted(sightings(run.inserted(silver.EVENTS), of_records.changed))
    seen_now = cached(seen_identifiers(seen))
    if seen_now.isEmpty():
        identifiers = _none_of(lake, silver.IDENTIFIERS)
    else:
        known = run.known(silver.IDENTIFIERS)
        known = cached(known.join(seen_now.select("node_id"), "node_id", how="semi"))
        identifiers = hold(new_identifiers(seen_now, known))
    said = seen_together(seen, namespaces)
    if set_aside:
        said = said.unionByName(seen_beside(seen, namespaces, set_aside))
    if _has_new_decisions(run):
        said = said.unionByName(operator_links(lake.read(silver.IDENTITY_DECISIONS)))
    matching = None
    if _matches_records(run):
        alike, matching = _alike(run)
        said = said.unionByName(alike)
    links = _landed(run, said, decisions)
    withdrawn = _withdrawn(run, of_records, links, decisions, is_matched=matching is not None)
    links = hold(links.unionByName(withdrawn))
    (identifier_count, known_identifiers), (link_count, known_links) = (
        rows.agg(F.count(F.lit(1)), F.count_if("is_known")).collect()[0]
        for rows in (identifiers, links)
    )
    run.count(identifiers=identifier_count, links=link_count)
    lost, ends = None, [links.select(*_ENDS)]
    torn = [links.where(F.col("status") == "withdrawn").select(*_ENDS)]
    nodes = [seen_now.select("node_id")]
    if of_records.vanished is not None:
        there = lake.read_or_empty(silver.IDENTITY_LINKS)
        lost = links_at(there, numbers(of_records.vanished)).select("link_id", *_ENDS)
        lost = held(lost.join(links.select("link_id"), "link_id", how="anti"))
        torn.append(lost.select(*_ENDS))
        ends.append(lost.select(*_ENDS))
        nodes.append(of_records.vanished)
    return News(
        identifiers=identifiers,
        links=links,
        are_new_identifiers=known_identifiers == 0,
        are_new_links=known_links == 0,
        lost_links=lost,
        lost_nodes=of_records.vanished,
        torn=numbers(*torn),
        touched=np.empty(0, np.int64) if is_full else numbers(*nodes, *ends),
        matching=matching,
    )


def _landed(run: JobRun, said: DataFrame, decisions: Sequence[Row]) -> DataFrame:
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
    return judged(links, decisions, at=at, are_said=True).select(*_LINK, "is_known")


def _none_of(lake: Lake, table: Table) -> DataFrame:
    """No rows of a table, with `is_known`: what is made of them takes no time."""
    return lake.empty(table).withColumn("is_known", F.lit(True))


def _withdrawn(
    run: JobRun,
    of_records: RecordNews,
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
        ends = F.explode(F.array(*_ENDS)).alias("node_id")
        decided = numbers(run.changes(silver.IDENTITY_DECISIONS).select(ends).dropna())
        near = links_at(every, decided).join(
            said.unionByName(found.select("link_id")), "link_id", "anti"
        )
        near = judged(near.select(*_LINK), decisions, at=at, are_said=False)
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
    return alike_records(run.read(silver.RECORDS), attributes=conf.match, settings=settings)


def _touched(run: JobRun, news: News, set_aside: Sequence[int]) -> Near:
    """The part of the graph whose people may change."""
    known, touched = known_graph(run.lake, is_resolved=False), news.touched
    # Values set aside stay so, whatever comes; where something goes, they are judged anew.
    again = np.intersect1d(np.array(set_aside, np.int64), news.torn)
    touched = np.setdiff1d(touched, np.setdiff1d(set_aside, again))
    if len(again):
        touched = np.union1d(touched, numbers(links_at(known.links, again).select(*_ENDS)))
    return touched_components(known, touched)


def _seen_beside(run: JobRun, namespaces: Namespaces, set_aside: Sequence[int]) -> DataFrame:
    """Links of events and records around their strongest identifier that is somebody's, where the
    strongest one is nobody's. All events are looked through, which is why only a newly found value
    leads here."""
    records = run.read(silver.RECORDS) if silver.RECORDS.name in run.inputs else None
    seen = sightings(run.read(silver.EVENTS), records)
    return seen_beside(seen, namespaces, set_aside)


def seen_beside(seen: DataFrame, namespaces: Namespaces, set_aside: Sequence[int]) -> DataFrame:
    """Links of sightings whose strongest identifier is set aside, around the next strongest.

    Returns:
        silver.identity_links columns but valid_from, valid_to, status and reason.
    """
    # Null where there is none: Spark may look before it has passed over events without identifiers.
    first = F.get(namespaces.ranked(F.col("identifiers")), F.lit(0))
    centre = node_id(first["namespace"], first["value"])
    theirs = seen.where((F.size("identifiers") > 2) & centre.isin(*set_aside))
    return seen_together(theirs, namespaces, rule=SEEN_BESIDE, without=set_aside)


def _publish(run: JobRun, changes: Changes, known: Known) -> None:
    spark, lake, at = run.spark, run.lake, run.lake.started_at
    if changes.links.num_rows:
        links = link_rows(changes.links, lake.read(silver.IDENTITY_LINKS))
        lake.upsert(silver.IDENTITY_LINKS, links, are_changed=True)
    if changes.shared.num_rows or len(changes.no_more_shared):
        _publish_bad_values(run, changes, known)
    if changes.births:
        lake.upsert(silver.IDENTITY_BIRTHS, birth_rows(spark, changes.births, at=at))
    if changes.moved.num_rows:
        since = json.dumps(run.previous["input_versions"] if run.previous else None)
        rows = change_rows(spark, changes.moved, at=at, run_id=lake.run_id, since=since)
        lake.upsert(silver.IDENTITY_CHANGES, rows)
    nodes, is_known = changes.nodes, changes.nodes["is_known"]
    if not lake.exists(silver.IDENTITY_MAP):
        lake.replace(silver.IDENTITY_MAP, map_rows(nodes, known, at=at))
    else:  # those that come need no look at those that are there, and are most
        come, go = nodes.filter(pc.invert(is_known)), nodes.filter(is_known)
        if come.num_rows:
            rows = map_rows(come, known, at=at)
            lake.upsert(silver.IDENTITY_MAP, rows, are_new=True)
        if go.num_rows or len(changes.gone_nodes):
            gone = _rows_of(run, changes.gone_nodes)
            rows = map_rows(go, known, at=at)
            lake.upsert(silver.IDENTITY_MAP, rows, gone=gone, are_changed=True)
    run.count(
        moved=changes.moved.num_rows,
        people=changes.people,
        set_aside=changes.shared.num_rows,
        blocked=changes.blocked,
    )


def _publish_bad_values(run: JobRun, changes: Changes, known: Known) -> None:
    there = run.lake.read_or_empty(silver.BAD_VALUES)
    rows = bad_value_rows(changes.shared, known.identifiers, at=run.lake.started_at)
    found_at = there.select("node_id", F.col("set_aside_at").alias("_at"))
    rows = rows.join(found_at, "node_id", how="left").withColumn(
        "set_aside_at", F.coalesce("_at", "set_aside_at")
    )
    gone = None
    if len(changes.no_more_shared):
        gone = frame_of(run.spark, pa.table({"node_id": changes.no_more_shared}))
    run.lake.upsert(silver.BAD_VALUES, rows, gone=gone)


def _rows_of(run: JobRun, nodes: Ints) -> DataFrame | None:
    """Every row of the map of nodes that are no more, history included."""
    if len(nodes) == 0:
        return None
    return rows_with(run.lake.read(silver.IDENTITY_MAP), "node_id", nodes)


def _set_aside(run: JobRun, decisions: Sequence[Row]) -> list[int]:
    """Nodes that belong to nobody, but for those that an operator has released."""
    released = {row["left_node"] for row in decisions if row["kind"] == "release"}
    return sorted(nodes_set_aside(run.lake.read_or_empty(silver.BAD_VALUES)) - released)


def _has_new_decisions(run: JobRun) -> bool:
    name = silver.IDENTITY_DECISIONS.name
    return name in run.inputs and run.inputs[name] > run.seen_version(silver.IDENTITY_DECISIONS)
