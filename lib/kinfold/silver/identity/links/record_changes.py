"""Changes of silver.records, as far as identity resolution needs them.

A record is a node that is linked to its identifiers. When the record is deleted, its links are
deleted; an identifier that only records have is deleted with the last of them.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.caching import lazily_cached
from kinfold.runtime.job import JobRun
from kinfold.runtime.lake.change_feed import CHANGE_TYPE
from kinfold.silver.identity.graph.nodes import node_id, record_node, with_record_node
from kinfold.tables import silver

_IDENTIFIER = ["namespace", "value"]


@dataclass(frozen=True)
class RecordChanges:
    """Changes of silver.records since the last run of the job.

    Attributes:
        changed: the current rows of new and changed records; null for a lake without records.
        unreferenced_nodes: nodes that no event and no record has any more: node_id; null if there
            are none.
        changed_nodes: nodes of existing records whose content was different before: node_id; null
            for a rebuild and for a lake without records.
    """

    changed: DataFrame | None = None
    unreferenced_nodes: DataFrame | None = None
    changed_nodes: DataFrame | None = None


def record_changes(run: JobRun) -> RecordChanges:
    """The changes of silver.records; costs nothing for a lake without records."""
    if silver.RECORDS.name not in run.inputs:
        return RecordChanges()
    records, changes = run.read(silver.RECORDS), run.changes(silver.RECORDS)
    changed = changed_records(records, changes)
    if run.is_rebuild:
        return RecordChanges(changed)
    changed_nodes = replaced_records(records, changes)
    removed = lazily_cached(removed_identifiers(records, changes))
    if removed.isEmpty():
        return RecordChanges(changed, None, changed_nodes)
    # This reads all events, so it runs only if identifiers were removed.
    in_events = _identifiers(run.read(silver.EVENTS))
    unreferenced = removed.join(in_events, _IDENTIFIER, how="anti")
    nodes = unreferenced.select(node_id(F.col("namespace"), F.col("value")).alias("node_id"))
    return RecordChanges(changed, lazily_cached(nodes), changed_nodes)


def changed_records(records: DataFrame, changes: DataFrame) -> DataFrame:
    """The current rows of the records that have changed.

    Unlike the change feed, they leave out records that were added and deleted since.

    Args:
        records: silver.records.
        changes: its change feed.
    """
    key = list(silver.RECORDS.key)
    return records.join(changes.select(*key).distinct(), key, how="semi").select(*records.columns)


def replaced_records(records: DataFrame, changes: DataFrame) -> DataFrame:
    """The nodes of existing records that had another content before, as an update or because they
    were deleted and delivered again.

    Args:
        records: silver.records.
        changes: its change feed.

    Returns:
        node_id, distinct.
    """
    key = list(silver.RECORDS.key)
    before = changes.where(_had_content()).select(*key).distinct()
    itself = record_node(F.col("source"), F.col("record_id"))
    return before.join(records.select(*key), key, how="semi").select(
        node_id(itself["namespace"], itself["value"]).alias("node_id")
    )


def removed_identifiers(records: DataFrame, changes: DataFrame) -> DataFrame:
    """Identifiers of records that were deleted or changed, which no record has now.

    Deleted records themselves are among them.

    Args:
        records: silver.records.
        changes: its change feed.

    Returns:
        namespace, value, distinct.
    """
    before = with_record_node(changes.where(_had_content()))
    now = with_record_node(records)
    return _identifiers(before).distinct().join(_identifiers(now), _IDENTIFIER, how="anti")


def _had_content() -> Column:
    """Whether a row of a change feed is what a record was before the change."""
    return F.col(CHANGE_TYPE).isin("delete", "update_preimage")


def _identifiers(rows: DataFrame) -> DataFrame:
    return rows.select(F.explode("identifiers").alias("identifier")).select("identifier.*")
