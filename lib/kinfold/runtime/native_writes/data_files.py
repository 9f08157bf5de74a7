"""Data files of a table, written by the Python workers that make its rows.

What a worker gives back to Spark is copied three times: into Arrow for the way, out of it into
Spark's rows, and out of those column by column into Parquet. Rows that Python makes anyway are
written where they are, in half of the time that all this takes; only what the Delta log must know
of the files travels. Until they are committed the files are no part of the table, and those that
never are go with VACUUM, as those of a task of Spark's that was killed do.
"""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema

from kinfold.runtime.native_writes.locations import Location
from kinfold.tables.spec import Table

Batches = Iterable[pa.RecordBatch]

_GROUP_BYTES = 64 * 2**20
"""Of rows in memory that become one row group of a file."""
_MOST_SHOWN = 32
"""Characters of a text that may stand in the Delta log; a column with a longer one has no bounds
there."""
_FILE_TYPES = {
    "name": ("string", pa.string()),
    "size": ("bigint", pa.int64()),
    "rows": ("bigint", pa.int64()),
    "statistics": ("string", pa.string()),
    "counts": ("map<string, bigint>", pa.map_(pa.string(), pa.int64())),
}
CODECS = {
    "snappy": "snappy",
    "zstd": "zstd",
    "gzip": "gzip",
    "none": "none",
    "uncompressed": "none",
}
"""Spark's names of how Parquet is compressed, and Arrow's."""


@dataclass(frozen=True)
class DataFile:
    """A file that a worker has written.

    Attributes:
        name: below the table's folder.
        size: in bytes.
        rows: as the file itself has them.
        statistics: what the Delta log keeps of its columns, as JSON.
        counts: what was counted on the way, by name.
    """

    name: str
    size: int
    rows: int
    statistics: str
    counts: Mapping[str, int]


def written_files(
    records: DataFrame,
    made: Callable[[Batches], Batches],
    *,
    table: Table,
    place: Location,
    codec: str,
    count: Callable[[pa.RecordBatch], Mapping[str, int]],
) -> list[DataFile]:
    """Have the workers make rows of a table and write them: a file for each task that has any.

    Args:
        made: from the batches of a task to batches of declared columns, in any order; columns that
            are left out are null.
        place: the table's folder.
        codec: a key of `CODECS`.
        count: what to count of each batch that is made; `received` is counted of those that come.

    Raises:
        ValueError: in the worker, where a column is null that must not be.
    """

    def write(batches: Batches) -> Iterator[pa.RecordBatch]:
        counts = Counter[str]()

        def received() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                counts["received"] += batch.num_rows
                yield batch

        file = _File(table, place, CODECS[codec])
        try:
            for rows in made(received()):
                counts.update(count(rows))
                file.add(rows)
            done = file.closed()
        except BaseException:
            file.discard()
            raise
        if done is not None:
            schema = pa.schema({name: arrow for name, (_, arrow) in _FILE_TYPES.items()})
            row = {**done, "counts": list(counts.items())}
            yield pa.RecordBatch.from_pylist([row], schema=schema)

    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in _FILE_TYPES.items())
    return [DataFile(**row.asDict()) for row in records.mapInArrow(write, columns).collect()]


def written_file(rows: pa.Table, *, table: Table, place: Location, codec: str) -> DataFile:
    """Write a few rows that are here already; there must be one.

    Raises:
        ValueError: a column is null that must not be.
    """
    file = _File(table, place, CODECS[codec])
    try:
        for batch in rows.to_batches():
            file.add(batch)
        done = file.closed()
    except BaseException:
        file.discard()
        raise
    assert done is not None  # there is a row
    return DataFile(**done, counts={})


class _File:
    """One file as it grows, a row group at a time."""

    def __init__(self, table: Table, place: Location, codec: str) -> None:
        self._table, self._place, self._codec = table, place, codec
        self._schema = to_arrow_schema(table.schema)
        self._name = f"part-{uuid.uuid4()}.{codec}.parquet"
        self._bounds = {name: _Bounds() for name in table.statistics_columns}
        self._held: list[pa.RecordBatch] = []
        self._footers: list[pq.FileMetaData] = []
        self._sink: pa.NativeFile | None = None
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        rows = pa.RecordBatch.from_arrays(
            [self._column(rows, wanted) for wanted in self._schema], schema=self._schema
        )
        for name, bounds in self._bounds.items():
            bounds.widen(rows.column(name))
        self._held.append(rows)
        if sum(held.nbytes for held in self._held) >= _GROUP_BYTES:
            self._write()

    def closed(self) -> dict[str, Any] | None:
        """What the log must know of the file; null where no row came, and so no file is there."""
        self._write()
        if self._writer is None or self._sink is None:
            return None
        self._writer.close()
        size = self._sink.tell()
        self._sink.close()
        rows = self._footers[0].num_rows
        return {
            "name": self._name,
            "size": size,
            "rows": rows,
            "statistics": json.dumps({"numRecords": rows, **self._statistics()}),
        }

    def discard(self) -> None:
        """Leave nothing behind, as far as the storage still answers."""
        if self._sink is not None:
            with suppress(OSError, pa.ArrowException):
                if self._writer is not None:
                    self._writer.close()
                self._sink.close()
                self._place.files.delete_file(self._place.path(self._name))

    def _write(self) -> None:
        """One row group of what is held."""
        rows = pa.Table.from_batches(self._held, self._schema)
        self._held = []
        if not rows.num_rows:
            return
        if self._writer is None:
            self._sink = self._place.files.open_output_stream(self._place.path(self._name))
            self._writer = pq.ParquetWriter(
                self._sink,
                self._schema,
                compression=self._codec,
                write_statistics=list(self._table.statistics_columns),
                store_schema=False,
                metadata_collector=self._footers,
            )
        self._writer.write_table(rows, row_group_size=rows.num_rows)

    def _column(self, rows: pa.RecordBatch, wanted: pa.Field) -> pa.Array:
        if wanted.name not in rows.schema.names:
            column = pa.nulls(rows.num_rows, wanted.type)
        else:
            column = rows.column(wanted.name)
            column = column if column.type == wanted.type else column.cast(wanted.type)
        if column.null_count and not wanted.nullable:
            raise ValueError(f"{self._table.name}: {wanted.name} is null, which it must not be.")
        return column

    def _statistics(self) -> dict[str, dict[str, Any]]:
        told = {name: b for name, b in self._bounds.items() if b.are_shown}
        return {
            "minValues": {name: _shown(b.low) for name, b in told.items()},
            "maxValues": {name: _shown(b.high) for name, b in told.items()},
            "nullCount": {name: b.nulls for name, b in self._bounds.items()},
        }


@dataclass
class _Bounds:
    """The smallest and the largest value of a column, and how many are null."""

    low: Any = None
    high: Any = None
    nulls: int = 0

    def widen(self, column: pa.Array) -> None:
        self.nulls += column.null_count
        found = pc.min_max(column).as_py()
        ends = [end for end in (self.low, self.high, *found.values()) if end is not None]
        if ends:
            self.low, self.high = min(ends), max(ends)

    @property
    def are_shown(self) -> bool:
        """Not of numbers that may be NaN, which no bound knows and Spark holds for the largest."""
        return all(
            isinstance(end, int | datetime) or (isinstance(end, str) and len(end) <= _MOST_SHOWN)
            for end in (self.low, self.high)
        )


def _shown(value: Any) -> Any:
    """A bound as the Delta log has it: instants in UTC, cut to the millisecond, which its readers
    know."""
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    return value
