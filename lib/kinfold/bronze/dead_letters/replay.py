"""Dead letters: rejected records, judged again after something was put right, landed once.

A letter is a rejected row of bronze.events. It stays where it is; when it is accepted on replay, a
second row lands beside it, under the letter's own place with `replay:` before it, so that the same
letter has the same key however often it is replayed. ops.replays says what became of each letter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pyarrow as pa
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.bronze.dead_letters.fixes import Fix, fixed
from kinfold.bronze.events.landed_rows import landed_events
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.runtime.lake.tables import Lake
from kinfold.tables import bronze, ops

PLACE = "replay:"
BATCH_ID = -1
REPLAYED = "replayed"
FAILED_AGAIN = "failed again"
_KEY = bronze.EVENTS.key


@dataclass(frozen=True)
class Selection:
    """Which letters; what is null or empty does not narrow.

    Attributes:
        reason: a text that one of the letter's reasons contains, e.g. `/properties/currency`.
        since: first moment of ingestion, included.
        until: last moment of ingestion, excluded.
    """

    sources: Sequence[str] = ()
    event_type: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def condition(self) -> Column:
        is_wanted = F.col("verdict") == bronze.REJECTED
        if self.sources:
            is_wanted &= F.col("source").isin(*self.sources)
        if self.event_type is not None:
            is_wanted &= F.col("event_type") == self.event_type
        if self.reason is not None:
            text = self.reason
            is_wanted &= F.exists("errors", lambda error: error.contains(F.lit(text)))
        if self.since is not None:
            is_wanted &= F.col("ingested_at") >= F.lit(self.since)
        if self.until is not None:
            is_wanted &= F.col("ingested_at") < F.lit(self.until)
        return is_wanted


def dead_letters(lake: Lake, selection: Selection) -> DataFrame:
    """The letters that have not been replayed yet: rows of bronze.events."""
    done = lake.read_or_empty(ops.REPLAYS).where(F.col("outcome") == REPLAYED)
    letters = lake.read_or_empty(bronze.EVENTS).where(selection.condition())
    return letters.join(done.select(*_KEY), on=list(_KEY), how="left_anti")


def judged_again(
    letters: DataFrame, fixes: Sequence[Fix], *, registry: SchemaRegistry, now: datetime
) -> DataFrame:
    """The letters with their fixes applied and a new verdict; columns of bronze.events.

    An accepted one keeps its place with `replay:` before it; `raw` stays what was received, `event`
    is the event as fixed.
    """
    names = ("source", "source_partition", "source_offset", "record_index", "kafka")
    event = F.coalesce("event", "raw")
    # What is no object cannot be fixed and fails for the reason it has, e.g. a row cut off.
    is_object = F.coalesce(F.ltrim(event).startswith("{"), F.lit(False))
    sent = letters.select(
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

    judged = landed_events(
        sent.mapInArrow(repaired, sent.schema),
        registry=registry,
        shape="mapped",
        ingested_before=now,
    )
    return judged.withColumns(
        {
            "source_partition": F.concat(F.lit(PLACE), "source_partition"),
            "batch_id": F.lit(BATCH_ID).cast("bigint"),
            "ingested_at": F.lit(now),
        }
    )


def replay(lake: Lake, judged: DataFrame, fixes: Sequence[Fix]) -> dict[str, int]:
    """Land what is accepted now, enter it in the ledger, and mark every letter.

    Each step is done only as far as it is not done yet, so a killed replay is finished by the same
    command, and repeating it changes nothing.

    Returns:
        letters, replayed, failed_again.
    """
    judged = judged.persist()
    try:
        is_accepted = F.col("verdict") == bronze.ACCEPTED
        landed = lake.read(bronze.EVENTS).where(F.col("batch_id") == BATCH_ID).select(*_KEY)
        new = judged.where(is_accepted).join(landed, on=list(_KEY), how="left_anti")
        if new.take(1):
            lake.append(bronze.EVENTS, new)
        _enter(lake)
        marks = judged.select(
            "source",
            F.substring("source_partition", len(PLACE) + 1, 1_000_000).alias("source_partition"),
            "source_offset",
            "record_index",
            F.when(is_accepted, REPLAYED).otherwise(FAILED_AGAIN).alias("outcome"),
            "errors",
            F.lit("; ".join(map(str, fixes))).alias("fixes"),
            F.lit(lake.run_id).alias("run_id"),
            F.lit(datetime.now(UTC)).alias("replayed_at"),
        )
        lake.mark(ops.REPLAYS, marks, apart_from=("run_id", "replayed_at"))
        return counted_letters(judged)
    finally:
        judged.unpersist()


def counted_letters(judged: DataFrame) -> dict[str, int]:
    """letters, replayed, failed_again."""
    is_accepted = F.col("verdict") == bronze.ACCEPTED
    row = judged.agg(
        F.count(F.lit(1)).alias("letters"),
        F.count_if(is_accepted).alias("replayed"),
        F.count_if(~is_accepted).alias("failed_again"),
    ).collect()[0]
    return {name: int(value) for name, value in row.asDict().items()}


def reasons_again(judged: DataFrame, *, limit: int = 5) -> list[tuple[str, int]]:
    """The commonest reasons for which letters fail again, with their counts."""
    rows = (
        judged.select(F.explode("errors").alias("reason"))
        .groupBy("reason")
        .agg(F.count(F.lit(1)).alias("letters"))
        .orderBy(F.desc("letters"), "reason")
        .limit(limit)
    )
    return [(row["reason"], int(row["letters"])) for row in rows.collect()]


def _enter(lake: Lake) -> None:
    """Enter in the ledger what replays have landed and it does not hold yet, by source."""
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
        for row in open_rows.where("n > 0").collect()
    ]
    lake.record(ops.BATCHES, rows)


def _repaired(text: bytes | None, fixes: Sequence[Fix]) -> str | None:
    """The event with its fixes; the text as it is when it is no JSON, for the judge to say why."""
    if text is None:
        return None
    try:
        return orjson.dumps(fixed(orjson.loads(text), fixes)).decode() if fixes else text.decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return text.decode(errors="replace")
