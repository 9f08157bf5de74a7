"""Where a stream goes on, and whether it may: its checkpoint against the broker and the table.

Everything is compared before anything is read, so that an obstacle is named by its cause and with
the command that removes it, instead of failing the stream or being passed over.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import functions as F

from kinfold.bronze.checkpoints.checkpoint import (
    Checkpoint,
    Owner,
    read_checkpoint,
    retire,
    take_ownership,
)
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import Topic
from kinfold.core.errors import CheckpointError, GapError
from kinfold.core.log import say
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics.declarations import GAPS_OPEN
from kinfold.runtime.storage import Storage
from kinfold.tables import bronze, ops

RETENTION = "retention"
MADE_ANEW = "topic made anew"
_EARLIEST = -2  # Spark's and Kafka's number for "the first record there is"


@dataclass(frozen=True)
class Decisions:
    """What operations have decided about an obstacle that an earlier start has named."""

    accept_gaps: bool = False
    reset_checkpoint: bool = False


@dataclass(frozen=True)
class Gap:
    """Offsets that were gone before they were read; no last one when nobody can know it."""

    place: str
    first_offset: int
    last_offset: int | None
    reason: str


@dataclass(frozen=True)
class Resumption:
    """How a stream goes on.

    Attributes:
        first_batch_id: added to the checkpoint's own numbers, which begin at 0 in each.
        starting_at: for a new checkpoint: `earliest`, or Spark's JSON of offsets.
        may_skip_lost: records that are gone have been accepted as lost, or have landed before.
        landed_files: files that are in bronze already, for a new checkpoint of files.
    """

    first_batch_id: int
    starting_at: str = "earliest"
    may_skip_lost: bool = False
    landed_files: Sequence[str] = ()


def checkpoint_folder(lake: Lake, source: Source) -> str:
    return lake.folder(f"_checkpoints/bronze.events/{source.name}")


def resumption_of_files(lake: Lake, source: Source, decisions: Decisions) -> Resumption:
    """How a stream of files goes on.

    Raises:
        CheckpointError: the checkpoint is broken or another source's.
    """
    storage, checkpoint = _opened(lake, source, decisions)
    if checkpoint is not None:
        return Resumption(checkpoint.owner.first_batch_id)
    owner = Owner(source.name, str(source.input), first_batch_id=_next_batch_id(lake, source))
    take_ownership(storage, owner)
    landed = (
        lake.read_or_empty(bronze.EVENTS)
        .where(F.col("source") == source.name)
        .select("source_partition")
        .distinct()
    )
    files = [row["source_partition"] for row in landed.collect()] if owner.first_batch_id else []
    return Resumption(owner.first_batch_id, landed_files=files)


def resumption_of_topic(
    lake: Lake, source: Source, topic: Topic, decisions: Decisions
) -> Resumption:
    """How a stream of a topic goes on.

    Raises:
        CheckpointError: the checkpoint is broken or another source's.
        GapError: records are gone that were never read, and nobody has accepted it.
    """
    storage, checkpoint = _opened(lake, source, decisions)
    if checkpoint is not None:
        if checkpoint.owner.topic_id == topic.topic_id:
            return _continued(lake, source, topic, decisions, checkpoint)
        old = Topic(topic.name, str(checkpoint.owner.topic_id), {}, {})
        gaps = [Gap(old.place(p), o, None, MADE_ANEW) for p, o in checkpoint.offsets.items()]
        _require_accepted(lake, source, gaps, decisions)
        say(f"    {source.name}: the old topic's checkpoint is now {_retired(storage, lake)}")
    return _begun(lake, source, topic, decisions, storage)


def _begun(
    lake: Lake, source: Source, topic: Topic, decisions: Decisions, storage: Storage
) -> Resumption:
    """A new checkpoint: from where the table ends, or from the topic's first record."""
    first_batch_id = _next_batch_id(lake, source)
    landed = _landed_offsets(lake, source, topic) if first_batch_id else {}
    starting = {p: landed.get(p, _EARLIEST) for p in topic.earliest}
    gaps = _lost(topic, landed)
    _require_accepted(lake, source, gaps, decisions)
    starting |= {p: _EARLIEST for p, offset in landed.items() if topic.earliest[p] > offset}
    take_ownership(
        storage, Owner(source.name, topic.name, topic.topic_id, first_batch_id=first_batch_id)
    )
    if landed:
        say(f"    {source.name}: new checkpoint, going on behind what has landed")
    by_partition = {str(p): offset for p, offset in starting.items()}
    return Resumption(first_batch_id, json.dumps({topic.name: by_partition}))


