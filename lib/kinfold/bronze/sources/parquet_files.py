"""Parquet files: the columns of all files of a source, from the schemas in the files themselves."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, SparkSession, functions as F, types as T

from kinfold.bronze.sources.listing import InputFile
from kinfold.core.errors import ConfError, ContractError

READ_AS_LONG = {"spark.sql.legacy.parquet.nanosAsLong": "true"}
"""Settings of a session that reads times with nanoseconds, which Spark's timestamps do not have."""

_MAX_COMPARED = 50
# A reader can read the smaller types as the largest one that is there.
_WIDENING = (
    (T.ByteType(), T.ShortType(), T.IntegerType(), T.LongType()),
    (T.FloatType(), T.DoubleType()),
)


@dataclass(frozen=True)
class ParquetColumns:
    """The columns of some files.

    Attributes:
        schema: how Spark reads them, in a session with `READ_AS_LONG`.
        nanoseconds: the columns that hold nanoseconds since 1970; true where these count in UTC,
            false where they count on the clock of the source.
    """

    schema: T.StructType
    nanoseconds: dict[str, bool]

    def times(self, *, zone: str) -> dict[str, Column]:
        """The columns with nanoseconds as timestamps, whose unit is the microsecond."""
        times = {}
        for name, is_utc in self.nanoseconds.items():
            value = F.col(f"`{name.replace('`', '``')}`")
            # Exact, and rounded down also before 1970; a double has no room for nanoseconds.
            micros = (value - F.pmod(value, F.lit(1_000))).cast("decimal(20,0)") / F.lit(1_000)
            time = F.timestamp_micros(micros.cast("bigint"))
            times[name] = time if is_utc else F.to_utc_timestamp(time, zone)
        return times


def parquet_columns(
    session: SparkSession, files: Sequence[InputFile], *, others: Sequence[InputFile] = ()
) -> ParquetColumns:
    """The columns that any of the newest files has.

    Args:
        files: the files that will be read.
        others: further files; a column that only they have is null in the files that are read.

    Raises:
        ConfError: a file is not Parquet.
        ContractError: a column has types in two files that cannot be read as one.
    """
    found: dict[str, tuple[T.StructField, bool | None, InputFile]] = {}
    first = set(files)
    newest_first = sorted({*files, *others}, key=lambda f: (f not in first, -f.modified_ms, f.path))
    for file in newest_first[:_MAX_COMPARED]:
        for field, is_utc in _columns_of(session, file):
            key = field.name.lower()
            if key not in found:
                found[key] = field, is_utc, file
            if file not in first:
                continue
            other, other_utc, other_file = found[key]
            wider = _wider(field.dataType, other.dataType) if is_utc is other_utc else None
            if wider is None:
                raise ContractError(
                    f"column '{field.name}' is {_type_name(other, other_utc)} in "
                    f"{other_file.path} and {_type_name(field, is_utc)} in {file.path}, expected "
                    "one type. Write one of the files again, or give each type a folder and a "
                    "source file of its own."
                )
            found[key] = T.StructField(other.name, wider), is_utc, other_file
    return ParquetColumns(
        schema=T.StructType([field for field, _, _ in found.values()]),
        nanoseconds={
            field.name: is_utc for field, is_utc, _ in found.values() if is_utc is not None
        },
    )


def _columns_of(session: SparkSession, file: InputFile) -> list[tuple[T.StructField, bool | None]]:
    """The columns of one file, and for nanoseconds whether they count in UTC."""
    jvm: Any = session._jvm
    hadoop, parquet = jvm.org.apache.hadoop.fs, jvm.org.apache.parquet.hadoop
    spark = jvm.org.apache.spark.sql.execution.datasources.parquet
    try:
        location = parquet.util.HadoopInputFile.fromPath(
            hadoop.Path(file.path), session._jsc.hadoopConfiguration()
        )
        reader = parquet.ParquetFileReader.open(location)
        try:
            message = reader.getFooter().getFileMetaData().getSchema()
        finally:
            reader.close()
        conf = session._jsparkSession.sessionState().conf()
        converted = spark.ParquetToSparkSchemaConverter(conf).convert(message)
        schema = T.StructType.fromJson(_parsed(converted.json()))
    except (Py4JError, PySparkException) as error:
        raise ConfError(
            f"{file.path} cannot be read as parquet. Is the format in the source file right, and "
            "is the file whole?"
        ) from error
    logical = [message.getType(i).getLogicalTypeAnnotation() for i in range(len(schema))]
    names = [str(one.toString()) if one is not None else "" for one in logical]
    return [
        (field, name.endswith("true)") if name.startswith("TIMESTAMP(NANOS") else None)
        for field, name in zip(schema, names, strict=True)
    ]


def _parsed(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def _wider(one: T.DataType, other: T.DataType) -> T.DataType | None:
    """The type that holds both; None if there is none."""
    if one == other:
        return one
    for types in _WIDENING:
        if one in types and other in types:
            return types[max(types.index(one), types.index(other))]
    return None


def _type_name(field: T.StructField, is_utc: bool | None) -> str:
    return field.dataType.simpleString() if is_utc is None else "a time with nanoseconds"
