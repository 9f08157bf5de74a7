"""What became of every accepted record: the counts of the ledger's law at silver."""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.silver.cleansing.duplicates import LINEAGE, is_origin
from kinfold.tables.collected import collected


@dataclass(frozen=True)
class Conservation:
    """Counts of accepted records: accepted = added + duplicates + quarantined, or some were lost.

    `late` is a part of `added`; `conflicting`, of those that differ from their event, is a part of
    `duplicates`.
    """

    accepted: int
    added: int
    late: int
    duplicates: int
    quarantined: int
    conflicting: int = 0

    @property
    def lost(self) -> int:
        return self.accepted - self.added - self.duplicates - self.quarantined


def conservation(
    records: DataFrame,
    events: DataFrame,
    quarantined: DataFrame,
    *,
    hashed: Callable[[Column], Column],
) -> Conservation:
    """What became of each accepted record, read back from the tables after the commit.

    A record is *added* if the row of its event names it as its origin. Of the records of a
    quarantined event one counts as *quarantined*, because one row was, and the others as
    duplicates. A record is a *duplicate* also if the row of its event_id names another record, and
    lost if there is no such row. This runs joins.

    Args:
        records: accepted records: event_id, source, source_partition, source_offset,
            record_index.
        events: silver.events after the commit, at least the rows with an event_id of the records.
        quarantined: keys of the events that this run quarantined (see `Lake.quarantined`).
        hashed: the keyed hash of a text, which these keys have in place of the event_id.
    """
    landed = events.select("event_id", "is_late", *(F.col(c).alias(f"_{c}") for c in LINEAGE))
    is_known = F.col("_source").isNotNull()
    is_same = is_known & is_origin("_")
    quarantined_ids = quarantined.select(F.json_tuple("key", "event_id").alias("_quarantined"))
    is_quarantined = F.col("_quarantined").isNotNull()
    key = F.when(~is_same, hashed(F.col("event_id")))  # of few records: a hash takes time
    outcomes = (
        records.select("event_id", *LINEAGE)
        .join(landed, "event_id", how="left")
        .join(quarantined_ids, key == F.col("_quarantined"), how="left")
    )
    counts = collected(
        outcomes.agg(
            F.count(F.lit(1)).alias("accepted"),
            F.count_if(is_same).alias("added"),
            F.count_if(is_same & F.col("is_late")).alias("late"),
            F.count_if(is_known & ~is_same & ~is_quarantined).alias("duplicates"),
            F.count_if(is_quarantined).alias("quarantined"),
        )
    )[0]
    quarantined_rows = 0
    if counts["quarantined"]:
        quarantined_rows = outcomes.where(is_quarantined).select("event_id").distinct().count()
    return Conservation(
        accepted=int(counts["accepted"]),
        added=int(counts["added"]),
        late=int(counts["late"]),
        duplicates=int(counts["duplicates"]) + int(counts["quarantined"]) - quarantined_rows,
        quarantined=quarantined_rows,
    )
