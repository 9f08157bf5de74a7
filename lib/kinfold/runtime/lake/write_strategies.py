"""How conformed rows get into a Delta table: append, replace, or change by key.

Every function expects rows with the declared columns. None of them applies quality rules: see
`kinfold.runtime.lake.publish`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.accumulators import AccumulatorParam
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.arrow_frames import local_frame, small_slices
from kinfold.runtime.caching import cached
from kinfold.runtime.lake.predicates import (
    equals_all,
    equals_any,
    keys_match,
    new_values,
    rows_differ,
)
from kinfold.runtime.lake.tables import LakeTables
from kinfold.runtime.native_writes.data_files import Batches, counting
from kinfold.runtime.native_writes.table import cluster
from kinfold.runtime.storage import Storage
from kinfold.tables.spec import Table

_MAX_BROADCAST_ROWS = 500_000
"""Broadcast threshold of the rows to publish; with more, both sides of the MERGE are shuffled."""
_MAX_LITERAL_ROWS = 100
"""Maximum number of rows whose keys are written as literals into a predicate."""
_ROWS_PER_FILE = 250_000
"""Maximum number of rows in a file of a clustered table."""


@dataclass(frozen=True)
class PublishedRows:
    """Conformed rows to write.

    Attributes:
        frame: the rows.
        count: how many they are.
        arrow: the same rows on the driver; None if they are too many for it.
    """

    frame: DataFrame
    count: int
    arrow: pa.Table | None = None


@dataclass(frozen=True)
class Commit:
    """A commit of a table.

    Attributes:
        rows: rows of the added data files according to the Delta log; None if it does not say.
        counts: what was counted on the way, by name; empty if nothing was.
    """

    version: int
    rows: int | None
    counts: Mapping[str, int]


def append(lake: LakeTables, table: Table, rows: PublishedRows) -> None:
    """Append rows; rows on the driver without a Spark job, where that is possible."""
    if rows.arrow is None:
        append_frame(lake, table, rows.frame)
    else:
        append_arrow(lake, table, rows.arrow)


def append_arrow(lake: LakeTables, table: Table, rows: pa.Table) -> None:
    """Append rows that are on the driver, in a quarter of the time of a Spark job if possible."""
    with lake.commit_lock(table):
        native = lake.native(table)
        if native is not None:
            native.append(rows, mark=lake.commit_mark)
        else:
            frame = table.conform(local_frame(lake.spark, rows)).coalesce(1)
            append_frame(lake, table, frame)


def append_frame(lake: LakeTables, table: Table, rows: DataFrame) -> None:
    """Append rows by Spark."""
    writer = rows.write.format("delta").mode("append")
    with lake.commit_lock(table):
        writer.option("userMetadata", lake.commit_mark).save(lake.path(table))


def append_once(
    lake: LakeTables, table: Table, rows: DataFrame, *, writer: str, batch_id: int
) -> Commit | None:
    """Append a batch, unless `writer` has committed it already; None if it has.

    Delta ignores a repeated batch atomically with the commit, so a crash between the commit and the
    checkpoint of the stream does not duplicate it.
    """
    before = lake.version(table)
    lake.require_lock(table)
    (
        table.conform(rows)
        .write.format("delta")
        .mode("append")
        .option("txnAppId", writer)
        .option("txnVersion", batch_id)
        .option("userMetadata", lake.commit_mark)
        .save(lake.path(table))
    )
    return _commit_of(
        lake,
        table,
        versions=range(before + 1, lake.version(table) + 1),
        writer=writer,
        batch_id=batch_id,
    )


def append_made_once(
    lake: LakeTables,
    table: Table,
    records: DataFrame,
    make: Callable[[Batches], Batches],
    *,
    count: Callable[[pa.RecordBatch], Mapping[str, int]],
    writer: str,
    batch_id: int,
) -> Commit | None:
    """`append_once` of rows that Python workers make out of records, with counts.

    Args:
        make: from the Arrow batches of one task to batches of declared columns, in any order;
            omitted columns are null.
        count: counts of one made batch; `received` is the number of records.

    Returns:
        The counts of the commit are exact unless Spark repeated a task.
    """
    native = lake.native(table)
    if native is not None:
        added = native.append_made(
            records,
            make,
            count=count,
            writer=writer,
            batch_id=batch_id,
            mark=lake.commit_mark,
            before_commit=lambda: lake.require_lock(table),
        )
        return None if added is None else Commit(added.version, added.rows, added.counts)
    counts = lake.spark.sparkContext.accumulator(Counter[str](), _SumOfCounts())
    counted = counting(make, table=table, count=count, report=counts.add)

    def in_small_batches(batches: Batches) -> Iterator[pa.RecordBatch]:
        for rows in counted(batches):
            yield from small_slices(rows)

    rows = records.mapInArrow(in_small_batches, table.nullable_schema)
    commit = append_once(lake, table, rows, writer=writer, batch_id=batch_id)
    return None if commit is None else Commit(commit.version, commit.rows, counts.value)


class _SumOfCounts(AccumulatorParam[Counter[str]]):
    """Adds the counts of the tasks of one Spark job."""

    def zero(self, value: Counter[str]) -> Counter[str]:
        return Counter()

    def addInPlace(self, value1: Counter[str], value2: Counter[str]) -> Counter[str]:
        value1.update(value2)
        return value1


def _commit_of(
    lake: LakeTables, table: Table, *, versions: Sequence[int], writer: str, batch_id: int
) -> Commit | None:
    """The commit, among some versions, that added the batch of a writer; None if none did."""
    log = Storage(lake.spark, f"{lake.path(table)}/_delta_log")
    for version in versions:
        actions = [json.loads(line) for line in log.read(f"{version:020}.json").splitlines()]
        batches = [(a["txn"]["appId"], a["txn"]["version"]) for a in actions if "txn" in a]
        if (writer, batch_id) in batches:
            added = [json.loads(a["add"].get("stats") or "{}") for a in actions if "add" in a]
            rows = [statistics.get("numRecords") for statistics in added]
            return Commit(version, None if None in rows else sum(rows), {})
    return None


def replace(
    lake: LakeTables, table: Table, rows: PublishedRows, where: Mapping[str, str | datetime]
) -> None:
    """Replace all rows, or those whose columns have the values `where`.

    The rows of a clustered table are sorted by its clustering columns, as OPTIMIZE would do, in
    files small enough to be rewritten for a few of their rows.
    """
    frame = rows.frame
    if table.cluster_by and not where and rows.count > _ROWS_PER_FILE:
        frame = frame.repartitionByRange(*table.cluster_by)
        frame = frame.sortWithinPartitions(*table.cluster_by)
    is_first = not where and lake.version(table) == 0  # created, and nothing written yet
    writer = frame.write.format("delta").option("userMetadata", lake.commit_mark)
    if where:
        writer = writer.option("replaceWhere", equals_all(where))
    elif table.cluster_by:
        writer = writer.option("maxRecordsPerFile", _ROWS_PER_FILE)
    lake.require_lock(table)
    writer.mode("append" if is_first else "overwrite").save(lake.path(table))
    is_overwritten = not where and not is_first
    if table.cluster_by and is_overwritten and lake.native_writes:
        # An overwrite removes the clustering columns from the table.
        cluster(lake.spark, lake.path(table), table.cluster_by, mark=lake.commit_mark)


def upsert(lake: LakeTables, table: Table, rows: PublishedRows, *, are_changed: bool) -> None:
    """Replace the rows whose key exists and that differ, and append the others.

    Args:
        are_changed: every row is new or differs from the existing one; not checked again.
    """
    frame, among = rows.frame, None
    if rows.count <= _MAX_BROADCAST_ROWS:
        frame = F.broadcast(frame)
    if rows.arrow is not None:
        # The Delta log keeps predicates. A column that identifies a person has no statistics, and
        # its values must not be in the log as a predicate either.
        may_be_logged = set(table.key) <= set(table.statistics_columns)
        if rows.count <= _MAX_LITERAL_ROWS and may_be_logged and table.uses_deletion_vectors:
            _replace_by_literal_key(lake, table, rows, are_changed=are_changed)
            return
        # Statistics of the first key column tell which files can contain the keys.
        first = table.key[0]
        if first in table.statistics_columns:
            among = F.col(f"old.{first}").isin(rows.arrow[first].unique().to_pylist())
            old = lake.read(table).alias("old").where(among)
            if old.join(frame.alias("new"), keys_match(table), how="semi").isEmpty():
                append(lake, table, rows)  # a fraction of the time of a MERGE without a match
                return
    merge_rows(lake, table, frame, condition=rows_differ(table), among=among)


def _replace_by_literal_key(
    lake: LakeTables, table: Table, rows: PublishedRows, *, are_changed: bool
) -> None:
    """`upsert` of few rows by `replaceWhere`, in a third of the time of a MERGE.

    In the change feed a replaced row is a delete and an insert.
    """
    new, any_exists = rows.arrow, True
    assert new is not None  # few rows are on the driver
    if not are_changed:
        by_key = equals_any(new.select(table.key).to_pylist())
        existing = lake.read(table).where(by_key).withColumn("_exists", F.lit(True))
        compared = rows.frame.alias("new").join(existing.alias("old"), keys_match(table), "left")
        compared = compared.where(F.col("old._exists").isNull() | rows_differ(table))
        changed = compared.select("new.*", "old._exists").toArrow()
        new = changed.drop(["_exists"])
        any_exists = changed["_exists"].null_count < len(changed)
    if not new.num_rows:
        return
    if not any_exists:
        append_arrow(lake, table, new)
        return
    frame = table.conform(local_frame(lake.spark, new)).coalesce(1)
    writer = frame.write.format("delta").mode("overwrite").option("userMetadata", lake.commit_mark)
    by_key = equals_any(new.select(table.key).to_pylist())
    lake.require_lock(table)
    writer.option("replaceWhere", by_key).save(lake.path(table))


def upsert_and_delete(
    lake: LakeTables, table: Table, rows: PublishedRows, deleted: DataFrame
) -> None:
    """`upsert`, and delete the keys of `deleted`, in one commit; the two have no key in common."""
    marked = rows.frame.withColumn("_is_deleted", F.lit(False)).unionByName(
        deleted.select(*table.key).withColumn("_is_deleted", F.lit(True)), allowMissingColumns=True
    )
    values = new_values(table)
    lake.require_lock(table)
    (
        _merge(lake, table, marked)
        .whenMatchedDelete(condition="new._is_deleted")
        .whenMatchedUpdate(condition=rows_differ(table), set=values)
        .whenNotMatchedInsert(condition="not new._is_deleted", values=values)
        .execute()
    )


def delete_keys(lake: LakeTables, table: Table, keys: DataFrame) -> None:
    """Delete the rows whose key is among those of some rows."""
    lake.require_lock(table)
    _merge(lake, table, keys.select(*table.key)).whenMatchedDelete().execute()


def insert_missing(lake: LakeTables, table: Table, rows: PublishedRows) -> None:
    """Append the rows whose key does not exist; existing rows stay as they are.

    A MERGE would read more than the key columns. The caller owns the lock of the table, so no other
    process adds one of the keys meanwhile.
    """
    key, keys = list(table.key), rows.frame.select(*table.key)
    if rows.count <= _MAX_BROADCAST_ROWS:
        keys = F.broadcast(keys)
    known = cached(lake.read(table).select(*key).join(keys, key, how="semi"))
    new = rows.frame.join(known, key, how="anti")
    if known.isEmpty():
        append(lake, table, rows)
    elif rows.arrow is None:
        append_frame(lake, table, new)
    elif (few := new.select(*table.columns).toArrow()).num_rows:
        append_arrow(lake, table, few)


def merge_rows(
    lake: LakeTables,
    table: Table,
    rows: DataFrame,
    *,
    condition: Column | None = None,
    among: Column | None = None,
) -> None:
    """Replace the rows whose key exists, where a condition is true, and append the others.

    Args:
        among: true for every `old` row that may have the key of a row; None = all.
    """
    values = new_values(table)
    lake.require_lock(table)
    merge = _merge(lake, table, rows, among=among)
    merge = merge.whenMatchedUpdate(condition=condition, set=values)
    with lake.commit_lock(table):
        merge.whenNotMatchedInsert(values=values).execute()


def _merge(lake: LakeTables, table: Table, rows: DataFrame, *, among: Column | None = None):  # type: ignore[no-untyped-def]  # delta has no stubs
    matches = keys_match(table)
    if among is not None:
        matches = matches & among
    target = DeltaTable.forPath(lake.spark, lake.path(table))
    return target.alias("old").merge(rows.alias("new"), matches)
