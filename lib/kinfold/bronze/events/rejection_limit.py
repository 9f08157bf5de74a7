"""How much of what a run has landed was rejected, and why."""

from collections.abc import Mapping

from pyspark.sql import functions as F

from kinfold.bronze.sources.declaration import DataSource
from kinfold.core.errors import ContractError
from kinfold.runtime.lake.tables import Lake
from kinfold.tables.spec import Table

REASONS_TOLD = 3


def require_accepted(
    lake: Lake,
    table: Table,
    source: DataSource,
    counts: Mapping[str, int],
    *,
    limit: float,
    advice: str,
) -> None:
    """Pass when at most `limit` of the run's records were rejected.

    Args:
        table: where they have landed, with source, ingested_at and errors.
        counts: the run's, with `in` and `rejected`; `in` may be missing when there was nothing.
        advice: the last sentence of the message.

    Raises:
        ContractError: naming the commonest reasons. Everything has landed and nothing is lost.
    """
    if not counts.get("in") or counts["rejected"] <= limit * counts["in"]:
        return
    is_of_this_run = F.col("ingested_at") >= F.lit(lake.started_at)
    reasons = (
        lake.read(table)
        .where((F.col("source") == source.name) & is_of_this_run)
        .select(F.explode("errors").alias("reason"))
        .groupBy("reason")
        .agg(F.count(F.lit(1)).alias("records"))
        .orderBy(F.desc("records"), "reason")
        .limit(REASONS_TOLD)
        .collect()
    )
    told = "; ".join(f"{row['reason']} ({row['records']:,})" for row in reasons)
    raise ContractError(
        f"source {source.name}: {counts['rejected']:,} of {counts['in']:,} records were rejected, "
        f"limit {limit:.0%} (bronze.max_rejected_ratio). Commonest reasons: {told}. The records "
        f"are kept in {table.name} with their reasons. {advice}"
    )
