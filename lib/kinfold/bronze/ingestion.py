"""From a source's files into bronze.events: each batch one atomic append, one row of the ledger."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, Observation, Row, functions as F

from kinfold.bronze.envelope import landed_events
from kinfold.bronze.files import file_records, mapping_session, require_input
from kinfold.bronze.json_schema import SchemaRegistry
from kinfold.bronze.sources import Source
from kinfold.core.errors import ConfError, ContractError, LedgerError
from kinfold.runtime.lake import Lake
from kinfold.tables import bronze, ops


@dataclass
class _Landing:
    """A source on its way into bronze: what each micro-batch needs."""

    lake: Lake
    source: Source
    registry: SchemaRegistry

    def land(self, records: DataFrame, batch_id: int) -> None:
        """Append one batch and enter it in the ledger; repeating it changes nothing."""
        spark = records.sparkSession
        # The query's id lives in its checkpoint: a new checkpoint is a new writer to Delta.
        query_id = spark.sparkContext.getLocalProperty("sql.streaming.queryId")
        observation = Observation()
        observed = records.observe(observation, F.count(F.lit(1)).alias("records_in"))
        landed = landed_events(
            observed, registry=self.registry, ingested_before=self.lake.started_at
        ).withColumns(
            {
                "batch_id": F.lit(batch_id).cast("bigint"),
                "ingested_at": F.lit(self.lake.started_at),
            }
        )
        was_written = self.lake.append_once(
            bronze.EVENTS, landed, writer=f"{self.source.name}/{query_id}", batch_id=batch_id
        )
        # A batch that an earlier, killed run had committed is not read again by the append.
        records_in = int(observation.get["records_in"]) if was_written else records.count()
        self._enter(batch_id, records_in)

    def _enter(self, batch_id: int, records_in: int) -> None:
        landed_at = datetime.now(UTC)  # the append has committed, or an earlier run's had
        is_mine = (F.col("source") == self.source.name) & (F.col("batch_id") == batch_id)
        counts = (
            self.lake.read(bronze.EVENTS)
            .where(is_mine)
            .agg(
                F.count_if(F.col("verdict") == bronze.ACCEPTED).alias("accepted"),
                F.count_if(F.col("verdict") == bronze.REJECTED).alias("rejected"),
            )
            .collect()[0]
        )
        accepted, rejected = int(counts["accepted"]), int(counts["rejected"])
        self.lake.record(
            ops.BATCHES,
            [
                dict(
                    stage="bronze",
                    source=self.source.name,
                    batch_id=batch_id,
                    records_in=records_in,
                    accepted=accepted,
                    rejected=rejected,
                    added=accepted + rejected,
                    duplicates=0,
                    table_version=self.lake.version(bronze.EVENTS),
                    run_id=self.lake.run_id,
                    recorded_at=self.lake.started_at,
                    landed_at=landed_at,
                )
            ],
        )
        if records_in != accepted + rejected:
            raise LedgerError(
                f"bronze.events: batch {batch_id} of {self.source.name} had {records_in:,} "
                f"records; {accepted:,} accepted and {rejected:,} rejected rows have landed. "
                "Records are lost or doubled; keep the input files and compare them with the table."
            )


def ingest(
    lake: Lake, source: Source, registry: SchemaRegistry, *, files_per_batch: int
) -> dict[str, int]:
    """Land every file of the source that has not landed yet; returns the run's ledger counts.

    Raises:
        ConfError: no input, or a mapping that does not fit it.
        ContractError: the source has never given a record, or its files changed shape.
    """
    spark = lake.spark
    require_input(spark, source, is_first=not _landed_batches(lake, source).take(1))
    _require_schema(source, registry)
    session = mapping_session(spark, source)
    records = file_records(session, source, files_per_batch=files_per_batch)
    lake.ensure(bronze.EVENTS)
    landing = _Landing(lake, source, registry)
    query = (
        records.writeStream.foreachBatch(landing.land)
        .option("checkpointLocation", lake.folder(f"_checkpoints/bronze.events/{source.name}"))
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        raise _readable(error, source) from error
    return _counts(lake, source)


def rejection_reasons(lake: Lake, source: Source, *, limit: int = 3) -> list[Row]:
    """The commonest reasons of this run's rejections: reason, records."""
    return (
        lake.read(bronze.EVENTS)
        .where((F.col("source") == source.name) & (F.col("ingested_at") == lake.started_at))
        .select(F.explode("errors").alias("reason"))
        .groupBy("reason")
        .agg(F.count(F.lit(1)).alias("records"))
        .orderBy(F.desc("records"), "reason")
        .limit(limit)
        .collect()
    )


def require_accepted(lake: Lake, source: Source, counts: dict[str, int], *, limit: float) -> None:
    """Pass when at most `limit` of the run's records were rejected.

    Raises:
        ContractError: naming the commonest reasons. Everything has landed and nothing is lost.
    """
    if not counts["in"] or counts["rejected"] <= limit * counts["in"]:
        return
    reasons = "; ".join(
        f"{row['reason']} ({row['records']:,})" for row in rejection_reasons(lake, source)
    )
    raise ContractError(
        f"source {source.name}: {counts['rejected']:,} of {counts['in']:,} records were rejected, "
        f"limit {limit:.0%} (bronze.max_rejected_ratio). Commonest reasons: {reasons}. The records "
        f"are kept in bronze.events with their reasons. Correct {source.shown} or the schemas in "
        "conf/schemas, then start again on another lake."
    )


def _require_schema(source: Source, registry: SchemaRegistry) -> None:
    wanted = source.constant_type()
    if wanted is not None and wanted not in registry.event_types:
        raise ConfError(
            f"{source.shown}: event.event_type is '{wanted}', which has no schema. Known: "
            f"{', '.join(sorted(registry.event_types))}. Use one of them or add "
            f"conf/schemas/{wanted}/1-0-0.json."
        )


def _landed_batches(lake: Lake, source: Source) -> DataFrame:
    is_mine = (F.col("stage") == "bronze") & (F.col("source") == source.name)
    return lake.read_or_empty(ops.BATCHES).where(is_mine)


def _counts(lake: Lake, source: Source) -> dict[str, int]:
    is_now = F.col("run_id") == lake.run_id
    row = (
        _landed_batches(lake, source)
        .agg(
            F.coalesce(F.sum("records_in"), F.lit(0)).alias("ever"),
            *(
                F.coalesce(F.sum(F.when(is_now, F.col(name))), F.lit(0)).alias(name)
                for name in ("records_in", "accepted", "rejected")
            ),
        )
        .collect()[0]
    )
    if not row["ever"]:
        raise ContractError(
            f"source {source.name}: input {source.input} holds no record, expected at least one. "
            "Is the file only a header, or the wrong format?"
        )
    return {
        "in": int(row["records_in"]),
        "accepted": int(row["accepted"]),
        "rejected": int(row["rejected"]),
    }


def _readable(error: StreamingQueryException, source: Source) -> Exception:
    """The error behind a failed stream: ours as it was, a changed header by name, else the same."""
    text = str(error)
    for known in (LedgerError, ContractError, ConfError):
        marker = f"{known.__module__}.{known.__name__}: "
        if marker in text:
            first_line = text.split(marker, 1)[1].splitlines()[0]
            return known(first_line)
    if "CSV header does not conform to the schema" in text:
        return ContractError(
            f"source {source.name}: a CSV file of {source.input} has another header than the "
            "first. Give files of another shape a source file of their own."
        )
    return error