def _continued(
    lake: Lake,
    source: Source,
    topic: Topic,
    decisions: Decisions,
    checkpoint: Checkpoint,
) -> Resumption:
    reached = checkpoint.offsets
    for partition in sorted(set(topic.earliest) - set(reached)):
        say(f"    {source.name}: partition {partition} is new, read from its first record")
    behind = {p: topic.latest[p] for p, o in reached.items() if topic.latest.get(p, o) < o}
    if behind:
        partition, latest = next(iter(behind.items()))
        raise CheckpointError(
            f"source {source.name}: partition {partition} of topic '{topic.name}' ends at offset "
            f"{latest:,}, and {reached[partition]:,} have been read: the broker has lost records "
            "that are in bronze.events. Nothing was read. Offsets will be given again to other "
            "records, so give the topic a source file of another name from here on."
        )
    is_short = any(topic.earliest[p] > offset for p, offset in checkpoint.started_at.items())
    if not is_short:
        lake.metrics.set(GAPS_OPEN, 0, source=source.name)
        return Resumption(checkpoint.owner.first_batch_id)
    # Only what has not landed is lost; the last batch may have landed without Spark knowing.
    landed = {**checkpoint.started_at, **_landed_offsets(lake, source, topic)}
    _require_accepted(lake, source, _lost(topic, landed), decisions)
    return Resumption(checkpoint.owner.first_batch_id, may_skip_lost=True)


def _opened(lake: Lake, source: Source, decisions: Decisions) -> tuple[Storage, Checkpoint | None]:
    """The source's checkpoint, in order and its own; a new one where that was decided."""
    storage = Storage(lake.spark, checkpoint_folder(lake, source))
    if decisions.reset_checkpoint and storage.names():
        say(f"    {source.name}: the checkpoint is now {_retired(storage, lake)}")
    command = f"jobs/bronze/ingest_events.py --source {source.display_path} --reset-checkpoint"
    checkpoint = read_checkpoint(storage, repair=command)
    if checkpoint is None:
        return storage, None
    owner = checkpoint.owner
    is_topic = source.format == "kafka"
    if owner.source != source.name or is_topic != (owner.topic_id is not None):
        raise CheckpointError(
            f"checkpoint {storage.folder}: belongs to source {owner.source} reading {owner.input}, "
            f"expected {source.name} reading {source.input}. Nothing was read. Begin a new one, "
            f"without loss or doubles, by: {command}"
        )
    if is_topic and owner.input != source.input:
        raise CheckpointError(
            f"checkpoint {storage.folder}: belongs to topic {owner.input}, expected "
            f"{source.input}. Nothing was read. Give the other topic a source file of its own, or "
            f"begin a new checkpoint by: {command}"
        )
    return storage, checkpoint


def _lost(topic: Topic, reached: Mapping[int, int]) -> list[Gap]:
    return [
        Gap(topic.place(p), offset, topic.earliest[p] - 1, RETENTION)
        for p, offset in sorted(reached.items())
        if topic.earliest.get(p, 0) > offset
    ]


def _require_accepted(
    lake: Lake, source: Source, gaps: Sequence[Gap], decisions: Decisions
) -> None:
    """Enter the gaps; pass only if each has been accepted, now or before."""
    lake.metrics.set(GAPS_OPEN, 0, source=source.name)
    if not gaps:
        return
    known = lake.read_or_empty(ops.GAPS).where(F.col("source") == source.name)
    accepted = {
        (row["source_partition"], row["first_offset"])
        for row in known.where("is_accepted").collect()
    }
    is_open = [g for g in gaps if (g.place, g.first_offset) not in accepted]
    rows: list[dict[str, object]] = [
        dict(
            source=source.name,
            source_partition=gap.place,
            first_offset=gap.first_offset,
            last_offset=gap.last_offset,
            reason=gap.reason,
            found_at=lake.started_at,
            run_id=lake.run_id,
            is_accepted=decisions.accept_gaps,
        )
        for gap in is_open
    ]
    lake.record(ops.GAPS, rows)
    if not is_open or decisions.accept_gaps:
        return
    lake.metrics.set(GAPS_OPEN, len(is_open), source=source.name)
    told = "; ".join(_told(gap) for gap in is_open[:4])
    more = f" and {len(is_open) - 4} more" if len(is_open) > 4 else ""
    raise GapError(
        f"source {source.name}: records are gone that were never read: {told}{more}. Nothing was "
        "read now; ops.gaps holds the ranges. If they cannot be brought back, go on behind them "
        f"by: jobs/bronze/ingest_events.py --source {source.display_path} --accept-gaps"
    )


def _told(gap: Gap) -> str:
    end = f"{gap.last_offset:,}" if gap.last_offset is not None else "an unknown end"
    return f"{gap.place} offsets {gap.first_offset:,} to {end} ({gap.reason})"


def _landed_offsets(lake: Lake, source: Source, topic: Topic) -> dict[int, int]:
    """First offset that has not landed, by partition of this very topic."""
    prefix = topic.place(0)[:-1]
    rows = (
        lake.read_or_empty(bronze.EVENTS)
        .where((F.col("source") == source.name) & F.col("source_partition").startswith(prefix))
        .groupBy("source_partition")
        .agg(F.max("source_offset").alias("last"))
    )
    return {int(r["source_partition"].removeprefix(prefix)): r["last"] + 1 for r in rows.collect()}


def _next_batch_id(lake: Lake, source: Source) -> int:
    rows = lake.read_or_empty(bronze.EVENTS).where(F.col("source") == source.name)
    newest = rows.agg(F.max("batch_id")).collect()[0][0]
    return 0 if newest is None else int(newest) + 1


def _retired(storage: Storage, lake: Lake) -> str:
    return retire(storage, run_id=lake.run_id)
