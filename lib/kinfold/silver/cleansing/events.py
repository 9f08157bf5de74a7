"""Accepted bronze records as typed events."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import pyarrow as pa
from pyspark.sql import Column, DataFrame, functions as F, types as T
from pyspark.sql.pandas.types import to_arrow_type

from kinfold.bronze.schemas.described_properties import DescribedProperties
from kinfold.runtime.arrow_frames import python_column, small_slices
from kinfold.runtime.lake.change_feed import CHANGE_TYPE, COMMIT_VERSION
from kinfold.silver.cleansing.dates import is_before, not_in_the_future
from kinfold.silver.cleansing.identifiers import Normaliser, Spelling
from kinfold.silver.cleansing.properties import TYPED_COLUMNS, property_columns
from kinfold.tables import silver
from kinfold.tables.bronze import ACCEPTED

_TIMES = ("received_at", "occurred_at")
_READ = (
    "identifiers",
    "previous_account",
    "dropped_identifiers",
    "properties",
    *TYPED_COLUMNS,
    "invalid_properties",
)
"""Columns of silver.events that are read from the event in Python."""


def accepted_records(changes: DataFrame, *, own_ids: Sequence[str] = ()) -> DataFrame:
    """The accepted records of a change feed of bronze.events: bronze.events columns.

    Args:
        own_ids: sources that number their events themselves; the ids of their records become
            `<source>:<event_id>`.
    """
    is_accepted = (F.col(CHANGE_TYPE) == "insert") & (F.col("verdict") == ACCEPTED)
    records = changes.where(is_accepted).drop(CHANGE_TYPE, COMMIT_VERSION)
    if not own_ids:
        return records
    own_id = F.concat("source", F.lit(":"), "event_id")
    has_own_id = F.col("source").isin(*own_ids)
    return records.withColumn("event_id", F.when(has_own_id, own_id).otherwise(F.col("event_id")))


def cleansed_events(
    records: DataFrame,
    *,
    spelling: Spelling,
    described: DescribedProperties,
    late_after: timedelta,
    earliest: date,
) -> DataFrame:
    """Typed events, one row per record.

    No record is dropped: a property that does not fit its column becomes null, and an identifier
    that cannot be used is omitted.

    Args:
        records: accepted records (see `accepted_records`).
        spelling: how identifiers become comparable.
        described: the properties that become typed columns, by the schema of the event.
        late_after: an event is late if it was received more than this after it occurred.
        earliest: times before this day (UTC) are defaults of senders.

    Returns:
        silver.events columns.
    """
    records = records.withColumns({name: not_in_the_future(name) for name in _TIMES})
    arrived_at = F.coalesce("received_at", "kafka.timestamp")
    extracted = records.select("*", read_event(spelling, described).alias("_read"))
    return extracted.select(
        "event_id",
        "event_type",
        "source",
        "occurred_at",
        F.coalesce(
            *(F.when(~is_before(name, earliest), F.col(name)) for name in _TIMES), "ingested_at"
        ).alias("received_at"),
        is_before("occurred_at", earliest).alias("is_before_earliest"),
        (arrived_at > F.col("occurred_at") + F.lit(late_after)).alias("is_late"),
        *(F.col(f"_read.{name}").alias(name) for name in _READ),
        "source_partition",
        "source_offset",
        "record_index",
        "ingested_at",
    )


def read_event(spelling: Spelling, described: DescribedProperties) -> Column:
    """The columns of silver.events that are read from an accepted event, as a struct.

    It reads event or raw, event_type, schema_id and identifiers of bronze.events.
    """
    types = {field.name: field.type for field in silver.EVENTS.fields}
    result = T.StructType([T.StructField(name, types[name]) for name in _READ])
    names = ("event", "event_type", "schema_id", "identifiers")

    # Python, because the verdict about the event was made in Python: Spark's parser refuses some of
    # the numbers, names and texts that the verdict accepts, and spells numbers in its own way.
    def read(batches: Iterator[tuple[pa.Array, ...]]) -> Iterator[pa.Array]:
        fields, normaliser = list(to_arrow_type(result)), Normaliser.of(spelling)
        types_of = {field.name: field.type for field in fields}
        for batch in batches:
            for rows in small_slices(pa.RecordBatch.from_arrays(list(batch), names)):
                events, event_types, schema_ids, sent = rows.columns
                columns = property_columns(
                    events.to_pylist(),
                    event_types.to_pylist(),
                    schema_ids.to_pylist(),
                    described=described,
                )
                arrays = normaliser.columns(sent)
                arrays |= {name: pa.array(columns[name], types_of[name]) for name in columns}
                yield pa.StructArray.from_arrays([arrays[f.name] for f in fields], fields=fields)

    event = F.coalesce("event", "raw")  # a native event is its raw text
    return python_column(read, result)(event, "event_type", "schema_id", "identifiers")
