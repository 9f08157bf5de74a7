"""Gaps: offsets of a topic that the broker deleted before they were read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import functions as F

from kinfold.bronze.sources.declaration import Source
from kinfold.bronze.sources.kafka import Topic
from kinfold.core.errors import GapError
from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.metrics.declarations import GAPS_OPEN
from kinfold.tables import ops
from kinfold.tables.collected import collected

RETENTION = "retention"
TOPIC_RECREATED = "topic made anew"
"""A value in ops.gaps, which keeps the spelling of existing rows."""
_MAX_SHOWN_GAPS = 4


@dataclass(frozen=True)
class Gap:
    """A range of lost offsets of one partition.

    Attributes:
        last_offset: null if it is unknown.
        reason: why the records are lost: `RETENTION` or `TOPIC_RECREATED`.
    """

    source_partition: str
    first_offset: int
    last_offset: int | None
    reason: str

    def __str__(self) -> str:
        last = f"{self.last_offset:,}" if self.last_offset is not None else "an unknown end"
        return f"{self.source_partition} offsets {self.first_offset:,} to {last} ({self.reason})"


def gaps_by_retention(topic: Topic, next_offsets: Mapping[int, int]) -> list[Gap]:
    """The gaps between what has been read and what the broker still has.

    Args:
        next_offsets: the next offset to read, by partition.
    """
    return [
        Gap(topic.source_partition(p), offset, topic.earliest[p] - 1, RETENTION)
        for p, offset in sorted(next_offsets.items())
        if topic.earliest.get(p, 0) > offset
    ]


def require_accepted_gaps(lake: Lake, source: Source, gaps: Sequence[Gap], *, accept: bool) -> None:
    """Record the gaps in ops.gaps, and check that each is accepted, now or earlier.

    Sets the metric of open gaps.

    Args:
        accept: accept all of them now.

    Raises:
        GapError: a gap is not accepted.
    """
    lake.metrics.set(GAPS_OPEN, 0, source=source.name)
    if not gaps:
        return
    known = lake.read_or_empty(ops.GAPS).where(F.col("source") == source.name)
    accepted = {
        (row["source_partition"], row["first_offset"])
        for row in collected(known.where("is_accepted"))
    }
    open_gaps = [gap for gap in gaps if (gap.source_partition, gap.first_offset) not in accepted]
    rows: list[dict[str, object]] = [
        dict(
            source=source.name,
            source_partition=gap.source_partition,
            first_offset=gap.first_offset,
            last_offset=gap.last_offset,
            reason=gap.reason,
            found_at=lake.started_at,
            run_id=lake.run_id,
            is_accepted=accept,
        )
        for gap in open_gaps
    ]
    lake.record(ops.GAPS, rows)
    if not open_gaps or accept:
        return
    lake.metrics.set(GAPS_OPEN, len(open_gaps), source=source.name)
    shown = "; ".join(map(str, open_gaps[:_MAX_SHOWN_GAPS]))
    hidden_count = len(open_gaps) - _MAX_SHOWN_GAPS
    more = f" and {hidden_count} more" if hidden_count > 0 else ""
    raise GapError(
        f"source {source.name}: records were lost before they were read: {shown}{more}. Nothing "
        "was read now; ops.gaps has the ranges. If the records cannot be restored, continue after "
        f"them with: jobs/bronze/ingest_events.py --source {source.display_path} --accept-gaps"
    )
