"""The summary of a lake: records received, results, and their quality."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, functions as F

from kinfold.bronze.schemas.reasons import rule_of
from kinfold.core.log import counts_text
from kinfold.core.settings.models import Settings
from kinfold.core.wording import counted, percent_text, wrapped
from kinfold.gold.features.moments import newest_moment, rows_at
from kinfold.gold.propensity.evaluation import ranking_metrics
from kinfold.gold.propensity.labels import purchases_within
from kinfold.gold.propensity.training import missing_outcomes
from kinfold.gold.propensity.training_set import Snapshots
from kinfold.governance.ledger import ledger_laws
from kinfold.governance.table_counts import pinned_versions, table_counts, verified_rows
from kinfold.models.registry import find_champion, metrics_of, read_document
from kinfold.models.tracking import Tracking
from kinfold.reporting.activity import weekly_activity
from kinfold.reporting.identity import identity_lines
from kinfold.reporting.orders import order_lines_of, order_values
from kinfold.reporting.segments import NOT_PASSED, few_members_line, segment_lines, segment_values
from kinfold.reporting.truth import Truth, future_buyers, identity_result
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.graph.statistics import identity_quality
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import bronze, gold, ops, registry, silver
from kinfold.tables.collected import collected

Summary = dict[str, Any]
"""Plain data that JSON can represent. Each key is described by a function of this module."""


def summary_moment(run: JobRun) -> datetime:
    """The moment that the summary describes: the newest one of gold; in a lake without events the
    `as_of` of the run, or its start.
    """
    if gold.FEATURES.name in run.inputs:
        return newest_moment(run.read(gold.FEATURES))
    return run.settings.as_of or run.lake.started_at


def lake_summary(
    lake: Lake, *, as_of: datetime, tracking: Tracking, settings: Settings, truth: Truth | None
) -> Summary:
    """All data of the summary and of the page, from the lake and the model registry."""
    segment_model = segments(lake, tracking, settings.segmentation.model)
    propensity_model = propensity(lake, tracking, settings.propensity.model, as_of=as_of)
    identity_map = current(lake.read(silver.IDENTITY_MAP)).select(
        "namespace", "value", "profile_id"
    )
    known = identity_map.toArrow().to_pandas() if truth else None
    return {
        "run_id": lake.run_id,
        "lake": lake.root,
        "as_of": as_of.isoformat(),
        "stages": stages(lake),
        "sources": sources(lake),
        "ledger": ledger(lake),
        "rejections": rejections(lake),
        "event_types": event_types(lake),
        "tables": {table.name: lake.read_or_empty(table).count() for table in registry.PUBLISHED},
        "quality": quality(lake),
        "identity": identity(lake),
        "identity_quality": identity_quality(lake),
        "identity_truth": asdict(identity_result(known, truth)) if truth else None,
        "orders": order_values(lake.read_or_empty(silver.ORDERS)),
        "weeks": weekly_activity(
            lake.read_or_empty(silver.EVENTS),
            lake.read_or_empty(silver.PROFILES),
            lake.read_or_empty(silver.ORDERS),
            until=as_of,
        ),
        "segments": segment_model,
        "no_segments": None if segment_model else _no_segments(lake, settings, as_of),
        "propensity": propensity_model,
        "no_propensity": None if propensity_model else _no_propensity(lake, settings, as_of),
        "propensity_truth": _future_metrics(lake, known, truth, as_of) if truth else None,
    }


def summary_of_run(summary: Summary, lake: Lake) -> Summary:
    """A stored summary of an unchanged lake, with the jobs of this run instead of an earlier one.

    Args:
        lake: opened by this run.
    """
    return {**summary, "run_id": lake.run_id, "stages": stages(lake)}


def ledger(lake: Lake) -> list[dict[str, Any]]:
    """The laws of the ledger: name, left, right, is_kept. Reads what changed since their check."""
    versions = pinned_versions(lake)
    tables = table_counts(lake, versions, verified=verified_rows(lake, versions))
    return [{**asdict(law), "is_kept": law.holds} for law in ledger_laws(lake, tables)]


def stages(lake: Lake) -> list[dict[str, Any]]:
    """The jobs that this run has finished, in order: job, seconds, counts."""
    runs = lake.read(ops.JOB_RUNS).where(F.col("run_id") == lake.run_id)
    return [
        {"job": row["job"], "seconds": row["seconds"], "counts": dict(row["counts"])}
        for row in collected(runs.orderBy("finished_at"))
    ]


def sources(lake: Lake) -> list[dict[str, Any]]:
    """Landed records by source: records_in, accepted, rejected, batches."""
    rows = (
        lake.read(ops.BATCHES)
        .where(F.col("stage").isin("bronze", "records"))
        .groupBy("source")
        .agg(
            *(F.sum(name).alias(name) for name in ("records_in", "accepted", "rejected")),
            F.count(F.lit(1)).alias("batches"),
        )
    )
    return [row.asDict() for row in collected(rows.orderBy("source"))]


def rejections(lake: Lake, *, limit: int = 8) -> list[dict[str, Any]]:
    """The most frequent rejection reasons: reason, records."""
    reasons = (
        lake.read_or_empty(bronze.EVENTS)
        .where(F.col("verdict") == bronze.REJECTED)
        .select(F.explode("errors").alias("reason"))
        .groupBy(rule_of(F.col("reason")).alias("reason"))
        .agg(F.count(F.lit(1)).alias("records"))
    )
    return _top(reasons, "records", "reason", limit)


def event_types(lake: Lake) -> list[dict[str, Any]]:
    """Number of events by type: event_type, events."""
    events = lake.read_or_empty(silver.EVENTS)
    types = events.groupBy("event_type").agg(F.count(F.lit(1)).alias("events"))
    return _top(types, "events", "event_type", 20)


def quality(lake: Lake) -> list[dict[str, Any]]:
    """The latest quality results of each table: table_name, rules, rules_met, rows_checked.

    `rows_checked` are the rows of the latest write: a job that changes 51 rows of a table writes
    and checks these. The others were checked when they were written.
    """
    results = lake.read(ops.QUALITY_RESULTS)
    newest = results.groupBy("table_name").agg(F.max("judged_at").alias("latest"))
    rows = (
        results.join(newest, "table_name")
        .where(F.col("judged_at") == F.col("latest"))
        .groupBy("table_name")
        .agg(
            F.count(F.lit(1)).alias("rules"),
            F.count_if("is_met").alias("rules_met"),
            F.max("rows_checked").alias("rows_checked"),
        )
    )
    return [row.asDict() for row in collected(rows.orderBy("table_name"))]


def identity(lake: Lake) -> dict[str, Any]:
    """Number of profiles by number of identifiers, and number of anonymous events."""
    sizes = (
        current(lake.read(silver.IDENTITY_MAP))
        .groupBy("profile_id")
        .agg(F.count("*").alias("size"))
    )
    totals = collected(
        sizes.agg(
            F.count(F.lit(1)).alias("profiles"),
            F.coalesce(F.sum("size"), F.lit(0)).alias("identifiers"),
            F.max("size").alias("largest_profile"),
        )
    )[0]
    histogram = (
        sizes.select(F.least("size", F.lit(12)).alias("size"))
        .groupBy("size")
        .agg(F.count(F.lit(1)).alias("profiles"))
        .orderBy("size")
    )
    anonymous = lake.read_or_empty(silver.EVENTS).where(F.size("identifiers") == 0).count()
    return {
        **totals.asDict(),
        "anonymous_events": anonymous,
        "sizes": [[int(row["size"]), int(row["profiles"])] for row in collected(histogram)],
    }


def segments(lake: Lake, tracking: Tracking, name: str) -> dict[str, Any] | None:
    """The segments of the champion with their current members, and what these are worth (see
    `segment_values`); None without a champion."""
    champion = find_champion(tracking, name=name)
    if champion is None:
        return None
    values = segment_values(
        lake.read_or_empty(gold.SEGMENT_MEMBERS), lake.read_or_empty(silver.PROFILES)
    )
    cards = lake.read_or_empty(gold.SEGMENTS).where(F.col("model_version") == champion.version)
    total = sum(value["members"] for value in values.values()) or 1
    nothing: dict[str, Any] = {
        "members": 0,
        "buyers": 0,
        "revenue_cents": 0.0,
        "currency": None,
        "consent": {},
    }
    return {
        "model_version": champion.version,
        "cards": [
            {
                "segment_id": int(row["segment_id"]),
                "name": row["name"],
                "card": row["card"],
                "share": values.get(row["segment_id"], nothing)["members"] / total,
                **values.get(row["segment_id"], nothing),
            }
            for row in collected(cards.orderBy("segment_id"))
        ],
        "run_id": champion.run_id,
        "metrics": dict(metrics_of(tracking, run_id=champion.run_id)),
    }


def _no_segments(lake: Lake, settings: Settings, as_of: datetime) -> str:
    """Why there are no segments."""
    people = rows_at(lake.read_or_empty(gold.FEATURES), as_of).count()
    return few_members_line(people, min_people=settings.segmentation.min_people)


def _no_propensity(lake: Lake, settings: Settings, as_of: datetime) -> str:
    """Why there is no propensity model."""
    snapshots = Snapshots.of(settings.propensity, as_of=as_of)
    orders = lake.read_or_empty(silver.ORDERS)
    days = settings.propensity.horizon_days
    problem = missing_outcomes(
        lake.read_or_empty(gold.FEATURES),
        purchases_within(orders, as_ofs=snapshots.all, horizon_days=days),
        snapshots=snapshots,
    )
    return f"none yet: {problem}" if problem else NOT_PASSED


def propensity(
    lake: Lake, tracking: Tracking, name: str, *, as_of: datetime
) -> dict[str, Any] | None:
    """The evaluation of the champion and the scores at `as_of`; None without a champion."""
    champion = find_champion(tracking, name=name)
    if champion is None:
        return None
    scores = lake.read_or_empty(gold.PROPENSITY_SCORES).where(F.col("as_of") == F.lit(as_of))
    totals = collected(
        scores.agg(
            F.count(F.lit(1)).alias("scored"),
            F.avg("probability").alias("mean_probability"),
        )
    )[0]
    return {
        "model_version": champion.version,
        "run_id": champion.run_id,
        **totals.asDict(),
        "evaluation": read_document(tracking, run_id=champion.run_id, document="evaluation"),
        "verdict": read_document(tracking, run_id=champion.run_id, document="verdict"),
    }


def _future_metrics(
    lake: Lake, identity_map: Any, truth: Truth, as_of: datetime
) -> dict[str, Any] | None:
    """Metrics of the scores on the true future purchases; None if all outcomes are the same."""
    scores = lake.read_or_empty(gold.PROPENSITY_SCORES).where(F.col("as_of") == F.lit(as_of))
    frame = scores.select("profile_id", "probability").toArrow().to_pandas()
    probabilities, labels = future_buyers(frame, identity_map, truth)
    if not 0 < labels.sum() < labels.size:
        return None
    ranking = ranking_metrics(probabilities, labels)
    return {
        "profiles": int(labels.size),
        "buyers": int(labels.sum()),
        "auc_roc": ranking.auc_roc,
        "average_precision": ranking.average_precision,
        "lift_top_decile": ranking.lift_top_decile,
        "mean_probability": float(probabilities.mean()),
        "base_rate": float(labels.mean()),
    }


def _top(rows: DataFrame, count: str, name: str, limit: int) -> list[dict[str, Any]]:
    return [r.asDict() for r in collected(rows.orderBy(F.desc(count), name).limit(limit))]


def summary_text(summary: Summary) -> str:
    """The summary as text for a terminal; no line has more than 100 columns if words allow it."""
    parts = [
        _heading(f"kinfold: {summary['lake']}"),
        f"as of {summary['as_of'][:16].replace('T', ' ')} UTC, run {summary['run_id']}",
        *_flow_lines(summary),
        *_identity_lines(summary),
        *_order_lines(summary),
        *_segment_lines(summary),
        *_propensity_lines(summary),
        *_stage_lines(summary),
    ]
    lines = [line for part in parts for line in part.split("\n")]
    return "\n".join(wrapped(line, hanging=4) for line in lines)


def _flow_lines(summary: Summary) -> list[str]:
    lines = [_heading("Records")]
    lines += [
        f"  {source['source']:<22} {source['records_in']:>10,} in "
        f"{source['accepted']:>10,} accepted {source['rejected']:>8,} rejected"
        for source in summary["sources"]
    ]
    lines += [f"    {r['records']:>8,} x {r['reason']}" for r in summary["rejections"][:4]]
    holding = sum(law["is_kept"] for law in summary["ledger"])
    lines.append(f"  ledger: {holding} of {len(summary['ledger'])} conservation laws hold")
    rules = sum(table["rules"] for table in summary["quality"])
    met = sum(table["rules_met"] for table in summary["quality"])
    lines.append(
        f"  quality: {met} of {rules} rules met by {counted(len(summary['quality']), 'table')}"
    )
    return lines


def _identity_lines(summary: Summary) -> list[str]:
    identity = summary["identity"]
    lines = [
        _heading("People"),
        f"  {counted(identity['profiles'], 'profile')} from "
        f"{counted(identity['identifiers'], 'identifier')}, the largest with "
        f"{identity['largest_profile'] or 0:,}; "
        f"{counted(identity['anonymous_events'], 'event')} without a usable identifier",
    ]
    if "identity_quality" in summary:  # absent in a summary of an earlier version
        lines += identity_lines(summary["identity_quality"])
    truth = summary["identity_truth"]
    if truth:
        lines.append(
            f"  compared with the true people: precision {truth['precision']:.3f}, recall "
            f"{truth['recall']:.3f} over pairs of identifiers; {truth['pure_profiles']:,} of "
            f"{truth['profiles']:,} profiles have identifiers of one person only"
        )
    return lines


def _order_lines(summary: Summary) -> list[str]:
    if "orders" not in summary:  # a summary of an earlier version
        return []
    return [_heading("Orders"), *order_lines_of(summary["orders"])]


def _segment_lines(summary: Summary) -> list[str]:
    segments = summary["segments"]
    if not segments:
        return [_heading("Segments"), f"  {summary['no_segments']}"]
    heading = _heading(f"Segments (model version {segments['model_version']})")
    return [heading, *segment_lines(segments["cards"])]


def _propensity_lines(summary: Summary) -> list[str]:
    model = summary["propensity"]
    if not model:
        return [_heading("Purchase propensity"), f"  {summary['no_propensity']}"]
    metrics, rule = model["evaluation"]["metrics"], model["evaluation"]["baseline_metrics"]
    lines = [
        _heading(f"Purchase propensity (model version {model['model_version']})"),
        f"  hold-out: AUC {metrics['auc_roc']:.3f} (one-line rule {rule['auc_roc']:.3f}), average "
        f"precision {metrics['average_precision']:.3f} at base rate {metrics['base_rate']:.3f}, "
        f"lift {metrics['lift_top_decile']:.1f}",
        f"  {counted(model['scored'], 'person', 'people')} scored, mean probability "
        f"{model['mean_probability'] or 0:.3f}",
    ]
    future = summary["propensity_truth"]
    if future:
        lines.append(
            f"  on the true future purchases: AUC {future['auc_roc']:.3f}, lift "
            f"{future['lift_top_decile']:.1f}, {percent_text(future['base_rate'])} bought"
        )
    return lines


def _stage_lines(summary: Summary) -> list[str]:
    lines = [_heading("Jobs of this run")]
    lines += [
        f"  {stage['job']:<28} {stage['seconds']:6.1f} s  {counts_text(stage['counts'])}".rstrip()
        for stage in summary["stages"]
    ]
    return lines if summary["stages"] else [*lines, "  none: no input has changed"]


def _heading(text: str) -> str:
    return f"\n{text}\n{'-' * len(text)}"
