"""Remapping: rejected records of a mapped source are mapped again with its corrected source file.

The record as received is in `raw`. So the files are not needed, apart from the column types of
Parquet.
"""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession, functions as F, types as T

from kinfold.bronze.dead_letters.fixes import Fix
from kinfold.bronze.dead_letters.replay import as_replays, revalidated
from kinfold.bronze.events.landed_rows import landed_events
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import Source, mapped_event
from kinfold.bronze.sources.files import existing_rows, mapping_session
from kinfold.bronze.sources.json_rows import LINE, json_rows
from kinfold.bronze.sources.used_columns import mapping_inputs

_REASON = "_reason"
_KEY = ("source", "source_partition", "source_offset", "record_index", "kafka")


def judged_again(
    letters: DataFrame,
    remedy: Source | Sequence[Fix],
    *,
    registry: SchemaRegistry,
    now: datetime,
    fast_path: bool = True,
) -> DataFrame:
    """The letters with a new verdict: `remapped` by a source, or `revalidated` after fixes."""
    if isinstance(remedy, Source):
        return remapped(letters, remedy, registry=registry, now=now, fast_path=fast_path)
    return revalidated(letters, remedy, registry=registry, now=now, fast_path=fast_path)


def remedies(remedy: Source | Sequence[Fix]) -> list[str]:
    """What is done to letters, as ops.replays records it."""
    if isinstance(remedy, Source):
        return [f"remap {remedy.display_path}"]
    return [str(fix) for fix in remedy]


def remapped(
    letters: DataFrame,
    source: Source,
    *,
    registry: SchemaRegistry,
    now: datetime,
    fast_path: bool = True,
) -> DataFrame:
    """The letters, mapped again, with a new verdict.

    Args:
        letters: of a source with a mapping, see `dead_letters`.
        now: the time of ingestion of the new rows.
        fast_path: see `landed_events`.

    Returns:
        One row per letter, as `revalidated` returns them. A record that could not be read keeps its
        reason.

    Raises:
        ConfError: the mapping does not fit the records.
    """
    session = mapping_session(letters.sparkSession, source)
    own = _in_session(session, letters)
    lines = own.select(
        *_KEY,
        F.col("raw").alias("value"),
        F.coalesce(F.col("raw").cast("binary"), "raw_bytes").alias("_received"),
        F.col("errors")[0].alias("_before"),
        F.struct(
            F.col("source_partition").alias("file_path"),
            F.element_at(F.split("source_partition", "/"), -1).alias("file_name"),
        ).alias("_metadata"),
    )
    # The record of CSV and Parquet is a JSON object, too.
    rows, columns = json_rows(lines, lines, source, reason=_REASON, may_lack=True)
    typed = rows.select(*_with_types(rows, session, source))
    is_readable = F.col(_REASON).isNull()
    event = mapped_event(typed, source, columns=columns, raw=F.col(LINE))
    records = typed.select(
        *_KEY,
        F.col("_received").alias("value"),
        F.when(is_readable, event).alias("event"),
        F.when(~is_readable, F.col("_before")).alias("unreadable"),
    )
    landed = landed_events(
        records,
        registry=registry,
        shape="mapped",
        ingested_before=now,
        fast_path=fast_path,
        inputs=mapping_inputs(session, source),
    )
    return as_replays(landed, now=now)


def _in_session(session: SparkSession, frame: DataFrame) -> DataFrame:
    """The frame in another session, whose settings its expressions then follow."""
    jvm = session._jvm
    assert jvm is not None  # a classic session has one
    dataset = jvm.org.apache.spark.sql.classic.Dataset
    plan = frame._jdf.queryExecution().analyzed()
    return DataFrame(dataset.ofRows(session._jsparkSession, plan), session)


def _with_types(rows: DataFrame, session: SparkSession, source: Source) -> list[Column]:
    """The columns; those of Parquet with the types of its files. Nested ones stay texts."""
    types: dict[str, T.DataType] = {}
    if source.format == "parquet" and source.input is not None:
        schema = existing_rows(session, source).frame.schema
        types = {field.name.lower(): field.dataType for field in schema}
    columns = []
    for field in rows.schema:
        kind = types.get(field.name.lower())
        is_typed = kind is not None and isinstance(field.dataType, T.StringType)
        column = F.col(f"`{field.name.replace('`', '``')}`")
        if is_typed and kind is not None and isinstance(kind, T.AtomicType):
            column = column.cast(kind).alias(field.name)
        columns.append(column)
    return columns
