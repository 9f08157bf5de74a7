"""Where every accepted record has gone: the counts behind the ledger's law at silver."""

from dataclasses import dataclass

from pyspark.sql import DataFrame, functions as F


@dataclass(frozen=True)
class Conservation:
    """accepted = added + duplicates + quarantined, or records were lost; `late` of the added."""

    accepted: int
    added: int
    late: int
    duplicates: int
    quarantined: int

    @property
    def lost(self) -> int:
        return self.accepted - self.added - self.duplicates - self.quarantined


def conservation(records: DataFrame, events: DataFrame, quarantined: DataFrame) -> Conservation:
    """What became of each accepted record, read back from the tables after the commit.

    A record is *added* when its event's row says it came from this very record. Of the records of
    an event that was set aside one counts as *quarantined*, because one row was, and the others as
    duplicates of it. A record is a *duplicate*, too, when the row of its event_id came from another
    record, and lost when there is no such row. This runs joins.

    Args:
        records: accepted records: event_id, source, source_partition, source_offset,
            record_index.
        events: silver.events after the commit.
        quarantined: keys of the events that this run set aside (see `Lake.quarantined`).
    """
    lineage = ("source", "source_partition", "source_offset", "record_index")
    landed = events.select("event_id", "is_late", *(F.col(c).alias(f"_{c}") for c in lineage))
    is_known = F.col("_source").isNotNull()
    is_same = is_known
    for column in lineage:
        is_same = is_same & (F.col(column) == F.col(f"_{column}"))
    aside = quarantined.select(F.json_tuple("key", "event_id").alias("_aside"))
    is_aside = F.col("_aside").isNotNull() & ~is_same
    found = (
        records.select("event_id", *lineage)
        .join(landed, "event_id", how="left")
        .join(aside, F.col("event_id") == F.col("_aside"), how="left")
    )
    counts = found.agg(
        F.count(F.lit(1)).alias("accepted"),
        F.count_if(is_same).alias("added"),
        F.count_if(is_same & F.col("is_late")).alias("late"),
        F.count_if(is_known & ~is_same & ~is_aside).alias("duplicates"),
        F.count_if(is_aside).alias("aside"),
    ).collect()[0]
    rows_aside = (
        found.where(is_aside).select("event_id").distinct().count() if counts["aside"] else 0
    )
    return Conservation(
        accepted=int(counts["accepted"]),
        added=int(counts["added"]),
        late=int(counts["late"]),
        duplicates=int(counts["duplicates"]) + int(counts["aside"]) - rows_aside,
        quarantined=rows_aside,
    )
