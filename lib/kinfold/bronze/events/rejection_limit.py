"""The limit on the ratio of rejected records in a run."""

from collections.abc import Mapping

from pyspark.sql import functions as F

from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.schemas.reasons import rule_of
from kinfold.bronze.sources.declaration import DataSource, Source
from kinfold.core.errors import ContractError
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze
from kinfold.tables.collected import collected
from kinfold.tables.spec import Table

_MAX_SHOWN_REASONS = 3


def require_accepted_events(
    lake: Lake, source: Source, counts: Mapping[str, int], *, limit: float
) -> None:
    """Check that at most `limit` of the run's events were rejected.

    Args:
        counts: of the run: `in` and `rejected`; without `in` there were no records.

    Raises:
        ContractError: with the most frequent reasons. Everything has landed and nothing is lost.
    """
    if not _are_too_many(counts, limit):
        return
    correction = "--remap" if source.event is not None else "--fix FILE"
    advice = (
        f"Correct {source.display_path} or the schemas in conf/schemas (try it with "
        f"jobs/bronze/check_source.py), then judge the rejected records again: "
        f"jobs/bronze/replay_dead_letters.py --source {source.display_path} {correction} "
        f"--set lake.root={lake.root}"
    )
    _require_accepted(lake, bronze.EVENTS, source, counts, limit=limit, advice=advice)


def require_accepted_records(
    lake: Lake, source: RecordSource, counts: Mapping[str, int], *, limit: float
) -> None:
    """Check that at most `limit` of the run's records were rejected; see `require_accepted_events`.

    Raises:
        ContractError: with the most frequent reasons. Everything has landed and nothing is lost.
    """
    advice = f"Correct {source.display_path} and deliver the extract again."
    _require_accepted(lake, bronze.RECORDS, source, counts, limit=limit, advice=advice)


def _are_too_many(counts: Mapping[str, int], limit: float) -> bool:
    return bool(counts.get("in")) and counts["rejected"] > limit * counts["in"]


def _require_accepted(
    lake: Lake,
    table: Table,
    source: DataSource,
    counts: Mapping[str, int],
    *,
    limit: float,
    advice: str,
) -> None:
    if not _are_too_many(counts, limit):
        return
    is_of_this_run = F.col("ingested_at") >= F.lit(lake.started_at)
    reasons = collected(
        lake.read(table)
        .where((F.col("source") == source.name) & is_of_this_run)
        .select(F.explode("errors").alias("reason"))
        .groupBy(rule_of(F.col("reason")))
        .agg(F.count(F.lit(1)).alias("records"), F.min("reason").alias("reason"))
        .orderBy(F.desc("records"), "reason")
        .limit(_MAX_SHOWN_REASONS)
    )
    shown = "; ".join(f"{row['reason']} ({row['records']:,})" for row in reasons)
    raise ContractError(
        f"source {source.name}: {counts['rejected']:,} of {counts['in']:,} records were rejected, "
        f"limit {limit:.0%} (bronze.max_rejected_ratio). Most frequent reasons: {shown}. "
        f"{table.name} has the records with their reasons. {advice}"
    )
