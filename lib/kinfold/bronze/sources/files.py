"""Readers of JSON lines, CSV and Parquet: as a stream of new files, or as a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession, functions as F
from pyspark.sql.streaming.readwriter import DataStreamReader

from kinfold.bronze.sources.csv_files.rows import (
    OFFSET,
    PARTITION,
    UNREADABLE,
    UNSPLIT,
    VALUE,
    Reader,
    csv_rows,
)
from kinfold.bronze.sources.declaration import DataSource, Source, mapped_event
from kinfold.bronze.sources.expressions import require_working_patterns
from kinfold.bronze.sources.json_rows import LINE, json_rows
from kinfold.bronze.sources.listing import (
    EVERY_FILE,
    FILE_PATH,
    LOCAL_FILES,
    FileVersions,
    InputFile,
    hidden_problem,
    input_files,
    is_folder,
    named_unread_file,
    readable,
)
from kinfold.bronze.sources.parquet_files import READ_AS_LONG, parquet_columns
from kinfold.core.errors import ConfError

_UNREADABLE = "_unreadable"
_SETTINGS = {"csv": UNSPLIT, "parquet": READ_AS_LONG}
"""Settings of a session that reads a format."""
# It would move conditions out of `expressions.tried`.
_OUT_OF_BRANCHES = "org.apache.spark.sql.catalyst.optimizer.PushFoldableIntoBranches"
_TRIED_LINES = 1_000
_NO_AGE = "36500d"
"""Spark ignores files that are a week older than the newest one, without this option."""


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
    session.conf.set("spark.sql.optimizer.excludedRules", _OUT_OF_BRANCHES)
    session.conf.set("spark.sql.session.timeZone", source.timezone)
    for name, value in _SETTINGS.get(source.format, {}).items():
        session.conf.set(name, value)
    return session


def require_input(spark: SparkSession, source: Source, *, is_first: bool) -> None:
    """Check that the source's input exists and, on the first run, that it is not empty.

    Args:
        is_first: nothing of the source has landed yet, so an empty input is a mistake. Later it
            only means that somebody removed the files that have landed.

    Raises:
        ConfError: the path does not exist, or is empty on the first run.
    """
    files = input_files(spark, str(source.input))
    if not files and not is_folder(spark, str(source.input)):
        if source.archive is not None and not is_first:  # the only file has moved
            return
        raise ConfError(
            f"source {source.name}: input {source.input} does not exist or cannot be read. Check "
            "the path and its permissions, or name another with --input PATH."
        )
    if is_first and not readable(files, source.options):
        hidden = [file for file in files if file.is_hidden and not file.is_marker]
        seen = "has no file that can be read" if hidden else "is empty"
        hint = f" {hidden_problem(hidden, str(source.input))}" if hidden else ""
        raise ConfError(
            f"source {source.name}: input {source.input} {seen}, expected {source.format} with at "
            f"least one record.{hint} Check the path, or name another with --input PATH."
        )


def file_records(
    session: SparkSession,
    source: Source,
    *,
    files_per_batch: int,
    is_first: bool = True,
    versions: FileVersions = EVERY_FILE,
) -> DataFrame:
    """A stream of the records of a source's files.

    Args:
        session: see `mapping_session`.
        files_per_batch: largest number of files in one micro-batch.
        is_first: nothing of the source has landed yet, so its files must have every member of JSON
            that the mapping uses. Later files may all lack a rare one.
        versions: files that have landed already, and those that changed since.

    Returns:
        One row per record: source, source_partition (the file), block_start and row_index (the
        position in the file, see `Positions`) or source_offset, value; of a source with a mapping
        also event and unreadable. `landed_events` takes such rows.

    Raises:
        ConfError: the mapping does not fit the data.
    """
    stream = session.readStream.options(**source.options)
    stream, folder = _located(session, stream, str(source.input))
    stream = stream.option("maxFilesPerTrigger", files_per_batch)
    if source.event is None:
        lines = stream.text(folder).where(versions.is_read(F.col(FILE_PATH)))
        value = F.col("value").cast("binary")
        return lines.select(*_position(source, versions), value.alias("value"))
    sample_path = _sample_path(session, source)
    sample = session.read.options(**source.options)
    sample, sample_folder = _located(session, sample, sample_path)
    rows = _rows(
        sample,
        sample_folder,
        stream,
        folder,
        source,
        sample_path=sample_path,
        may_lack=not is_first,
        versions=versions,
    )
    event = mapped_event(rows.frame, source, columns=rows.columns, raw=rows.raw)
    existing = file_rows(session, source, path=sample_path, may_lack=True, first=_TRIED_LINES)
    with named_unread_file(source.name):
        _require_working_patterns(existing, source)
    frame = rows.frame
    if source.format != "csv":
        frame = frame.where(versions.is_read(F.col(FILE_PATH)))
    return frame.select(
        *_position(source, versions),
        (rows.raw.cast("binary") if rows.received is None else rows.received).alias("value"),
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
        received: the bytes of `raw`, where they can be no text; null: they are those of `raw`.
    """

    frame: DataFrame
    columns: Sequence[str]
    raw: Column
    unreadable: Column
    received: Column | None = None


