"""What records of batch sources change in identity: identifiers they bring, and take with them.

A record is a node of its own that its identifiers hang on. It goes with its links, and an
identifier that only records had goes with the last of them.
"""

from dataclasses import dataclass

from pyspark.sql import DataFrame, functions as F

from kinfold.runtime.caching import lazily_cached
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.tables import CHANGE_TYPE
from kinfold.silver.identity.graph.nodes import node_id, record_node, with_record_node
from kinfold.tables import silver

_IDENTIFIER = ["namespace", "value"]


@dataclass(frozen=True)
class RecordChanges:
    """What has happened to silver.records since the job ran last.

    Attributes:
        changed: records that are new or have changed, as they are now; null for a lake without.
        vanished: nodes nobody has any more: node_id; null if there is none.
        changed_nodes: nodes of records that are there as before but say something else: node_id;
            null for a lake without.
    """

    changed: DataFrame | None = None
    vanished: DataFrame | None = None
    changed_nodes: DataFrame | None = None


def record_changes(run: JobRun) -> RecordChanges:
    """What a run must know of records; costs nothing in a lake without them."""
    if silver.RECORDS.name not in run.inputs:
        return RecordChanges()
    records, changes = run.read(silver.RECORDS), run.changes(silver.RECORDS)
    changed = changed_records(records, changes)
    if run.is_rebuild:
        return RecordChanges(changed)
    again = changes.where(F.col(CHANGE_TYPE) == "update_preimage").select("source", "record_id")
    itself = record_node(F.col("source"), F.col("record_id"))
    nodes = again.distinct().select(node_id(itself["namespace"], itself["value"]).alias("node_id"))
    lost = lazily_cached(removed_identifiers(records, changes))
    if lost.isEmpty():
        return RecordChanges(changed, None, nodes)
    # All events are looked through, which is why only a loss leads here.
    seen = _identifiers(run.read(silver.EVENTS))
    vanished = lost.join(seen, _IDENTIFIER, how="anti")
    named = vanished.select(node_id(F.col("namespace"), F.col("value")).alias("node_id"))
    return RecordChanges(changed, lazily_cached(named), nodes)


def changed_records(records: DataFrame, changes: DataFrame) -> DataFrame:
    """The records that are there today and have changed.

    The feed alone would also tell of those that came and went since.

    Args:
        records: silver.records.
        changes: its change feed.
    """
    key = list(silver.RECORDS.key)
    return records.join(changes.select(*key).distinct(), key, how="semi").select(*records.columns)


def removed_identifiers(records: DataFrame, changes: DataFrame) -> DataFrame:
    """Identifiers that a record had before it went or changed, and none has now; records too.

    Args:
        records: silver.records.
        changes: its change feed.

    Returns:
        namespace, value, distinct.
    """
    had = with_record_node(changes.where(F.col(CHANGE_TYPE).isin("delete", "update_preimage")))
    has = with_record_node(records)
    return _identifiers(had).distinct().join(_identifiers(has), _IDENTIFIER, how="anti")


def _identifiers(rows: DataFrame) -> DataFrame:
    return rows.select(F.explode("identifiers").alias("identifier")).select("identifier.*")
