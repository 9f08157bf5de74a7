"""From new events, records and decisions to links, and from links to people."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Row, functions as F

from kinfold.runtime.job import JobRun
from kinfold.silver.identity.contraction import contracted_components
from kinfold.silver.identity.decisions import holding, judged, operator_links
from kinfold.silver.identity.graph import Ints, Rules
from kinfold.silver.identity.guards import FORBIDDEN, TOO_LARGE
from kinfold.silver.identity.history import current, nodes_set_aside
from kinfold.silver.identity.likeness import MATCHED, alike_records
from kinfold.silver.identity.links import (
    SEEN_BESIDE,
    SEEN_TOGETHER,
    clashing,
    links_at,
    seen_identifiers,
    seen_together,
    sightings,
    widened,
)
from kinfold.silver.identity.nodes import Namespaces, node_id
from kinfold.silver.identity.records import RecordNews, record_news
from kinfold.silver.identity.resolution import (
    Known,
    Resolution,
    bad_value_rows,
    birth_rows,
    change_rows,
    frame_of,
    link_rows,
    map_rows,
    read_graph,
    resolution,
    rules_of,
    touched_components,
)
from kinfold.silver.matching.engine import Matching
from kinfold.silver.matching.settings import load_matching_settings
from kinfold.tables import silver

OUTPUTS = (
    silver.IDENTIFIERS,
    silver.IDENTITY_LINKS,
    silver.IDENTITY_MAP,
    silver.IDENTITY_CHANGES,
    silver.IDENTITY_BIRTHS,
    silver.BAD_VALUES,
)
_LINK = silver.IDENTITY_LINKS.columns
_UNSAID = "its record no longer says it"
_UNLIKE = "its records are no longer alike"


@dataclass(frozen=True)
class News:
    """What the graph has gained and lost since the last run.

    Attributes:
        identifiers: those seen in what is new, silver.identifiers columns.
        links: those that came, changed or were withdrawn, as they are now.
        lost_links: those that go with an identifier; null if none does.
        lost_nodes: identifiers that are no more: node_id; null if there is none.
        torn: nodes that lost a link.
        matching: of the records, if they were compared.
    """

    identifiers: DataFrame
    links: DataFrame
    lost_links: DataFrame | None
    lost_nodes: DataFrame | None
    torn: Ints
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
    news = _news(run, namespaces, decisions, set_aside, hold=_cached if is_full else _held)
    run.count(identifiers=news.identifiers.count(), links=news.links.count())
    run.publish(silver.IDENTIFIERS, news.identifiers, gone=news.lost_nodes)
    run.publish(silver.IDENTITY_LINKS, news.links, gone=news.lost_links)
    rules = rules_of(conf, decisions)
    parts: list[DataFrame | None]
    if not is_full:
        parts = [_held(_touched(run, news, set_aside))]
    elif lake.read(silver.IDENTITY_LINKS).count() <= conf.driver_links:
        parts = [None]
    else:
        set_aside = _shared_in_spark(run, namespaces, rules)
        if set_aside:
            beside = _landed(run, _seen_beside(run, namespaces, set_aside), decisions)
            lake.upsert(silver.IDENTITY_LINKS, beside)
        parts = _parts(run, set_aside)

    def found(within: DataFrame | None) -> Resolution:
        known = _known(run)
        return resolution(
            read_graph(known, namespaces, within=within),
            rules,
            namespaces,
            torn=news.torn,
            gone_births={row[0]: row[1] for row in known.births.collect()},
            set_aside=np.array(set_aside, np.int64),
        )

    for within in parts:
        result = found(within)
        shared = set(result.graph.node_id[result.shared.node].tolist())
        if new := sorted(shared - set(set_aside)):
            beside = _landed(run, _seen_beside(run, namespaces, [*set_aside, *new]), decisions)
            lake.upsert(silver.IDENTITY_LINKS, beside)
            result = found(within)
        _publish(run, result)
        _note_alarms(run, result, namespaces)
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


def _parts(run: JobRun, set_aside: Sequence[int]) -> list[DataFrame | None]:
    """The graph in parts that fit the driver and that no link leaves; values set aside come last,
    when it is known whose neighbours they are."""
    known = _known(run)
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
    parts: list[DataFrame | None] = [
        placed.where(F.col("place") == part).select("node_id").persist() for part in range(count)
    ]
    if set_aside:
        last = pa.table({"node_id": pa.array(set_aside, pa.int64())})
        parts.append(frame_of(run.spark, last))
    return parts


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
    hold: Callable[[DataFrame], DataFrame],
) -> News:
    lake = run.lake
    of_records = record_news(run)
    seen = sightings(run.inserted(silver.EVENTS), of_records.changed).persist()
    identifiers = _cached(seen_identifiers(seen))
    known = run.known(silver.IDENTIFIERS)
    known = _cached(known.join(identifiers.select("node_id"), "node_id", how="semi"))
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
    lost = None
    if of_records.vanished is not None:
        there = lake.read_or_empty(silver.IDENTITY_LINKS)
        lost = links_at(there, of_records.vanished).select("link_id", "left_node", "right_node")
        lost = _held(lost.join(links.select("link_id"), "link_id", how="anti"))
    torn = links.where(F.col("status") == "withdrawn").select("left_node", "right_node")
    if lost is not None:
        torn = torn.unionByName(lost.select("left_node", "right_node"))
    ends = torn.toArrow()
    return News(
        identifiers=hold(
            widened(identifiers, known, key="node_id").unionByName(clashing(identifiers, known))
        ),
        links=links,
        lost_links=lost,
        lost_nodes=of_records.vanished,
        torn=np.unique(
            np.concatenate([ends[side].to_numpy() for side in ("left_node", "right_node")])
        ).astype(np.int64),
        matching=matching,
    )


def _cached(rows: DataFrame) -> DataFrame:
    """Rows computed once, of a size that joins know."""
    rows = rows.persist()
    rows.count()
    return rows


def _held(rows: DataFrame) -> DataFrame:
    """Rows as they are now. What is only cached is computed anew, by each who reads it, as soon as
    a table that it came from has been written."""
    return _cached(rows.localCheckpoint())


def _landed(run: JobRun, said: DataFrame, decisions: Sequence[Row]) -> DataFrame:
    """Links as they are in silver.identity_links once they have been seen (again)."""
    said = _cached(said)
    known = run.lake.read_or_empty(silver.IDENTITY_LINKS)
    known = _cached(known.join(said.select("link_id"), "link_id", how="semi"))
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
        .withColumn("status", F.coalesce("status", F.lit("active")))
        .withColumn("valid_from", F.coalesce("valid_from", F.lit(at)))
    )
    return judged(links, decisions, at=at, are_said=True).select(*_LINK)


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
    there = run.lake.read(silver.IDENTITY_LINKS).join(
        links.select("link_id"), "link_id", how="anti"
    )
    found = there.where(F.lit(False)).select(*_LINK)
    if of_records.changed_nodes is not None:
        nodes = of_records.changed_nodes.withColumnRenamed("node_id", "left_node")
        unsaid = there.where(F.col("rule") != MATCHED).join(nodes, "left_node", how="semi")
        found = _as_withdrawn(unsaid, at=at, reason=_UNSAID)
    if is_matched:
        unlike = there.where((F.col("rule") == MATCHED) & (F.col("status") != "withdrawn"))
        found = found.unionByName(_as_withdrawn(unlike, at=at, reason=_UNLIKE))
    if _has_new_decisions(run):
        changes = run.changes(silver.IDENTITY_DECISIONS)
        nodes = changes.select(F.explode(F.array("left_node", "right_node")).alias("node_id"))
        near = links_at(there, nodes.dropna().distinct())
        near = near.join(found.select("link_id"), "link_id", how="anti")
        near = judged(near.select(*_LINK), decisions, at=at, are_said=False)
        found = found.unionByName(near.select(*_LINK))
    return found


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


def _touched(run: JobRun, news: News, set_aside: Sequence[int]) -> DataFrame:
    """The nodes whose people may change."""
    ends = news.links.select(F.explode(F.array("left_node", "right_node")).alias("node_id"))
    touched = news.identifiers.select("node_id").unionByName(ends)
    if news.lost_links is not None and news.lost_nodes is not None:
        lost = news.lost_links.select(F.explode(F.array("left_node", "right_node")))
        touched = touched.union(lost).union(news.lost_nodes.select("node_id"))
    again = sorted(set(set_aside) & set(news.torn.tolist()))
    if set_aside:  # they stay so, whatever comes; where something goes, they are judged anew
        stays = [node for node in set_aside if node not in set(again)]
        touched = touched.where(~F.col("node_id").isin(*stays))
    if again:
        nodes = frame_of(run.spark, pa.table({"node_id": pa.array(again, pa.int64())}))
        near = links_at(run.lake.read(silver.IDENTITY_LINKS), nodes)
        touched = touched.union(near.select(F.explode(F.array("left_node", "right_node"))))
    return touched_components(_known(run), _cached(touched.distinct()))


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
    ranked = namespaces.ranked(F.col("identifiers"))
    centre = node_id(ranked[0]["namespace"], ranked[0]["value"])
    theirs = seen.where((F.size("identifiers") > 2) & centre.isin(*set_aside))
    return seen_together(theirs, namespaces, rule=SEEN_BESIDE, without=set_aside)


def _publish(run: JobRun, result: Resolution) -> None:
    spark, lake, at = run.spark, run.lake, run.lake.started_at
    known = _known(run)
    blocked = result.changed_links()
    if blocked.num_rows:
        lake.upsert(silver.IDENTITY_LINKS, link_rows(spark, blocked, known.links))
    _publish_bad_values(run, result, known)
    if result.births:
        lake.upsert(silver.IDENTITY_BIRTHS, birth_rows(spark, result.births, at=at))
    moved = result.moved_people()
    if moved.num_rows:
        since = json.dumps(run.previous["input_versions"] if run.previous else None)
        rows = change_rows(spark, moved, at=at, run_id=lake.run_id, since=since)
        lake.upsert(silver.IDENTITY_CHANGES, rows)
    changed = result.changed_nodes()
    gone = result.graph.gone_node
    if not lake.exists(silver.IDENTITY_MAP):
        rows = map_rows(spark, changed, current=known.current, identifiers=known.identifiers, at=at)
        lake.replace(silver.IDENTITY_MAP, rows)
    elif changed.num_rows or len(gone):
        rows = map_rows(spark, changed, current=known.current, identifiers=known.identifiers, at=at)
        lake.upsert(silver.IDENTITY_MAP, rows, gone=_rows_of(run, gone))
    here = result.people.belongs & result.graph.is_inside
    run.count(
        moved=moved.num_rows,
        people=len(np.unique(result.keys[here])),
        set_aside=len(result.shared.node),
        blocked=int(np.count_nonzero(result.people.is_blocked)),
    )


def _publish_bad_values(run: JobRun, result: Resolution, known: Known) -> None:
    lake, graph = run.lake, result.graph
    there = lake.read_or_empty(silver.BAD_VALUES)
    before = {row["node_id"] for row in there.select("node_id").collect()}
    shared = set(graph.node_id[result.shared.node].tolist())
    no_more = (before & set(graph.node_id[graph.is_inside].tolist())) - shared
    no_more |= before & set(graph.gone_node.tolist())
    if not (shared or no_more):
        return
    rows = bad_value_rows(run.spark, result, known.identifiers, at=lake.started_at)
    found_at = there.select("node_id", F.col("set_aside_at").alias("_at"))
    rows = rows.join(found_at, "node_id", how="left").withColumn(
        "set_aside_at", F.coalesce("_at", "set_aside_at")
    )
    nodes = pa.table({"node_id": pa.array(sorted(no_more), pa.int64())})
    lake.upsert(silver.BAD_VALUES, rows, gone=frame_of(run.spark, nodes) if no_more else None)


def _rows_of(run: JobRun, nodes: Ints) -> DataFrame | None:
    """Every row of the map of nodes that are no more, history included."""
    if len(nodes) == 0:
        return None
    frame = frame_of(run.spark, pa.table({"node_id": nodes}))
    return run.lake.read(silver.IDENTITY_MAP).join(frame, "node_id", how="semi")


def _known(run: JobRun) -> Known:
    lake = run.lake
    return Known(
        identifiers=lake.read_or_empty(silver.IDENTIFIERS),
        links=lake.read_or_empty(silver.IDENTITY_LINKS),
        current=current(lake.read_or_empty(silver.IDENTITY_MAP)),
        births=lake.read_or_empty(silver.IDENTITY_BIRTHS),
    )


def _set_aside(run: JobRun, decisions: Sequence[Row]) -> list[int]:
    """Nodes that belong to nobody, but for those that an operator has released."""
    released = {row["left_node"] for row in decisions if row["kind"] == "release"}
    return sorted(nodes_set_aside(run.lake.read_or_empty(silver.BAD_VALUES)) - released)


def _has_new_decisions(run: JobRun) -> bool:
    name = silver.IDENTITY_DECISIONS.name
    return name in run.inputs and run.inputs[name] > run.seen_version(silver.IDENTITY_DECISIONS)