def _require_working_patterns(rows: Rows, source: DataSource) -> None:
    readable = rows.frame.where(rows.unreadable.isNull())
    texts = {key: one.text for key, one in source.expressions().items()}
    require_working_patterns(readable, texts, display_path=source.display_path)


def file_rows(
    session: SparkSession,
    source: DataSource,
    *,
    path: str,
    may_lack: bool = False,
    first: int | None = None,
) -> Rows:
    """The current rows of one file, or of all files of one folder.

    The columns of JSON are those of all files of the source's input, because a small extract may
    not have every optional member. A CSV or Parquet file declares its columns itself.

    Args:
        session: see `mapping_session`.
        path: the file or folder, in the source's input.
        may_lack: no file needs to have every member of JSON that the expressions use.
        first: read only this number of lines; None = all.
    """
    options = source.options
    reader, folder = _located(session, session.read.options(**options), path)
    sample_path = str(source.input) if source.format == "json" else path
    sample, sample_folder = _located(session, session.read.options(**options), sample_path)
    return _rows(
        sample,
        sample_folder,
        reader,
        folder,
        source,
        sample_path=sample_path,
        may_lack=may_lack,
        first=first,
    )


def existing_rows(session: SparkSession, source: Source) -> Rows:
    """The current rows of a source; of its archive if all files have moved.

    Args:
        session: see `mapping_session`.
    """
    return file_rows(session, source, path=_sample_path(session, source), may_lack=True)


def first_records(session: SparkSession, source: Source, *, count: int) -> DataFrame:
    """The first records of a source's files; rows as `file_records` returns, with `source_offset`.

    Raises:
        ConfError: the mapping does not fit the data.
    """
    position = (
        F.lit(source.name).alias("source"),
        F.lit("").alias("source_partition"),
        F.monotonically_increasing_id().alias("source_offset"),
    )
    if source.event is None:
        reader, folder = _located(session, session.read, str(source.input))
        lines = reader.options(**source.options).text(folder).limit(count)
        return lines.select(*position, F.col("value").cast("binary").alias("value"))
    rows = file_rows(session, source, path=str(source.input))
    event = mapped_event(rows.frame, source, columns=rows.columns, raw=rows.raw)
    _require_working_patterns(rows, source)
    return rows.frame.limit(count).select(
        *position,
        (rows.raw.cast("binary") if rows.received is None else rows.received).alias("value"),
        F.when(rows.unreadable.isNull(), event).alias("event"),
        rows.unreadable.cast("string").alias("unreadable"),
    )


