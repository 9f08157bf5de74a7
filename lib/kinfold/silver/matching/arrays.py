"""Frames to arrays on the driver and back, by Arrow."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession


def arrays_of(frame: DataFrame) -> dict[str, NDArray[Any]]:
    """The columns of a frame that fits the driver; text as objects, null = None."""
    table = frame.toArrow()
    return {
        name: table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
        for name in table.column_names
    }


def frame_of_arrays(spark: SparkSession, columns: Mapping[str, Any]) -> DataFrame:
    """A frame of equally long arrays."""
    return spark.createDataFrame(pa.table({name: pa.array(v) for name, v in columns.items()}))
