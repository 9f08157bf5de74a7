"""Where every accepted record has gone: the counts behind the ledger's law at silver."""

from dataclasses import dataclass

from pyspark.sql import DataFrame, functions as F


@dataclass(frozen=True)
class Conservation:
    """accepted = added + duplicates, or records were lost."""

    accepted: int
    added: int
    duplicates: int

    @property
    def lost(self) -> int:
        return self.accepted - self.added - self.duplicates


def conservation(records: DataFrame, events: DataFrame) -> Conservation:
    """What became of each accepted record, read back from the table after the commit.

    A record is *added* when its event's row says it came from this very record, a *duplicate* when
    the row of its event_id came from another, and lost when there is no such row. This runs a join.

    Args:
        records: accepted records: event_id, source, source_partition, source_offset,
            record_index.
        events: silver.events after the commit.
    """
    lineage = ("source", "source_partition", "source_offset", "record_index")
    landed = events.select("event_id", *(F.col(c).alias(f"_{c}") for c in lineage))
    is_known = F.col("_source").isNotNull()
    is_same = is_known
    for column in lineage:
        is_same = is_same & (F.col(column) == F.col(f"_{column}"))
    counts = (
        records.select("event_id", *lineage)
        .join(landed, "event_id", how="left")
        .agg(
            F.count(F.lit(1)).alias("accepted"),
            F.count_if(is_same).alias("added"),
            F.count_if(is_known & ~is_same).alias("duplicates"),
        )
        .collect()[0]
    )
    return Conservation(int(counts["accepted"]), int(counts["added"]), int(counts["duplicates"]))