def _rows(
    sample: DataFrameReader,
    sample_folder: str,
    reader: Reader,
    folder: str,
    source: DataSource,
    *,
    sample_path: str,
    may_lack: bool = False,
    versions: FileVersions = EVERY_FILE,
    first: int | None = None,
) -> Rows:
    existing = readable(input_files(sample._spark, sample_path), source.options)
    files = versions.new_files or existing
    if source.format == "csv":
        rows = csv_rows(
            reader, folder, source, files=files, versions=versions, may_lack=may_lack, first=first
        )
        return Rows(
            rows.frame,
            columns=rows.columns,
            raw=F.make_valid_utf8(F.col(VALUE).cast("string")),
            unreadable=F.col(UNREADABLE),
            received=F.col(VALUE),
        )
    if source.format == "parquet":
        return _parquet_rows(reader, folder, source, files=files, others=existing)
    return _json_rows(sample, sample_folder, reader, folder, source, may_lack=may_lack, first=first)


def _parquet_rows(
    reader: Reader,
    folder: str,
    source: DataSource,
    *,
    files: Sequence[InputFile],
    others: Sequence[InputFile],
) -> Rows:
    columns = parquet_columns(reader._spark, files, others=others)
    names = columns.schema.names
    raw = F.to_json(F.struct(*map(_quoted, names)), {"ignoreNullFields": "false"})
    frame = reader.schema(columns.schema).parquet(folder)
    frame = frame.withColumns(columns.times(zone=source.timezone))
    return Rows(frame, columns=names, raw=raw, unreadable=F.lit(None))


def _json_rows(
    sample: DataFrameReader,
    sample_folder: str,
    reader: Reader,
    folder: str,
    source: DataSource,
    *,
    may_lack: bool,
    first: int | None,
) -> Rows:
    lines = reader.text(folder).select("value", "_metadata")
    lines = lines if first is None else lines.limit(first)
    existing = sample.text(sample_folder).select("value", "_metadata")
    frame, columns = json_rows(lines, existing, source, reason=_UNREADABLE, may_lack=may_lack)
    return Rows(frame, columns=columns, raw=F.col(LINE), unreadable=F.col(_UNREADABLE))


def _position(source: Source, versions: FileVersions) -> tuple[Column, ...]:
    """The number of a record in its file, or the columns from which `Positions` numbers it."""
    if source.format == "csv":
        return (
            F.lit(source.name).alias("source"),
            F.col(PARTITION).alias("source_partition"),
            F.col(OFFSET).alias("source_offset"),
        )
    is_parquet = source.format == "parquet"
    row_index = F.col("_metadata.row_index") if is_parquet else F.lit(None).cast("bigint")
    return (
        F.lit(source.name).alias("source"),
        versions.partition(F.col(FILE_PATH)).alias("source_partition"),
        F.col("_metadata.file_block_start").alias("block_start"),
        row_index.alias("row_index"),
    )


def _located(session: SparkSession, reader: Reader, path: str) -> tuple[Reader, str]:
    """The reader and folder that read exactly the input, which is a folder or one file.

    A stream watches folders only. So a single file is read as its folder with a filter on the name.

    Args:
        reader: with the options of the source.
    """
    jvm = session._jvm
    assert jvm is not None  # classic sessions have one; streams from files need a classic session
    location = jvm.org.apache.hadoop.fs.Path(path)
    files = location.getFileSystem(session._jsc.hadoopConfiguration())
    reader = reader.options(**LOCAL_FILES)
    if isinstance(reader, DataStreamReader):
        reader = reader.option("maxFileAge", _NO_AGE)
    everything = {"recursiveFileLookup": "true"}
    if not files.exists(location) and any(character in path for character in "*?[{"):
        return reader.options(**everything), path  # a pattern
    if files.exists(location) and files.getFileStatus(location).isDirectory():
        return reader.options(**everything), _as_pattern(path)
    name, folder = str(location.getName()), str(location.getParent().toString())
    return reader.option("pathGlobFilter", _as_pattern(name)), _as_pattern(folder)


def _as_pattern(path: str) -> str:
    """The pattern that only this path matches."""
    return "".join(f"\\{c}" if c in "*?[]{}\\" else c for c in path)


def _sample_path(session: SparkSession, source: Source) -> str:
    """The path of files that show the columns: the input, or the archive if all have moved."""
    if source.archive is not None and not readable(
        input_files(session, str(source.input)), source.options
    ):
        return source.archive
    return str(source.input)


def _quoted(name: str) -> Column:
    return F.col(f"`{name.replace('`', '``')}`")
