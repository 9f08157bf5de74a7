"""Frames that stay, frames that arrays become, and the rows of a table that have given numbers."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession, functions as F, types as T

MAX_LITERAL_VALUES = 1_000
"""So many values can stand in a plan, where they also let Delta and Parquet pass over the rest."""
_BROADCAST_ROWS = 2_000_000
"""So many numbers are sent to where the rows are; of more, both sides are shuffled."""


def local_frame(
    spark: SparkSession, rows: pa.Table, schema: T.StructType | None = None
) -> DataFrame:
    """An Arrow table as a frame; few rows become a part of the plan, which no task has to fetch.

    Args:
        schema: the types that Spark's columns have; null = those that follow from Arrow's.
    """
    if rows.num_rows == 0:  # Spark cannot take the schema from no batch
        rows = rows.combine_chunks()
    return spark.createDataFrame(rows, schema)


def frame_of(spark: SparkSession, rows: pa.Table) -> DataFrame:
    """A small or large Arrow table as a frame."""
    frame = local_frame(spark, rows)
    return F.broadcast(frame) if rows.num_rows <= _BROADCAST_ROWS else frame


def columns_of(rows: DataFrame) -> dict[str, NDArray[Any]]:
    """The columns of a frame, numbers and flags, each as one array.

    Batch by batch, so that what has been copied is let go: of fifty million rows a second copy is
    gigabytes.

    Raises:
        ValueError: a column has nulls, which an array of numbers has no place for.
    """
    table = rows.toArrow()
    if nulls := [name for name in table.column_names if table[name].null_count]:
        raise ValueError(f"columns_of: {', '.join(nulls)} has nulls, expected none.")
    columns = {
        field.name: np.empty(len(table), field.type.to_pandas_dtype()) for field in table.schema
    }
    batches, end = table.to_batches(), len(table)
    del table
    while batches:
        batch = batches.pop()
        for name, column in columns.items():
            column[end - len(batch) : end] = batch.column(name).to_numpy(zero_copy_only=False)
        end -= len(batch)
    return columns


def distinct_numbers(*frames: DataFrame) -> NDArray[np.int64]:
    """The distinct numbers in all columns of some frames, ascending."""
    found = [array.astype(np.int64) for rows in frames for array in columns_of(rows).values()]
    return np.unique(np.concatenate(found))


def rows_with_values(rows: DataFrame, column: str, values: NDArray[np.int64]) -> DataFrame:
    """The rows whose column has one of some values.

    Args:
        column: a bigint.
        values: distinct.
    """
    if len(values) <= MAX_LITERAL_VALUES:
        return rows.where(F.col(column).isin(values.tolist()))
    return rows.join(frame_of(rows.sparkSession, pa.table({column: values})), column, how="semi")
