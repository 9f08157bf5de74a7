"""Files as streams of records: JSON lines, CSV and Parquet, new files picked up as they arrive."""

from collections.abc import Sequence
from typing import TypeVar

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession, functions as F, types as T
from pyspark.sql.streaming.readwriter import DataStreamReader

from kinfold.bronze.sources import Source, native_event
from kinfold.core.errors import ConfError

_UNREADABLE = "_unreadable"
_WRONG_COLUMNS = "/: row does not have the columns of the header"
_NOT_AN_OBJECT = "/: not a JSON object"


def mapping_session(spark: SparkSession, source: Source) -> SparkSession:
    """A session for the source's expressions, apart from the rest of the program.

    Two things differ in it: a bad value in an expression gives null, which the schema then rejects
    with a reason, instead of stopping the stream (ANSI off); and times without a zone are in the
    source's zone.
    """
    session = spark.newSession()
    session.conf.set("spark.sql.ansi.enabled", "false")
    session.conf.set("spark.sql.session.timeZone", source.timezone)
    return session


def require_input(spark: SparkSession, source: Source, *, is_first: bool) -> None:
    """See to it that there is something to read.

    Args:
        is_first: nothing of the source has landed yet, so an empty input is a mistake; later it
            only means that what has landed was tidied away.

    Raises:
        ConfError: the path does not exist, or nothing is in it the first time.
    """
    path = str(source.input)
    try:
        reader, folder = _located(spark, spark.read, path)
        files = reader.format("binaryFile").load(folder)
        has_content = bool(files.where(F.col("length") > 0).take(1))
    except PySparkException as error:
        raise ConfError(
            f"source {source.name}: input {path} does not exist or cannot be read. Check the path "
            "and its permissions, or give another with --input PATH."
        ) from error
    if is_first and not has_content:
        raise ConfError(
            f"source {source.name}: input {path} is empty, expected {source.format} with at least "
            "one record. Check the path, or give another with --input PATH."
        )


def file_records(session: SparkSession, source: Source, *, files_per_batch: int) -> DataFrame:
    """A stream of the records of a source's files.

    Args:
        session: see `mapping_session`.
        files_per_batch: files taken in one micro-batch.

    Returns:
        One row per record: source, source_partition (the file), block_start and row_index (where
        in the file), value, and for a source with a mapping event and unreadable; what
        `landed_events` takes.

    Raises:
        ConfError: the mapping does not fit the data.
    """
    stream, folder = _located(session, session.readStream, str(source.input))
    sample, _ = _located(session, session.read, str(source.input))
    records = {"csv": _csv_records, "parquet": _parquet_records, "json": _json_records}
    return records[source.format](
        sample.options(**source.options),
        stream.options(**source.options).option("maxFilesPerTrigger", files_per_batch),
        source,
        folder,
    )


def _csv_records(
    sample: DataFrameReader, stream: DataStreamReader, source: Source, folder: str
) -> DataFrame:
    header = source.options.get("header", True)
    names = sample.option("header", header).csv(folder).columns
    cells = [T.StructField(name, T.StringType()) for name in names]
    rows = (
        stream.option("header", header)
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", _UNREADABLE)
        .schema(T.StructType([*cells, T.StructField(_UNREADABLE, T.StringType())]))
        .csv(folder)
    )
    # A readable row as a JSON object, nulls kept, so that every cell can be found again.
    row = F.to_json(F.struct(*map(_quoted, names)), {"ignoreNullFields": "false"})
    is_unreadable = F.col(_UNREADABLE).isNotNull()
    return _records(
        rows,
        source,
        columns=names,
        raw=F.coalesce(F.col(_UNREADABLE), row),
        unreadable=F.when(is_unreadable, F.lit(_WRONG_COLUMNS)),
    )


def _parquet_records(
    sample: DataFrameReader, stream: DataStreamReader, source: Source, folder: str
) -> DataFrame:
    try:
        schema = sample.parquet(folder).schema
    except Exception as error:  # of Py4J or Spark: both mean that a footer could not be read
        raise ConfError(
            f"source {source.name}: input {source.input} cannot be read as parquet. Is the format "
            f"in {source.shown} right, and is every file whole?"
        ) from error
    rows = stream.schema(schema).parquet(folder)
    raw = F.to_json(F.struct(*map(_quoted, schema.names)), {"ignoreNullFields": "false"})
    return _records(rows, source, columns=schema.names, raw=raw, unreadable=F.lit(None))


def _json_records(
    sample: DataFrameReader, stream: DataStreamReader, source: Source, folder: str
) -> DataFrame:
    lines = stream.text(folder)
    if source.event is None:
        return lines.select(*_place(source), F.col("value").cast("binary").alias("value"))
    # Every leaf as text: a number's type must not depend on which files were there first.
    schema = sample.option("primitivesAsString", "true").json(folder).schema
    members = [member for member in schema if member.name != "_corrupt_record"]
    parsed = F.from_json(
        "value",
        T.StructType([*members, T.StructField(_UNREADABLE, T.StringType())]),
        {"columnNameOfCorruptRecord": _UNREADABLE},
    )
    rows = lines.select("value", "_metadata", parsed.alias("_parsed")).select(
        "value", "_metadata", "_parsed.*"
    )
    is_unreadable = F.col(_UNREADABLE).isNotNull()
    return _records(
        rows,
        source,
        columns=[member.name for member in members],
        raw=F.col("value"),
        unreadable=F.when(is_unreadable, F.lit(_NOT_AN_OBJECT)),
    )


def _records(
    rows: DataFrame, source: Source, *, columns: Sequence[str], raw: Column, unreadable: Column
) -> DataFrame:
    event = native_event(rows, source, columns=columns, raw=raw)
    return rows.select(
        *_place(source),
        raw.cast("binary").alias("value"),
        F.when(unreadable.isNull(), event).alias("event"),
        unreadable.cast("string").alias("unreadable"),
    )


def _place(source: Source) -> tuple[Column, ...]:
    """Where a record stands, as `Positions` takes it."""
    is_parquet = source.format == "parquet"
    row_index = F.col("_metadata.row_index") if is_parquet else F.lit(None).cast("bigint")
    return (
        F.lit(source.name).alias("source"),
        F.col("_metadata.file_path").alias("source_partition"),
        F.col("_metadata.file_block_start").alias("block_start"),
        row_index.alias("row_index"),
    )


Reader = TypeVar("Reader", DataFrameReader, DataStreamReader)


def _located(session: SparkSession, reader: Reader, path: str) -> tuple[Reader, str]:
    """The reader and the folder to give it, so that it sees the input and nothing else.

    A stream watches folders: one file is its folder seen through a filter.
    """
    jvm = session._jvm
    assert jvm is not None  # classic sessions have one; streams from files need a classic session
    location = jvm.org.apache.hadoop.fs.Path(path)
    files = location.getFileSystem(session._jsc.hadoopConfiguration())
    if not files.exists(location) or files.getFileStatus(location).isDirectory():
        return reader.option("recursiveFileLookup", "true"), path
    name = "".join(f"\\{c}" if c in "*?[]{}\\" else c for c in str(location.getName()))
    return reader.option("pathGlobFilter", name), str(location.getParent().toString())


def _quoted(name: str) -> Column:
    return F.col(f"`{name.replace('`', '``')}`")
