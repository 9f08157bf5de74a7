"""CSV files as rows with the columns that a source's expressions use, by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pyspark.sql import DataFrame, DataFrameReader, SparkSession, functions as F, types as T
from pyspark.sql.streaming.readwriter import DataStreamReader

from kinfold.bronze.sources.csv_files.format import CsvFormat, csv_format
from kinfold.bronze.sources.csv_files.parser import MAX_CHARACTERS, CsvParser
from kinfold.bronze.sources.csv_files.records import column_names, csv_columns
from kinfold.bronze.sources.declaration import DataSource
from kinfold.bronze.sources.listing import (
    FILE_PATH,
    FileVersions,
    InputFile,
    listed_names,
    local_file_system,
)
from kinfold.bronze.sources.used_columns import used_columns
from kinfold.core.errors import ConfError
from kinfold.core.log import say

PARTITION, OFFSET, VALUE, UNREADABLE = "_partition", "_offset", "_value", "_unreadable"
"""Columns of `CsvRows.frame` besides those of the data."""

UNSPLIT = {
    "spark.sql.files.openCostInBytes": str(2**40),
    "spark.sql.files.maxPartitionBytes": str(2**46),
}
"""Settings of a session with which one task reads a file from its first to its last line, and up to
64 files. Only from the first line is it known which line breaks are inside quotes."""
_HEADER_BYTES = 65_536
_MAX_COMPARED = 50

Reader = TypeVar("Reader", DataFrameReader, DataStreamReader)


@dataclass(frozen=True)
class CsvRows:
    """The records of CSV files.

    Attributes:
        frame: the columns that the expressions use, spelled as they spell them, and `PARTITION`
            (the file), `OFFSET` (number of the record in its file), `VALUE` (bytes: the record as
            a JSON object, or as received if it is unreadable), `UNREADABLE` (the reason, or null).
        columns: the names of all columns in the headers.
    """

    frame: DataFrame
    columns: Sequence[str]


def csv_rows(
    reader: Reader,
    folder: str,
    source: DataSource,
    *,
    files: Sequence[InputFile],
    versions: FileVersions,
    may_lack: bool,
    first: int | None = None,
) -> CsvRows:
    """The records of the files that a reader reads.

    Args:
        reader: of a session with the settings `UNSPLIT`.
        files: existing files whose headers tell which columns there are.
        versions: files to skip, and those that changed since they landed.
        may_lack: a column that an expression uses and no header has is null, and only reported.
        first: read only this number of lines; None = all. To stop a Python worker later, with a
            limit on its result, makes it print a stack trace.

    Raises:
        ConfError: an option of the source is not known or cannot be used, or no file has a header
            that can be read.
    """
    form = csv_format(source.options, where=source.display_path)
    session = reader._spark
    columns, used = _columns(session, source, form, files, may_lack=may_lack)
    # The reader splits at bytes; the parser decodes.
    lines = reader.options(lineSep="\n", encoding="UTF-8").text(folder)
    if first is not None:
        lines = lines.select("value", "_metadata").limit(first)
    fields: dict[str, T.DataType] = {
        "source_partition": T.StringType(),
        "source_offset": T.LongType(),
    }
    fields |= {"value": T.BinaryType(), "unreadable": T.StringType()}
    fields |= {f"c{number}": T.StringType() for number in range(len(used))}
    schema = T.StructType([T.StructField(name, kind) for name, kind in fields.items()])
    # Python: Spark's CSV reader takes cells by position, and replaces bytes that are not text.
    path = F.col(FILE_PATH)
    records = (
        lines.where(versions.is_read(path))
        .select(
            versions.partition(path).alias("source_partition"),
            F.col("value").cast("binary").alias("value"),
        )
        .mapInArrow(csv_columns(form, used), schema)
    )
    frame = records.select(
        *(F.col(f"c{number}").alias(name) for number, name in enumerate(used)),
        F.col("source_partition").alias(PARTITION),
        F.col("source_offset").alias(OFFSET),
        F.col("value").alias(VALUE),
        F.col("unreadable").alias(UNREADABLE),
    )
    return CsvRows(frame, columns)


def header_of(session: SparkSession, file: InputFile, form: CsvFormat) -> list[str] | None:
    """The names of a file's columns; None if it has no header that can be read."""
    for size in (_HEADER_BYTES, MAX_CHARACTERS):
        data = _first_bytes(session, file.path, size)
        parser = CsvParser(form)
        records = [*parser.records(data.split(b"\n")[:-1])]
        if not records and len(data) < size:
            records = [*CsvParser(form).all_records(data)]
        if records or len(data) < size:
            break
    if not records or records[0].cells is None:
        return None
    return column_names(records[0].cells, form)


def _columns(
    session: SparkSession,
    source: DataSource,
    form: CsvFormat,
    files: Sequence[InputFile],
    *,
    may_lack: bool,
) -> tuple[list[str], list[str]]:
    """The names of all columns in headers, and of those that the expressions use.

    Files that lack a column which others have are reported.

    Raises:
        ConfError: no file has a header that can be read.
    """
    used_by_key = [used_columns(session, one.text) for one in source.expressions().values()]
    wanted = {name.lower(): name for used in used_by_key for name in used.names}
    known: dict[str, str] = {}
    lacking: dict[str, list[InputFile]] = {}
    newest_first = sorted(files, key=lambda file: -file.modified_ms)
    for number, file in enumerate(newest_first):
        if number >= _MAX_COMPARED and wanted.keys() <= known.keys():
            break
        header = header_of(session, file, form)
        if header is None:
            continue
        own = {name.lower(): name for name in header}
        known |= {name: spelling for name, spelling in own.items() if name not in known}
        for name in wanted.keys() - own.keys():
            lacking.setdefault(name, []).append(file)
    if files and not known and not may_lack:
        raise ConfError(
            f"{source.display_path}: the header of {listed_names(files, str(source.input))} cannot "
            f"be read as CSV in {form.encoding.upper()}. Check options.encoding, options.sep and "
            "options.quote, or write `header: false` if there is none."
        )
    if not files or may_lack:
        known |= {name: spelling for name, spelling in wanted.items() if name not in known}
    for name, without in sorted(lacking.items()):
        if name in known:
            say(
                f"    {source.name}: no column '{wanted[name]}', which is null there: "
                f"{listed_names(without, str(source.input))}"
            )
    if any(used.has_star for used in used_by_key):
        return list(known.values()), list(known.values())
    return list(known.values()), [wanted[name] for name in wanted if name in known]


def _first_bytes(session: SparkSession, path: str, size: int) -> bytes:
    """The first bytes of a file, decompressed if its name says that it is compressed."""
    fs, location = local_file_system(session, path)
    jvm = session._jvm
    assert jvm is not None  # a classic session has one
    factory = jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(fs.getConf())
    codec = factory.getCodec(location)
    stream = fs.open(location)
    try:
        content = codec.createInputStream(stream) if codec is not None else stream
        bounded = jvm.org.apache.commons.io.input.BoundedInputStream(content, size)
        return bytes(jvm.org.apache.commons.io.IOUtils.toByteArray(bounded))
    finally:
        stream.close()
