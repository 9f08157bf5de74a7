"""Conversion between Spark frames and Arrow tables or NumPy arrays, and selection by numbers."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession, functions as F, types as T
from pyspark.sql.pandas.functions import arrow_udf

MAX_LITERAL_VALUES = 1_000
"""Maximum number of values in a literal `IN` predicate, with which Delta and Parquet skip files and
row groups."""
_BROADCAST_ROWS = 2_000_000
"""Broadcast threshold, in rows. Above it both sides of a join are shuffled."""
_ROWS_PER_SLICE = 2_000


def small_slices(rows: pa.RecordBatch | pa.Array) -> Iterator[Any]:
    """The rows in parts of at most 2,000, for results that a Python worker returns to Spark.

    With batches of tens of megabytes both ends of their socket can fill up, and Linux then delivers
    only by retransmission: minutes.
    """
    for start in range(0, len(rows), _ROWS_PER_SLICE):
        yield rows.slice(start, _ROWS_PER_SLICE)


def python_column(
    function: Callable[[Iterator[Any]], Iterator[pa.Array]], returns: T.DataType
) -> Callable[..., Column]:
    """A function of columns that Python workers compute, one Arrow batch at a time.

    Args:
        function: from arrays, or tuples of arrays for several columns, to arrays of the same total
            length (see `small_slices`). Its annotations say which: `Iterator[pa.Array]` or
            `Iterator[tuple[pa.Array, ...]]`.
    """
    make: Any = arrow_udf  # its stub requires a function type, and Spark warns of one
    column: Callable[..., Column] = make(function, returns)
    return column


def local_frame(
    spark: SparkSession, rows: pa.Table, schema: T.StructType | None = None
) -> DataFrame:
    """An Arrow table as a frame. Few rows become part of the plan, so no task has to fetch them.

    Args:
        schema: types of the Spark columns; null = derived from Arrow's types.
    """
    if rows.num_rows == 0:  # Spark needs one batch, even an empty one, to derive the schema
        rows = rows.combine_chunks()
    return spark.createDataFrame(rows, schema)


def frame_of(spark: SparkSession, rows: pa.Table) -> DataFrame:
    """An Arrow table as a frame, with a broadcast hint up to the broadcast threshold."""
    frame = local_frame(spark, rows)
    return F.broadcast(frame) if rows.num_rows <= _BROADCAST_ROWS else frame


def columns_of(rows: DataFrame) -> dict[str, NDArray[Any]]:
    """The columns of a frame as one array each: numbers, flags and text (objects, null = None).

    Copies batch by batch and releases each batch: a second copy of fifty million rows takes
    gigabytes.

    Raises:
        ValueError: a column of numbers or flags has nulls, which its array cannot represent.
    """
    table = rows.toArrow()
    types = {field.name: field.type.to_pandas_dtype() for field in table.schema}
    nulls = [n for n, kind in types.items() if kind is not np.object_ and table[n].null_count]
    if nulls:
        raise ValueError(f"columns_of: {', '.join(nulls)} has nulls, expected none.")
    columns = {name: np.empty(len(table), kind) for name, kind in types.items()}
    batches, end = table.to_batches(), len(table)
    del table
    while batches:
        batch = batches.pop()
        for name, column in columns.items():
            column[end - len(batch) : end] = batch.column(name).to_numpy(zero_copy_only=False)
        end -= len(batch)
    return columns


def distinct_numbers(*frames: DataFrame) -> NDArray[np.int64]:
    """The distinct numbers in all columns of the frames, ascending."""
    arrays = [array.astype(np.int64) for rows in frames for array in columns_of(rows).values()]
    return np.unique(np.concatenate(arrays))


def rows_with_values(rows: DataFrame, column: str, values: NDArray[np.int64]) -> DataFrame:
    """The rows whose value in a column is one of the given values.

    Args:
        column: name of a bigint column.
        values: distinct.
    """
    if len(values) <= MAX_LITERAL_VALUES:
        return rows.where(F.col(column).isin(values.tolist()))
    return rows.join(frame_of(rows.sparkSession, pa.table({column: values})), column, how="semi")
