"""What the broker holds beside a value, on the way to a worker."""

import pyarrow as pa
from pyspark.sql import functions as F

from kinfold.bronze.sources.kafka import flattened, unflattened

ROWS = [
    (1, (b"k", [("a", b"1"), ("b", None)], 5)),
    (2, (None, [], 6)),
    (3, (b"", None, None)),
    (4, (b"l", [("", b"\xff")], 7)),
]
TYPES = (
    "source_offset bigint, kafka struct<key: binary, "
    "headers: array<struct<key: string, value: binary>>, timestamp: bigint>"
)


def test_what_is_flattened_comes_back_as_it_was(spark):
    records = spark.createDataFrame(ROWS, TYPES)
    records = records.withColumn(
        "kafka", F.col("kafka").withField("timestamp", F.timestamp_micros("kafka.timestamp"))
    )
    flat = pa.Table.from_batches(flattened(records.coalesce(1)).toArrow().to_batches())
    sent = records.coalesce(1).toArrow().to_pylist()
    [batch] = flat.combine_chunks().to_batches()
    assert unflattened(batch).to_pylist() == sent
    for first in range(1, len(ROWS)):
        assert unflattened(batch.slice(first)).to_pylist() == sent[first:]
    assert unflattened(batch.slice(0, 0)).to_pylist() == []
