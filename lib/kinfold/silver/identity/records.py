"""What records of batch sources change in identity: identifiers they bring, and take with them.

An identifier that only a record had leaves with it. People stay as they are joined: that two of the
others were one person only because of the record is not taken back, short of a rebuild.
"""

from dataclasses import dataclass

from pyspark.sql import DataFrame, functions as F

from kinfold.runtime.job import JobRun
from kinfold.runtime.lake import CHANGE_TYPE
from kinfold.tables import silver

_IDENTIFIER = ["namespace", "value"]


@dataclass(frozen=True)
class RecordNews:
    """What has happened to silver.records since the job ran last.

    Attributes:
        changed: records that are new or have changed, as they are now; null for a lake without.
        vanished: identifiers nobody has any more: namespace, value; null if there is none.
    """

    changed: DataFrame | None = None
    vanished: DataFrame | None = None

    def stays(self, identity_map: DataFrame) -> DataFrame:
        """The map but the rows of vanished identifiers."""
        if self.vanished is None:
            return identity_map
        return identity_map.join(self.vanished, _IDENTIFIER, how="anti")

    def links(self, links: DataFrame) -> DataFrame | None:
        """The links that end at a vanished identifier; null if there is none."""
        return None if self.vanished is None else links_of(self.vanished, links)


def record_news(run: JobRun) -> RecordNews:
    """What a run must know of records; costs nothing in a lake without them."""
    if silver.RECORDS.name not in run.inputs:
        return RecordNews()
    records, changes = run.read(silver.RECORDS), run.changes(silver.RECORDS)
    changed = changed_records(records, changes)
    if run.is_rebuild:
        return RecordNews(changed)
    lost = lost_identifiers(records, changes).persist()
    if lost.isEmpty():
        return RecordNews(changed)
    # All events are looked through, which is why only a loss leads here.
    seen = _identifiers(run.read(silver.EVENTS))
    return RecordNews(changed, lost.join(seen, _IDENTIFIER, how="anti").persist())


def changed_records(records: DataFrame, changes: DataFrame) -> DataFrame:
    """The records that are there today and have changed.

    The feed alone would also tell of those that came and went since.

    Args:
        records: silver.records.
        changes: its change feed.
    """
    key = list(silver.RECORDS.key)
    return records.join(changes.select(*key).distinct(), key, how="semi").select(*records.columns)


def lost_identifiers(records: DataFrame, changes: DataFrame) -> DataFrame:
    """Identifiers that a record had before it went or changed, and none has now.

    Args:
        records: silver.records.
        changes: its change feed.

    Returns:
        namespace, value, distinct.
    """
    had = changes.where(F.col(CHANGE_TYPE).isin("delete", "update_preimage"))
    return _identifiers(had).distinct().join(_identifiers(records), _IDENTIFIER, how="anti")


def links_of(identifiers: DataFrame, links: DataFrame) -> DataFrame:
    """The links that end at one of the identifiers: link_id, distinct."""
    left, right = (
        links.select(
            "link_id",
            F.col(f"{side}_namespace").alias("namespace"),
            F.col(f"{side}_value").alias("value"),
        )
        for side in ("left", "right")
    )
    ends = left.unionByName(right)
    return ends.join(identifiers, _IDENTIFIER, how="semi").select("link_id").distinct()


def _identifiers(rows: DataFrame) -> DataFrame:
    return rows.select(F.explode("identifiers").alias("identifier")).select("identifier.*")
