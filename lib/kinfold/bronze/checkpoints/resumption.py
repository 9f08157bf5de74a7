"""Resumption: where a stream continues, from its checkpoint, the broker and bronze.events.

All three are compared before anything is read. So a problem is reported with its cause and with the
command that solves it, and neither fails the stream later nor is skipped.
"""

import json
from dataclasses import dataclass

from pyspark.sql import functions as F

from kinfold.bronze.checkpoints.checkpoint import (
    Checkpoint,
    Owner,
    read_checkpoint,
    retire,
    take_ownership,
)
from kinfold.bronze.checkpoints.file_versions import file_versions
from kinfold.bronze.checkpoints.gaps import (
    TOPIC_RECREATED,
    Gap,
    gaps_by_retention,
    require_accepted_gaps,
)
from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import Topic
from kinfold.bronze.sources.listing import EVERY_FILE, FileVersions
from kinfold.core.errors import CheckpointError
from kinfold.core.log import say
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics.declarations import GAPS_OPEN
from kinfold.runtime.storage import Storage
from kinfold.tables import bronze
from kinfold.tables.collected import collected

_EARLIEST = -2  # Spark's and Kafka's number for the first existing record


@dataclass(frozen=True)
class Decisions:
    """Decisions of the operator about a problem that an earlier start reported."""

    accept_gaps: bool = False
    reset_checkpoint: bool = False


@dataclass(frozen=True)
class Resumption:
    """How a stream continues.

    Attributes:
        first_batch_id: added to the checkpoint's own batch numbers, which start at 0 in each.
        starting_at: for a new checkpoint: `earliest`, or offsets as Spark's JSON.
        may_skip_lost: lost records were accepted as lost, or have landed before.
        files: of a stream of files: those that it skips, and those that it reads again.
    """

    first_batch_id: int
    starting_at: str = "earliest"
    may_skip_lost: bool = False
    files: FileVersions = EVERY_FILE


def checkpoint_folder(lake: Lake, source: Source) -> str:
    """The folder of a source's checkpoint, in the lake."""
    return lake.folder(f"_checkpoints/bronze.events/{source.name}")


def resumption_of_files(lake: Lake, source: Source, decisions: Decisions) -> Resumption:
    """How a stream of files continues.

    Raises:
        CheckpointError: the checkpoint is broken or belongs to another source.
    """
    storage, checkpoint = _opened(lake, source, decisions)
    is_new = checkpoint is None
    first_batch_id = checkpoint.owner.first_batch_id if checkpoint else _next_batch_id(lake, source)
    # Before the owner: a run that is killed in between starts like this one.
    files = file_versions(lake, source, storage, first_batch_id=first_batch_id, is_new=is_new)
    if is_new:
        owner = Owner(source.name, str(source.input), first_batch_id=first_batch_id)
        take_ownership(storage, owner)
    return Resumption(first_batch_id, files=files)


def resumption_of_topic(
    lake: Lake, source: Source, topic: Topic, decisions: Decisions
) -> Resumption:
    """How a stream of a topic continues.

    Raises:
        CheckpointError: the checkpoint is broken or belongs to another source, or the broker has
            lost records that have landed.
        GapError: records were lost before they were read, and nobody has accepted that.
    """
    storage, checkpoint = _opened(lake, source, decisions)
    if checkpoint is not None:
        if checkpoint.owner.topic_id == topic.topic_id:
            return _with_checkpoint(lake, source, topic, decisions, checkpoint)
        old = Topic(topic.name, str(checkpoint.owner.topic_id), {}, {})
        gaps = [
            Gap(old.source_partition(partition), offset, None, TOPIC_RECREATED)
            for partition, offset in checkpoint.offsets.items()
        ]
        require_accepted_gaps(lake, source, gaps, accept=decisions.accept_gaps)
        retired = retire(storage, run_id=lake.run_id)
        say(f"    {source.name}: the old topic's checkpoint is now {retired}")
    return _with_new_checkpoint(lake, source, topic, decisions, storage)


