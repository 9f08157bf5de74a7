"""Changes of silver.records, as far as identity resolution needs them.

A record is a node that is linked to its identifiers. When the record is deleted, its links are
deleted; an identifier that only records have is deleted with the last of them.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.caching import cached, lazily_cached
from kinfold.runtime.job import JobRun
from kinfold.runtime.keyed_hash import KeyedHash
from kinfold.runtime.lake.change_feed import CHANGE_TYPE
from kinfold.silver.identity.graph.nodes import (
    RECORD,
    node_id,
    record_node,
    with_record_node,
)
from kinfold.silver.identity.links.observed import (
    record_sightings,
    seen_identifiers,
    sightings,
)
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
        seen_elsewhere: `seen_identifiers` of those identifiers that an old version of a record may
            have been the first to have; null if there are none.
    """

    changed: DataFrame | None = None
    unreferenced_nodes: DataFrame | None = None
    changed_nodes: DataFrame | None = None
    seen_elsewhere: DataFrame | None = None


def record_changes(run: JobRun) -> RecordChanges:
    """The changes of silver.records; costs nothing for a lake without records."""
    if silver.RECORDS.name not in run.inputs:
        return RecordChanges()
    records, changes = run.read(silver.RECORDS), run.changes(silver.RECORDS)
    changed = changed_records(records, changes)
    if run.is_rebuild:
        return RecordChanges(changed)
    keyed = run.lake.keyed_hash
    changed_nodes = replaced_records(records, changes, keyed)
    removed = removed_identifiers(records, changes)
    stored = run.lake.read_or_empty(silver.IDENTIFIERS)
    first_seen = first_seen_in_records(records, changes, stored, keyed)
    questioned = cached(removed.unionByName(first_seen).distinct())
    if questioned.isEmpty():
        return RecordChanges(changed, None, changed_nodes)
    # This reads all events, so it is done only for identifiers that may be gone or seen later.
    seen = seen_identifiers(sightings(run.read(silver.EVENTS), records), keyed)
    seen = lazily_cached(seen.join(F.broadcast(questioned), _IDENTIFIER, how="semi"))
    unreferenced = questioned.join(seen, _IDENTIFIER, how="anti")
    node = node_id(F.col("namespace"), F.col("value"), keyed)
    nodes = unreferenced.select(node.alias("node_id"))
    return RecordChanges(changed, lazily_cached(nodes), changed_nodes, seen)


def changed_records(records: DataFrame, changes: DataFrame) -> DataFrame:
    """The current rows of the records that have changed.

    Unlike the change feed, they leave out records that were added and deleted since.

    Args:
        records: silver.records.
        changes: its change feed.
    """
    key = list(silver.RECORDS.key)
    return records.join(changes.select(*key).distinct(), key, how="semi").select(*records.columns)


def replaced_records(records: DataFrame, changes: DataFrame, keyed: KeyedHash) -> DataFrame:
    """The nodes of existing records that had another content before, as an update or because they
    were deleted and delivered again.

    Args:
        records: silver.records.
        changes: its change feed.
        keyed: the keyed hash of the lake, for node ids.

    Returns:
        node_id, distinct.
    """
    key = list(silver.RECORDS.key)
    before = changes.where(_had_content()).select(*key).distinct()
    itself = record_node(F.col("source"), F.col("record_id"))
    return before.join(records.select(*key), key, how="semi").select(
        node_id(itself["namespace"], itself["value"], keyed).alias("node_id")
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


def first_seen_in_records(
    records: DataFrame, changes: DataFrame, identifiers: DataFrame, keyed: KeyedHash
) -> DataFrame:
    """Identifiers that were first seen in a record which no longer has them, or has them since a
    later time. When they were first seen must be found again.

    Args:
        records: silver.records.
        changes: its change feed.
        identifiers: silver.identifiers.
        keyed: the keyed hash of the lake, for node ids.

    Returns:
        namespace, value, distinct.
    """
    before, now, stored = (
        rows.select("node_id", *names, F.col("first_seen_at").alias(alias))
        for rows, names, alias in (
            (
                seen_identifiers(record_sightings(changes.where(_had_content())), keyed),
                _IDENTIFIER,
                "_before",
            ),
            (seen_identifiers(record_sightings(records), keyed), [], "_now"),
            (identifiers, [], "_stored"),
        )
    )
    is_later = F.col("_now").isNull() | (F.col("_now") > F.col("_before"))
    return (
        before.where(F.col("namespace") != RECORD)
        .join(now, "node_id", how="left")
        .join(stored, "node_id", how="inner")
        .where(is_later & (F.col("_stored") >= F.col("_before")))
        .select(*_IDENTIFIER)
    )


def _had_content() -> Column:
    """Whether a row of a change feed is what a record was before the change."""
    return F.col(CHANGE_TYPE).isin("delete", "update_preimage")


def _identifiers(rows: DataFrame) -> DataFrame:
    return rows.select(F.explode("identifiers").alias("identifier")).select("identifier.*")
