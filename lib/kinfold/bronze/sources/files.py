"""Readers of JSON lines, CSV and Parquet: as a stream of new files, or as a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession, functions as F, types as T
from pyspark.sql.streaming.readwriter import DataStreamReader

from kinfold.bronze.sources.declaration import DataSource, Source, mapped_event
from kinfold.bronze.sources.expressions import require_working_patterns
from kinfold.bronze.sources.json_rows import LINE, json_rows
from kinfold.core.errors import ConfError
from kinfold.runtime.storage import Storage

_UNREADABLE = "_unreadable"
_WRONG_COLUMNS = "/: row does not have the columns of the header"


def mapping_session(spark: SparkSession, source: DataSource) -> SparkSession:
    """A new session for the source's expressions, with settings of its own.

    A bad value in an expression gives null, which the schema rejects with a reason, and does not
    stop the stream: ANSI mode is off, patterns of times have one meaning, and no part of an
    expression is computed outside of the expression (see `expressions.tried`). Times without a zone
    are in the source's zone.
    """
    session = spark.newSession()
    session.conf.set("spark.sql.ansi.enabled", "false")
    session.conf.set("spark.sql.legacy.timeParserPolicy", "CORRECTED")
    session.conf.set("spark.sql.mapKeyDedupPolicy", "LAST_WIN")
    session.conf.set("spark.sql.subexpressionElimination.enabled", "false")
    session.conf.set("spark.sql.session.timeZone", source.timezone)
    return session


def require_input(spark: SparkSession, source: Source, *, is_first: bool) -> None:
    """Check that the source's input exists and, on the first run, that it is not empty.

    Args:
        is_first: nothing of the source has landed yet, so an empty input is a mistake. Later it
            only means that somebody removed the files that have landed.

    Raises:
        ConfError: the path does not exist, or is empty on the first run.
    """
    path = str(source.input)
    try:
        reader, folder = _located(spark, spark.read, path)
        files = reader.format("binaryFile").load(folder)
        has_content = bool(files.where(F.col("length") > 0).take(1))
    except PySparkException as error:
        raise ConfError(
            f"source {source.name}: input {path} does not exist or cannot be read. Check the path "
            "and its permissions, or name another with --input PATH."
        ) from error
    if is_first and not has_content:
        raise ConfError(
            f"source {source.name}: input {path} is empty, expected {source.format} with at least "
            "one record. Check the path, or name another with --input PATH."
        )


def file_records(
    session: SparkSession, source: Source, *, files_per_batch: int, is_first: bool = True
) -> DataFrame:
    """A stream of the records of a source's files.

    Args:
        session: see `mapping_session`.
        files_per_batch: largest number of files in one micro-batch.
        is_first: nothing of the source has landed yet, so its files must have every member of JSON
            that the mapping uses. Later files may all lack a rare one.

    Returns:
        One row per record: source, source_partition (the file), block_start and row_index (the
        position in the file, see `Positions`), value; of a source with a mapping also event and
        unreadable. `landed_events` takes such rows.

    Raises:
        ConfError: the mapping does not fit the data.
    """
    stream, folder = _located(session, session.readStream, str(source.input))
    stream = stream.options(**source.options).option("maxFilesPerTrigger", files_per_batch)
    if source.event is None:
        lines = stream.text(folder)
        return lines.select(*_position(source), F.col("value").cast("binary").alias("value"))
    sample, sample_folder = _located(session, session.read, _sample_path(session, source))
    rows = _rows(
        sample.options(**source.options),
        sample_folder,
        stream,
        folder,
        source,
        may_lack=not is_first,
    )
    event = mapped_event(rows.frame, source, columns=rows.columns, raw=rows.raw)
    existing = file_rows(session, source, path=_sample_path(session, source), may_lack=True)
    _require_working_patterns(existing, source)
    return rows.frame.select(
        *_position(source),
        rows.raw.cast("binary").alias("value"),
        F.when(rows.unreadable.isNull(), event).alias("event"),
        rows.unreadable.cast("string").alias("unreadable"),
    )


@dataclass(frozen=True)
class Rows:
    """Rows of files, with what a mapping of them needs.

    Attributes:
        columns: names of the columns of the data.
        raw: the row as text: the line; of CSV and Parquet a JSON object that includes nulls.
        unreadable: why a row cannot be read; null for readable rows.
    """

    frame: DataFrame
    columns: Sequence[str]
    raw: Column
    unreadable: Column


def _require_working_patterns(rows: Rows, source: DataSource) -> None:
    readable = rows.frame.where(rows.unreadable.isNull())
    texts = {key: one.text for key, one in source.expressions().items()}
    require_working_patterns(readable, texts, display_path=source.display_path)


def file_rows(
    session: SparkSession, source: DataSource, *, path: str, may_lack: bool = False
) -> Rows:
    """The current rows of one file, or of all files of one folder.

    The columns of JSON are those of all files of the source's input, because a small extract may
    not have every optional member. A CSV or Parquet file declares its columns itself.

    Args:
        session: see `mapping_session`.
        path: the file or folder, in the source's input.
        may_lack: no file needs to have every member of JSON that the expressions use.
    """
    reader, folder = _located(session, session.read, path)
    sample_path = str(source.input) if source.format == "json" else path
    sample, sample_folder = _located(session, session.read, sample_path)
    options = source.options
    return _rows(
        sample.options(**options),
        sample_folder,
        reader.options(**options),
        folder,
        source,
        may_lack=may_lack,
    )


Reader = TypeVar("Reader", DataFrameReader, DataStreamReader)


def _rows(
    sample: DataFrameReader,
    sample_folder: str,
    reader: Reader,
    folder: str,
    source: DataSource,
    *,
    may_lack: bool = False,
) -> Rows:
    if source.format == "csv":
        return _csv_rows(sample, sample_folder, reader, folder, source)
    if source.format == "parquet":
        return _parquet_rows(sample, sample_folder, reader, folder)
    return _json_rows(sample, sample_folder, reader, folder, source, may_lack=may_lack)


def _csv_rows(
    sample: DataFrameReader, sample_folder: str, reader: Reader, folder: str, source: DataSource
) -> Rows:
    header = source.options.get("header", True)
    names = sample.option("header", header).csv(sample_folder).columns
    cells: list[T.StructField] = [T.StructField(name, T.StringType()) for name in names]
    frame = (
        reader.option("header", header)
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", _UNREADABLE)
        .schema(T.StructType([*cells, T.StructField(_UNREADABLE, T.StringType())]))
        .csv(folder)
    )
    # A readable row as a JSON object with its nulls, so that no cell is lost.
    row = F.to_json(F.struct(*map(_quoted, names)), {"ignoreNullFields": "false"})
    is_unreadable = F.col(_UNREADABLE).isNotNull()
    return Rows(
        frame,
        columns=names,
        raw=F.coalesce(F.col(_UNREADABLE), row),
        unreadable=F.when(is_unreadable, F.lit(_WRONG_COLUMNS)),
    )


def _parquet_rows(sample: DataFrameReader, sample_folder: str, reader: Reader, folder: str) -> Rows:
    try:
        schema = sample.parquet(sample_folder).schema
    except Exception as error:  # of Py4J or of Spark: both mean an unreadable footer
        raise ConfError(
            f"input {folder} cannot be read as parquet. Is the format in the source file right, "
            "and is every file whole?"
        ) from error
    raw = F.to_json(F.struct(*map(_quoted, schema.names)), {"ignoreNullFields": "false"})
    frame = reader.schema(schema).parquet(folder)
    return Rows(frame, columns=schema.names, raw=raw, unreadable=F.lit(None))


def _json_rows(
    sample: DataFrameReader,
    sample_folder: str,
    reader: Reader,
    folder: str,
    source: DataSource,
    *,
    may_lack: bool,
) -> Rows:
    lines = reader.text(folder).select("value", "_metadata")
    existing = sample.text(sample_folder).select("value", "_metadata")
    frame, columns = json_rows(lines, existing, source, reason=_UNREADABLE, may_lack=may_lack)
    return Rows(frame, columns=columns, raw=F.col(LINE), unreadable=F.col(_UNREADABLE))


def _position(source: Source) -> tuple[Column, ...]:
    """The columns from which `Positions` numbers a file's records."""
    is_parquet = source.format == "parquet"
    row_index = F.col("_metadata.row_index") if is_parquet else F.lit(None).cast("bigint")
    return (
        F.lit(source.name).alias("source"),
        F.col("_metadata.file_path").alias("source_partition"),
        F.col("_metadata.file_block_start").alias("block_start"),
        row_index.alias("row_index"),
    )


def _located(session: SparkSession, reader: Reader, path: str) -> tuple[Reader, str]:
    """The reader and folder that read exactly the input, which is a folder or one file.

    A stream watches folders only. So a single file is read as its folder with a filter on the name.
    """
    jvm = session._jvm
    assert jvm is not None  # classic sessions have one; streams from files need a classic session
    location = jvm.org.apache.hadoop.fs.Path(path)
    files = location.getFileSystem(session._jsc.hadoopConfiguration())
    if not files.exists(location) or files.getFileStatus(location).isDirectory():
        return reader.option("recursiveFileLookup", "true"), path
    name = "".join(f"\\{c}" if c in "*?[]{}\\" else c for c in str(location.getName()))
    return reader.option("pathGlobFilter", name), str(location.getParent().toString())


def _sample_path(session: SparkSession, source: Source) -> str:
    """The path of files that show the columns: the input, or the archive if all have moved."""
    if source.archive is not None and not Storage(session, str(source.input)).files():
        return source.archive
    return str(source.input)


def _quoted(name: str) -> Column:
    return F.col(f"`{name.replace('`', '``')}`")
