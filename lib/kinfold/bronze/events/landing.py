"""From a source into bronze.events: each batch one atomic append, one row of the ledger."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Observation, functions as F
from pyspark.sql.streaming.query import StreamingQuery

from kinfold.bronze.checkpoints.resumption import checkpoint_folder
from kinfold.bronze.events.landed_rows import Shape, landed_batches, landed_events
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.archive import archive_landed
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import with_flat_kafka, with_kafka_struct
from kinfold.core.errors import LedgerError
from kinfold.runtime.lake.write_strategies import Commit
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze, ops

Counts = dict[str, int]
"""What the ledger tells of a batch, by column."""
_TOLD = ("records_in", "accepted", "rejected")
_TOLD_OF_ROWS = ("accepted", "rejected", "unpacked")


@dataclass
class Landing:
    """A source ready to be read: what each micro-batch needs. Nothing has been read yet."""

    lake: Lake
    source: Source
    registry: SchemaRegistry
    records: DataFrame
    first_batch_id: int
    entered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_TOLD, 0))
    """What this run has entered in the ledger so far."""

    @property
    def counts(self) -> dict[str, int]:
        """in, accepted and rejected of this run."""
        return dict(zip(("in", "accepted", "rejected"), self.entered.values(), strict=True))

    def start(self, **trigger: Any) -> StreamingQuery:
        """Begin to land what is new; `availableNow=True` or `processingTime="2 seconds"`."""
        self.lake.ensure(bronze.EVENTS)
        self.lake.ensure(ops.BATCHES)
        return (
            self.records.writeStream.foreachBatch(self._land)
            .queryName(self.source.name)
            .option("checkpointLocation", checkpoint_folder(self.lake, self.source))
            .trigger(**trigger)
            .start()
        )

    def _land(self, records: DataFrame, number: int) -> None:
        """Append one batch and enter it in the ledger; repeating it changes nothing."""
        spark = records.sparkSession
        # The query's id lives in its checkpoint: a new checkpoint is a new writer to Delta.
        query_id = spark.sparkContext.getLocalProperty("sql.streaming.queryId")
        batch_id, begun_at = self.first_batch_id + number, datetime.now(UTC)
        self.archive()  # the files of batches before this one
        writer = f"{self.source.name}/{query_id}"
        land = self._land_files if self.lake.takes_files(bronze.EVENTS) else self._land_rows
        done = land(records, batch_id, begun_at, writer=writer, number=number)
        # A batch that an earlier, killed run had committed is neither read nor judged again.
        commit, counts = done or (None, {})
        if commit is None or commit.rows != _rows(counts) or not _is_whole(counts):
            counts = self._landed_counts(batch_id) | {"records_in": records.count()}
        self._enter(batch_id, counts, commit)

    def _land_files(
        self, records: DataFrame, batch_id: int, begun_at: datetime, *, writer: str, number: int
    ) -> tuple[Commit, Counts] | None:
        """Append by workers that write what they judge; null if the batch has landed already."""
        judged = landed_batches(registry=self.registry, shape=self._shape, ingested_before=begun_at)
        is_flat = "kafka" in records.columns

        def landed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for rows in judged(map(with_kafka_struct, batches) if is_flat else batches):
                for name, value in (("batch_id", batch_id), ("ingested_at", begun_at)):
                    rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
                yield rows

        done = self.lake.append_files_once(
            bronze.EVENTS,
            with_flat_kafka(records) if is_flat else records,
            landed,
            count=_counted,
            writer=writer,
            batch_id=number,
        )
        if done is None:
            return None
        commit, found = done
        counts = {name: found[name] for name in _TOLD_OF_ROWS}
        return commit, counts | {"records_in": found["received"]}

    def _land_rows(
        self, records: DataFrame, batch_id: int, begun_at: datetime, *, writer: str, number: int
    ) -> tuple[Commit, Counts] | None:
        """The same by Spark's own writer, which knows every storage."""
        received, judged = Observation(), Observation()
        observed = records.observe(received, F.count(F.lit(1)).alias("records_in"))
        landed = self._judged(observed, begun_at).withColumns(
            {
                "batch_id": _same_for_all(F.lit(batch_id).cast("bigint")),
                "ingested_at": _same_for_all(F.lit(begun_at)),
            }
        )
        commit = self.lake.append_once(
            bronze.EVENTS, landed.observe(judged, *_counted_rows()), writer=writer, batch_id=number
        )
        return None if commit is None else (commit, received.get | judged.get)

    def _judged(self, records: DataFrame, begun_at: datetime) -> DataFrame:
        return landed_events(
            records, registry=self.registry, shape=self._shape, ingested_before=begun_at
        )

    @property
    def _shape(self) -> Shape:
        return "mapped" if self.source.event else self.source.shape

    def _enter(self, batch_id: int, counts: Mapping[str, int], commit: Commit | None) -> None:
        landed_at = datetime.now(UTC)  # the append has committed, or an earlier run's had
        records_in, unpacked = counts["records_in"], counts["unpacked"]
        accepted, rejected = counts["accepted"], counts["rejected"]
        row = dict(
            stage="bronze",
            source=self.source.name,
            batch_id=batch_id,
            records_in=records_in,
            unpacked=unpacked,
            accepted=accepted,
            rejected=rejected,
            added=accepted + rejected,
            duplicates=0,
            table_version=commit.version if commit else self.lake.version(bronze.EVENTS),
            run_id=self.lake.run_id,
            recorded_at=datetime.now(UTC),
            landed_at=landed_at,
        )
        # A batch that has only now landed cannot have been entered, and not to ask is much faster.
        if commit is not None or not self._is_entered(batch_id):
            self.lake.append_record(ops.BATCHES, [row])
            for name in _TOLD:
                self.entered[name] += counts[name]
        if not _is_whole(counts):
            raise LedgerError(
                f"bronze.events: batch {batch_id} of {self.source.name} had {records_in:,} "
                f"records{f' with {unpacked:,} further events' if unpacked else ''}; "
                f"{accepted:,} accepted and {rejected:,} rejected rows have landed. "
                "Records are lost or doubled; keep the input files and compare them with the table."
            )

    def archive(self) -> None:
        """Move the files that have landed, where the source has an archive."""
        archive_landed(self.lake, self.source, checkpoint_folder(self.lake, self.source))

    def _is_entered(self, batch_id: int) -> bool:
        entered = landed_batches_of(self.lake, self.source).where(F.col("batch_id") == batch_id)
        return bool(entered.take(1))

    def _landed_counts(self, batch_id: int) -> dict[str, int]:
        """Counted in the table, where what was counted on the way does not agree with its log."""
        is_mine = (F.col("source") == self.source.name) & (F.col("batch_id") == batch_id)
        rows = self.lake.read(bronze.EVENTS).where(is_mine)
        return rows.agg(*_counted_rows()).collect()[0].asDict()


