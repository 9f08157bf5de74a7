"""Parquet data files of a table, written by the Python workers that make its rows.

Only what the Delta log needs to know about the files goes back to the driver. Files are not part of
the table until they are committed; VACUUM removes files that never are.
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
from kinfold.tables.collected import collected
from kinfold.tables.spec import Table

Batches = Iterable[pa.RecordBatch]
Counting = Callable[[pa.RecordBatch], Mapping[str, int]]

_ROW_GROUP_BYTES = 64 * 2**20
"""Size in memory of the rows that become one row group."""
_MAX_BOUND_CHARACTERS = 32
"""Maximum length of a text in the statistics of a file. A column with a longer minimum or maximum
has no bounds in the Delta log."""
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
"""Parquet compression codecs: Spark's name -> Arrow's name."""


@dataclass(frozen=True)
class DataFile:
    """A file that a worker has written.

    Attributes:
        name: path relative to the folder of the table.
        size: in bytes.
        rows: number of rows according to the footer.
        statistics: statistics of the columns for the Delta log, as JSON.
        counts: what was counted on the way, by name.
    """

    name: str
    size: int
    rows: int
    statistics: str
    counts: Mapping[str, int]


def write_files(
    records: DataFrame,
    make: Callable[[Batches], Batches],
    *,
    table: Table,
    location: Location,
    codec: str,
    count: Counting,
) -> list[DataFile]:
    """Have the workers make rows of a table and write them, one file per task that has rows.

    Args:
        make: from the batches of one task to batches of declared columns, in any order; omitted
            columns are null.
        location: the folder of the table.
        codec: a key of `CODECS`.
        count: counts of one made batch; `received` is counted of the records.

    Raises:
        ValueError: in the worker, when a required column is null.
    """

    def write(batches: Batches) -> Iterator[pa.RecordBatch]:
        counts = Counter[str]()
        file = _FileWriter(table, location, CODECS[codec])
        try:
            for rows in counting(make, table=table, count=count, report=counts.update)(batches):
                file.add(rows)
            written = file.close()
        except BaseException:
            file.discard()
            raise
        if written is not None:
            schema = pa.schema({name: arrow for name, (_, arrow) in _FILE_TYPES.items()})
            row = {**written, "counts": list(counts.items())}
            yield pa.RecordBatch.from_pylist([row], schema=schema)

    columns = ", ".join(f"{name} {spark_type}" for name, (spark_type, _) in _FILE_TYPES.items())
    return [DataFile(**row.asDict()) for row in collected(records.mapInArrow(write, columns))]


def write_file(rows: pa.Table, *, table: Table, location: Location, codec: str) -> DataFile:
    """Write rows that are on the driver; there is at least one.

    Raises:
        ValueError: a required column is null.
    """
    file = _FileWriter(table, location, CODECS[codec])
    try:
        for batch in rows.to_batches():
            file.add(_conformed(batch, table))
        written = file.close()
    except BaseException:
        file.discard()
        raise
    assert written is not None  # there is a row
    return DataFile(**written, counts={})


def counting(
    make: Callable[[Batches], Batches],
    *,
    table: Table,
    count: Counting,
    report: Callable[[Counter[str]], object],
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """`make`, with all columns of the table in its batches, and with counts.

    Args:
        report: receives the counts of the task once, after its last batch.
    """

    def made(batches: Batches) -> Iterator[pa.RecordBatch]:
        counts = Counter[str]()

        def received() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                counts["received"] += batch.num_rows
                yield batch

        for rows in make(received()):
            counts.update(count(rows))
            yield _conformed(rows, table)
        report(counts)

    return made


def _conformed(rows: pa.RecordBatch, table: Table) -> pa.RecordBatch:
    """The batch with the declared columns, in order and type; omitted columns are null."""
    schema = to_arrow_schema(table.schema)
    columns = [_conformed_column(rows, field, table) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _conformed_column(rows: pa.RecordBatch, field: pa.Field, table: Table) -> pa.Array:
    if field.name not in rows.schema.names:
        column = pa.nulls(rows.num_rows, field.type)
    else:
        column = rows.column(field.name)
        column = column if column.type == field.type else column.cast(field.type)
    if column.null_count and not field.nullable:
        raise ValueError(f"{table.name}: column {field.name} is null, expected a value.")
    return column


class _FileWriter:
    """Writes one file, a row group at a time."""

    def __init__(self, table: Table, location: Location, codec: str) -> None:
        self._table, self._location, self._codec = table, location, codec
        self._schema = to_arrow_schema(table.schema)
        self._name = f"part-{uuid.uuid4()}.{codec}.parquet"
        self._bounds = {name: _Bounds() for name in table.statistics_columns}
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._footers: list[pq.FileMetaData] = []
        self._sink: pa.NativeFile | None = None
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        """Add a batch of the table's columns."""
        for name, bounds in self._bounds.items():
            bounds.widen(rows.column(name))
        self._pending.append(rows)
        self._pending_bytes += rows.nbytes
        if self._pending_bytes >= _ROW_GROUP_BYTES:
            self._write_row_group()

    def close(self) -> dict[str, Any] | None:
        """What the Delta log needs to know about the file; None if there was no row, so no file."""
        self._write_row_group()
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
        """Delete the file, if the storage still answers."""
        if self._sink is not None:
            with suppress(OSError, pa.ArrowException):
                if self._writer is not None:
                    self._writer.close()
                self._sink.close()
                self._location.files.delete_file(self._location.path(self._name))

    def _write_row_group(self) -> None:
        rows = pa.Table.from_batches(self._pending, self._schema)
        self._pending, self._pending_bytes = [], 0
        if not rows.num_rows:
            return
        if self._writer is None:
            path = self._location.path(self._name)
            self._sink = self._location.files.open_output_stream(path)
            self._writer = pq.ParquetWriter(
                self._sink,
                self._schema,
                compression=self._codec,
                write_statistics=list(self._table.statistics_columns),
                store_schema=False,
                metadata_collector=self._footers,
            )
        self._writer.write_table(rows, row_group_size=rows.num_rows)

    def _statistics(self) -> dict[str, dict[str, Any]]:
        usable = {name: b for name, b in self._bounds.items() if b.are_usable}
        return {
            "minValues": {name: _as_statistic(b.low) for name, b in usable.items()},
            "maxValues": {name: _as_statistic(b.high) for name, b in usable.items()},
            "nullCount": {name: b.nulls for name, b in self._bounds.items()},
        }


@dataclass
class _Bounds:
    """Minimum, maximum and number of nulls of a column."""

    low: Any = None
    high: Any = None
    nulls: int = 0

    def widen(self, column: pa.Array) -> None:
        """Include the values of a column."""
        self.nulls += column.null_count
        limits = pc.min_max(column).as_py()
        ends = [end for end in (self.low, self.high, *limits.values()) if end is not None]
        if ends:
            self.low, self.high = min(ends), max(ends)

    @property
    def are_usable(self) -> bool:
        """Whether the Delta log may have them.

        Not for floats: no bound includes NaN, which Spark sorts as the largest number.
        """
        return all(
            isinstance(end, int | datetime)
            or (isinstance(end, str) and len(end) <= _MAX_BOUND_CHARACTERS)
            for end in (self.low, self.high)
        )


def _as_statistic(value: Any) -> Any:
    """A bound as the Delta log has it. Instants are UTC, truncated to the millisecond: readers
    of statistics expect that precision."""
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    return value