def _with_new_checkpoint(
    lake: Lake, source: Source, topic: Topic, decisions: Decisions, storage: Storage
) -> Resumption:
    """Continue after what has landed of this topic, or start at its first record."""
    first_batch_id = _next_batch_id(lake, source)
    landed = _next_offsets(lake, source, topic) if first_batch_id else {}
    starting = {p: landed.get(p, _EARLIEST) for p in topic.earliest}
    gaps = gaps_by_retention(topic, landed)
    require_accepted_gaps(lake, source, gaps, accept=decisions.accept_gaps)
    starting |= {p: _EARLIEST for p, offset in landed.items() if topic.earliest[p] > offset}
    take_ownership(
        storage, Owner(source.name, topic.name, topic.topic_id, first_batch_id=first_batch_id)
    )
    if landed:
        say(f"    {source.name}: new checkpoint, continues after what has landed")
    by_partition = {str(p): offset for p, offset in starting.items()}
    return Resumption(first_batch_id, json.dumps({topic.name: by_partition}))


def _with_checkpoint(
    lake: Lake,
    source: Source,
    topic: Topic,
    decisions: Decisions,
    checkpoint: Checkpoint,
) -> Resumption:
    """Continue at the checkpoint's offsets."""
    planned = checkpoint.offsets
    for partition in sorted(set(topic.earliest) - set(planned)):
        say(f"    {source.name}: partition {partition} is new, reading from its first record")
    behind = {p: topic.latest[p] for p, o in planned.items() if topic.latest.get(p, o) < o}
    if behind:
        partition, latest = next(iter(behind.items()))
        raise CheckpointError(
            f"source {source.name}: partition {partition} of topic '{topic.name}' ends at offset "
            f"{latest:,}, but was read up to offset {planned[partition]:,}: the broker has lost "
            "records that are in bronze.events. Nothing was read now. The broker will give these "
            "offsets to other records, so declare the topic in a source file with another name "
            "from now on."
        )
    is_short = any(topic.earliest[p] > offset for p, offset in checkpoint.started_at.items())
    if not is_short:
        lake.metrics.set(GAPS_OPEN, 0, source=source.name)
        return Resumption(checkpoint.owner.first_batch_id)
    # The last batch may have landed without a commit in the checkpoint: then it is not lost.
    landed = {**checkpoint.started_at, **_next_offsets(lake, source, topic)}
    gaps = gaps_by_retention(topic, landed)
    require_accepted_gaps(lake, source, gaps, accept=decisions.accept_gaps)
    return Resumption(checkpoint.owner.first_batch_id, may_skip_lost=True)


def _opened(lake: Lake, source: Source, decisions: Decisions) -> tuple[Storage, Checkpoint | None]:
    """The folder and the source's intact checkpoint; None if there is none, or after a reset.

    Raises:
        CheckpointError: the checkpoint is broken or belongs to another source.
    """
    storage = Storage(lake.spark, checkpoint_folder(lake, source))
    if decisions.reset_checkpoint and storage.names():
        retired = retire(storage, run_id=lake.run_id)
        say(f"    {source.name}: the checkpoint is now {retired}")
    command = f"jobs/bronze/ingest_events.py --source {source.display_path} --reset-checkpoint"
    checkpoint = read_checkpoint(storage, repair=command)
    if checkpoint is None:
        return storage, None
    owner = checkpoint.owner
    is_topic = source.format == "kafka"
    if owner.source != source.name or is_topic != (owner.topic_id is not None):
        raise CheckpointError(
            f"checkpoint {storage.folder}: belongs to source {owner.source} reading {owner.input}, "
            f"expected {source.name} reading {source.input}. Nothing was read. To start a new one, "
            f"without loss or duplicates, run: {command}"
        )
    if is_topic and owner.input != source.input:
        raise CheckpointError(
            f"checkpoint {storage.folder}: belongs to topic {owner.input}, expected "
            f"{source.input}. Nothing was read. Declare the other topic in a source file of its "
            f"own, or start a new checkpoint with: {command}"
        )
    return storage, checkpoint


def _next_offsets(lake: Lake, source: Source, topic: Topic) -> dict[int, int]:
    """The first offset that has not landed, by partition of exactly this topic."""
    prefix = topic.source_partition_prefix
    rows = (
        lake.read_or_empty(bronze.EVENTS)
        .where((F.col("source") == source.name) & F.col("source_partition").startswith(prefix))
        .groupBy("source_partition")
        .agg(F.max("source_offset").alias("last"))
    )
    return {int(r["source_partition"].removeprefix(prefix)): r["last"] + 1 for r in collected(rows)}


def _next_batch_id(lake: Lake, source: Source) -> int:
    rows = lake.read_or_empty(bronze.EVENTS).where(F.col("source") == source.name)
    newest = collected(rows.agg(F.max("batch_id")))[0][0]
    return 0 if newest is None else int(newest) + 1