def _same_for_all(value: Column) -> Column:
    """A value of the batch as an expression that Spark does not write into its generated code.

    A number written into it makes the code of every batch new, to be compiled and warmed up again.
    """
    first = (F.col("source_offset") * 0).cast("int")  # Spark does not see that it is always 0
    return F.get(F.array(value), first)


def _counted_rows() -> tuple[Column, ...]:
    return (
        F.count_if(F.col("verdict") == bronze.ACCEPTED).alias("accepted"),
        F.count_if(F.col("verdict") == bronze.REJECTED).alias("rejected"),
        F.count_if(F.col("record_index") > 0).alias("unpacked"),
    )


def _counted(rows: pa.RecordBatch) -> Counts:
    """The same of one batch of them."""
    is_accepted = pc.equal(rows["verdict"], bronze.ACCEPTED)
    accepted = int(is_accepted.true_count)
    further = pc.greater(rows["record_index"], 0)
    numbers = (accepted, rows.num_rows - accepted, int(further.true_count))
    return dict(zip(_TOLD_OF_ROWS, numbers, strict=True))


def _rows(counts: Mapping[str, int]) -> int:
    return counts["accepted"] + counts["rejected"]


def _is_whole(counts: Mapping[str, int]) -> bool:
    """The ledger's law at bronze."""
    return counts["records_in"] + counts["unpacked"] == _rows(counts)


def landed_batches_of(lake: Lake, source: Source) -> DataFrame:
    is_mine = (F.col("stage") == "bronze") & (F.col("source") == source.name)
    return lake.read_or_empty(ops.BATCHES).where(is_mine)
