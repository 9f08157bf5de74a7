"""Replay of dead letters: rejected events are validated again, and accepted ones land once.

A dead letter is a rejected row of bronze.events, and stays there. If a replay accepts it, a second
row lands. The key of that row is the letter's key with `replay:` before `source_partition`, so it
is the same in every replay. ops.replays has the outcome of each letter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pyarrow as pa
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.bronze.dead_letters.fixes import Fix, fixed
from kinfold.bronze.events.landed_rows import landed_events
from kinfold.bronze.schemas.reasons import rule_of
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze, ops
from kinfold.tables.collected import collected

PARTITION_PREFIX = "replay:"
BATCH_ID = -1
REPLAYED = "replayed"
FAILED_AGAIN = "failed again"
_KEY = bronze.EVENTS.key


@dataclass(frozen=True)
class Selection:
    """Conditions on letters; a null or empty one selects all.

    Attributes:
        reason: text in one of the letter's reasons, such as `/properties/currency`.
        since: start of the time of ingestion, inclusive.
        until: end of the time of ingestion, exclusive.
    """

    sources: Sequence[str] = ()
    event_type: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def condition(self) -> Column:
        """Whether a row of bronze.events is one of the selected letters."""
        is_selected = F.col("verdict") == bronze.REJECTED
        if self.sources:
            is_selected &= F.col("source").isin(*self.sources)
        if self.event_type is not None:
            is_selected &= F.col("event_type") == self.event_type
        if self.reason is not None:
            text = self.reason
            is_selected &= F.exists("errors", lambda error: error.contains(F.lit(text)))
        if self.since is not None:
            is_selected &= F.col("ingested_at") >= F.lit(self.since)
        if self.until is not None:
            is_selected &= F.col("ingested_at") < F.lit(self.until)
        return is_selected


def dead_letters(lake: Lake, selection: Selection) -> DataFrame:
    """The selected letters that no replay has accepted yet: rows of bronze.events."""
    done = lake.read_or_empty(ops.REPLAYS).where(F.col("outcome") == REPLAYED)
    letters = lake.read_or_empty(bronze.EVENTS).where(selection.condition())
    return letters.join(done.select(*_KEY), on=list(_KEY), how="left_anti")


def revalidated(
    letters: DataFrame,
    fixes: Sequence[Fix],
    *,
    registry: SchemaRegistry,
    now: datetime,
    fast_path: bool = True,
) -> DataFrame:
    """The letters after the fixes, with a new verdict.

    Args:
        letters: see `dead_letters`.
        now: the time of ingestion of the new rows.
        fast_path: see `landed_events`.

    Returns:
        One row per letter, columns of bronze.events. `source_partition` starts with `replay:`;
        `raw` is the record as received, `event` the event after the fixes.
    """
    names = ("source", "source_partition", "source_offset", "record_index", "kafka")
    event = F.coalesce("event", "raw")
    # A text that is not an object, such as a truncated row, cannot be fixed and keeps its reason.
    is_object = F.coalesce(F.ltrim(event).startswith("{"), F.lit(False))
    records = letters.select(
        *names,
        F.coalesce(F.col("raw").cast("binary"), "raw_bytes").alias("value"),
        F.when(is_object, event).alias("event"),
        F.when(~is_object, F.col("errors")[0]).alias("unreadable"),
    )

    def repaired(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            texts = [
                _repaired(text, fixes) for text in batch["event"].cast(pa.binary()).to_pylist()
            ]
            index = batch.schema.get_field_index("event")
            columns = [*batch.columns]
            columns[index] = pa.array(texts, pa.string())
            yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    landed = landed_events(
        records.mapInArrow(repaired, records.schema),
        registry=registry,
        shape="mapped",
        ingested_before=now,
        fast_path=fast_path,
    )
    return as_replays(landed, now=now)


def as_replays(landed: DataFrame, *, now: datetime) -> DataFrame:
    """Letters with a new verdict as rows of bronze.events, with the key of their replay."""
    return landed.withColumns(
        {
            "source_partition": F.concat(F.lit(PARTITION_PREFIX), "source_partition"),
            "batch_id": F.lit(BATCH_ID).cast("bigint"),
            "ingested_at": F.lit(now),
        }
    )


def replay(lake: Lake, letters: DataFrame, fixes: Sequence[Fix | str]) -> dict[str, int]:
    """Append the letters that are accepted now, write the ledger, and record every outcome.

    Each step skips what is done already. So the same command completes a killed replay, and
    repeating it changes nothing.

    Args:
        letters: see `revalidated`.
        fixes: what was done to them, for ops.replays.

    Returns:
        letters, replayed, failed_again.
    """
    letters = letters.persist()
    try:
        is_accepted = F.col("verdict") == bronze.ACCEPTED
        landed = lake.read(bronze.EVENTS).where(F.col("batch_id") == BATCH_ID).select(*_KEY)
        new = letters.where(is_accepted).join(landed, on=list(_KEY), how="left_anti")
        if new.take(1):
            lake.append(bronze.EVENTS, new)
        _enter(lake)
        own_partition = F.substring("source_partition", len(PARTITION_PREFIX) + 1, 1_000_000)
        marks = letters.select(
            "source",
            own_partition.alias("source_partition"),
            "source_offset",
            "record_index",
            F.when(is_accepted, REPLAYED).otherwise(FAILED_AGAIN).alias("outcome"),
            "errors",
            F.lit("; ".join(map(str, fixes))).alias("fixes"),
            F.lit(lake.run_id).alias("run_id"),
            F.lit(datetime.now(UTC)).alias("replayed_at"),
        )
        lake.mark(ops.REPLAYS, marks, apart_from=("run_id", "replayed_at"))
        return letter_counts(letters)
    finally:
        letters.unpersist()


def letter_counts(letters: DataFrame) -> dict[str, int]:
    """The numbers of letters by outcome: letters (all), replayed, failed_again.

    Args:
        letters: see `revalidated`.
    """
    is_accepted = F.col("verdict") == bronze.ACCEPTED
    row = collected(
        letters.agg(
            F.count(F.lit(1)).alias("letters"),
            F.count_if(is_accepted).alias("replayed"),
            F.count_if(~is_accepted).alias("failed_again"),
        )
    )[0]
    return {name: int(value) for name, value in row.asDict().items()}


def repeated_reasons(letters: DataFrame, *, limit: int = 5) -> list[tuple[str, int]]:
    """The most frequent reasons why letters fail again, with the numbers of letters.

    Args:
        letters: see `revalidated`.
    """
    rows = (
        letters.select(F.explode("errors").alias("reason"))
        .groupBy(rule_of(F.col("reason")).alias("reason"))
        .agg(F.count(F.lit(1)).alias("letters"))
        .orderBy(F.desc("letters"), "reason")
        .limit(limit)
    )
    return [(row["reason"], int(row["letters"])) for row in collected(rows)]


def _enter(lake: Lake) -> None:
    """Write a ledger row per source for the replayed rows that the ledger does not have yet."""
    landed = (
        lake.read(bronze.EVENTS)
        .where(F.col("batch_id") == BATCH_ID)
        .groupBy("source")
        .agg(F.count(F.lit(1)).alias("landed"))
    )
    entered = (
        lake.read_or_empty(ops.BATCHES)
        .where(F.col("stage") == "replay")
        .groupBy("source")
        .agg(F.sum("accepted").alias("entered"))
    )
    version = lake.version(bronze.EVENTS)
    missing = F.col("landed") - F.coalesce("entered", F.lit(0))
    open_rows = landed.join(entered, on="source", how="left").select("source", missing.alias("n"))
    rows: list[dict[str, object]] = [
        dict(
            stage="replay",
            source=row["source"],
            batch_id=version,
            records_in=int(row["n"]),
            unpacked=0,
            accepted=int(row["n"]),
            rejected=0,
            added=int(row["n"]),
            duplicates=0,
            table_version=version,
            run_id=lake.run_id,
            recorded_at=datetime.now(UTC),
            landed_at=datetime.now(UTC),
        )
        for row in collected(open_rows.where("n > 0"))
    ]
    lake.record(ops.BATCHES, rows)


def _repaired(text: bytes | None, fixes: Sequence[Fix]) -> str | None:
    """The event after the fixes; a text that is not JSON unchanged, for validation to reject it."""
    if text is None:
        return None
    try:
        return orjson.dumps(fixed(orjson.loads(text), fixes)).decode() if fixes else text.decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return text.decode(errors="replace")
