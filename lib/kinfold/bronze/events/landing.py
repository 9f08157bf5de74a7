"""Landing: one micro-batch of a source becomes one atomic append and one row of the ledger."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, functions as F
from pyspark.sql.streaming.query import StreamingQuery

from kinfold.bronze.checkpoints.resumption import checkpoint_folder
from kinfold.bronze.events.landed_rows import Shape, landed_batches
from kinfold.bronze.events.mapped_events import Inputs
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.archive import archive_landed
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import with_flat_kafka, with_kafka_struct
from kinfold.core.errors import LedgerError
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.lake.write_strategies import Commit
from kinfold.tables import bronze, ops
from kinfold.tables.collected import collected

_LEDGER_COUNTS = ("records_in", "accepted", "rejected")


@dataclass
class Landing:
    """A source that is ready to be read, and what each of its micro-batches needs.

    Attributes:
        fast_path: whether well-formed events take the fast path.
        inputs: of a mapped source, see `landed_events`.
        recorded: counts that this run has recorded in the ledger so far.
    """

    lake: Lake
    source: Source
    registry: SchemaRegistry
    records: DataFrame
    first_batch_id: int
    fast_path: bool = True
    inputs: Inputs | None = None
    recorded: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_LEDGER_COUNTS, 0))

    @property
    def counts(self) -> dict[str, int]:
        """in, accepted and rejected of this run."""
        return dict(zip(("in", "accepted", "rejected"), self.recorded.values(), strict=True))

    def start(self, **trigger: Any) -> StreamingQuery:
        """Start to land new records; `availableNow=True` or `processingTime="2 seconds"`."""
        self.lake.ensure(bronze.EVENTS)
        self.lake.ensure(ops.BATCHES)
        return (
            self.records.writeStream.foreachBatch(self._land)
            .queryName(self.source.name)
            .option("checkpointLocation", checkpoint_folder(self.lake, self.source))
            .trigger(**trigger)
            .start()
        )

    def archive(self) -> None:
        """Move the files that have landed, if the source has an archive."""
        archive_landed(self.lake, self.source, checkpoint_folder(self.lake, self.source))

    def _land(self, records: DataFrame, number: int) -> None:
        """Append one batch and record it in the ledger. To repeat it changes nothing."""
        spark = records.sparkSession
        # The query id is stored in the checkpoint: a new checkpoint is a new writer to Delta.
        query_id = spark.sparkContext.getLocalProperty("sql.streaming.queryId")
        batch_id, ingested_at = self.first_batch_id + number, datetime.now(UTC)
        self.archive()  # the files of earlier batches
        has_kafka = "kafka" in records.columns
        commit = self.lake.append_made_once(
            bronze.EVENTS,
            with_flat_kafka(records) if has_kafka else records,
            self._landed_rows(batch_id, ingested_at, has_kafka=has_kafka),
            count=_counts_of,
            writer=f"{self.source.name}/{query_id}",
            batch_id=number,
        )
        # A batch that an earlier, killed run has committed is not read and not validated again.
        counts = _ledger_counts(commit.counts) if commit else {}
        if commit is None or commit.rows != _rows(counts) or not _is_complete(counts):
            counts = self._counts_in_table(batch_id) | {"records_in": records.count()}
        self._record(batch_id, counts, commit)

    def _landed_rows(self, batch_id: int, ingested_at: datetime, *, has_kafka: bool) -> Any:
        """From the Arrow batches of one task to rows of bronze.events, in the worker."""
        shape: Shape = "mapped" if self.source.event else self.source.shape
        land = landed_batches(
            registry=self.registry,
            shape=shape,
            ingested_before=ingested_at,
            fast_path=self.fast_path,
            inputs=self.inputs,
        )

        def rows_of(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for rows in land(map(with_kafka_struct, batches) if has_kafka else batches):
                for name, value in (("batch_id", batch_id), ("ingested_at", ingested_at)):
                    rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
                yield rows

        return rows_of

    def _record(self, batch_id: int, counts: Mapping[str, int], commit: Commit | None) -> None:
        """Write the row of the ledger.

        Raises:
            LedgerError: the batch has more or fewer rows than records.
        """
        landed_at = datetime.now(UTC)  # the append of this run or of an earlier one has committed
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
        # A batch that was committed just now cannot be in the ledger; not to look is much faster.
        if commit is not None or not self._is_recorded(batch_id):
            self.lake.append_record(ops.BATCHES, [row])
            for name in _LEDGER_COUNTS:
                self.recorded[name] += counts[name]
        if not _is_complete(counts):
            raise LedgerError(
                f"bronze.events: batch {batch_id} of {self.source.name} had {records_in:,} "
                f"records{f' with {unpacked:,} further events' if unpacked else ''}; "
                f"{accepted:,} accepted and {rejected:,} rejected rows have landed. Records are "
                "lost or duplicated; keep the input files and compare them with the table."
            )

    def _is_recorded(self, batch_id: int) -> bool:
        batches = landed_batches_of(self.lake, self.source).where(F.col("batch_id") == batch_id)
        return bool(batches.take(1))

    def _counts_in_table(self, batch_id: int) -> dict[str, int]:
        """The counts of a batch read from the table, for when those on the way are not certain."""
        is_mine = (F.col("source") == self.source.name) & (F.col("batch_id") == batch_id)
        counts = (
            F.count_if(F.col("verdict") == bronze.ACCEPTED).alias("accepted"),
            F.count_if(F.col("verdict") == bronze.REJECTED).alias("rejected"),
            F.count_if(F.col("record_index") > 0).alias("unpacked"),
        )
        rows = self.lake.read(bronze.EVENTS).where(is_mine)
        return collected(rows.agg(*counts))[0].asDict()


def landed_batches_of(lake: Lake, source: Source) -> DataFrame:
    """The ledger rows of a source's landed batches."""
    is_mine = (F.col("stage") == "bronze") & (F.col("source") == source.name)
    return lake.read_or_empty(ops.BATCHES).where(is_mine)


def _counts_of(rows: pa.RecordBatch) -> dict[str, int]:
    """accepted, rejected and unpacked of one batch of landed rows."""
    accepted = int(pc.equal(rows["verdict"], bronze.ACCEPTED).true_count)
    unpacked = int(pc.greater(rows["record_index"], 0).true_count)
    return {"accepted": accepted, "rejected": rows.num_rows - accepted, "unpacked": unpacked}


def _ledger_counts(counts: Mapping[str, int]) -> dict[str, int]:
    names = {"records_in": "received", **{n: n for n in ("accepted", "rejected", "unpacked")}}
    return {name: counts.get(counted, 0) for name, counted in names.items()}


def _rows(counts: Mapping[str, int]) -> int:
    return counts["accepted"] + counts["rejected"]


def _is_complete(counts: Mapping[str, int]) -> bool:
    """The ledger's law at bronze."""
    return counts["records_in"] + counts["unpacked"] == _rows(counts)
