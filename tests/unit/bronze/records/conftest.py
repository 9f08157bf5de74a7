"""What tests of records share."""

from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from frames import at
from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.records.mapping import mapped_records
from kinfold.bronze.sources.files import Rows


@pytest.fixture
def mapped(spark: SparkSession) -> Callable[..., DataFrame]:
    """`mapped(source, (id, a, b, changed), ...)`: the records of rows that land at noon."""

    def records(source: RecordSource, *cells: tuple[str | None, ...]) -> DataFrame:
        columns = ("id", "a", "b", "changed")
        frame = spark.createDataFrame(list(cells), ", ".join(f"{c} string" for c in columns))
        raw = F.to_json(F.struct(*columns), {"ignoreNullFields": "false"})
        rows = Rows(frame, columns, raw=raw, unreadable=F.lit(None))
        return mapped_records(rows, source, landed_at=at("12:00"))

    return records
