"""Reads files of person records; writes people and links."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession, Window, functions as F, types as T

from kinfold.core.errors import ConfError, ContractError, did_you_mean
from kinfold.silver.matching.records import PROFILE_ID, RECORD_KEY, value_name
from kinfold.silver.matching.settings import PersonMap
from kinfold.tables.collected import first_row

MODEL_FILE = "model.json"
_CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")
_OWN_COLUMNS = (RECORD_KEY, PROFILE_ID)


@dataclass(frozen=True)
class PersonFile:
    """The records of a file, and the names of its columns.

    Attributes:
        rows: record_key (64 hex digits, unique) and the columns as text: c0, c1, ...
        columns: the names of c0, c1, ... in the file.
        record_id: number of the column with the record's id; null if there is none.
        attributes: number of each attribute's column, in the order of the map.
        truth: number of the column with the true person; null if there is none.
    """

    rows: DataFrame
    columns: tuple[str, ...]
    record_id: int | None
    attributes: tuple[int, ...]
    truth: int | None

    @property
    def keyed(self) -> DataFrame:
        """Input of matching: record_key and the attributes v0, v1, ..., without id and truth."""
        return self.rows.select(
            RECORD_KEY,
            *(F.col(f"c{c}").alias(value_name(n)) for n, c in enumerate(self.attributes)),
        )


def read_person_file(
    spark: SparkSession, path: Path, *, mapping: PersonMap, truth: str | None
) -> PersonFile:
    """The records of a CSV or Parquet file.

    Raises:
        ConfError: the file does not exist, or it has no column that the map names.
        ContractError: the file is empty, cannot be read, or a record id is missing or duplicated.
    """
    frame = _read(spark, path, mapping.csv)
    columns = tuple(name.strip() for name in frame.columns)
    numbers = _column_numbers(columns, path, mapping, truth)
    plain = frame.toDF(*(f"c{n}" for n in range(len(columns))))
    texts = [_as_text(field, path, columns[n]) for n, field in enumerate(plain.schema.fields)]
    plain = plain.select(*(text.alias(f"c{n}") for n, text in enumerate(texts)))
    record_id = numbers.get("record_id")
    if plain.isEmpty():
        raise ContractError(f"{path}: has no records, expected at least one below the header.")
    if record_id is not None:
        _require_unique(plain, f"c{record_id}", path, columns[record_id])
    truth_column = numbers.get("truth")
    attributes = tuple(numbers[f"attributes.{name}"] for name in mapping.attributes)
    return PersonFile(
        rows=_with_keys(plain, record_id=record_id, truth=truth_column),
        columns=columns,
        record_id=record_id,
        attributes=attributes,
        truth=truth_column,
    )


def _read(spark: SparkSession, path: Path, options: Mapping[str, str]) -> DataFrame:
    if not path.exists():
        raise ConfError(f"--input {path}: does not exist. Name a CSV or Parquet file.")
    is_csv = path.name.lower().endswith(_CSV_ENDINGS)
    if not is_csv and path.is_file() and path.suffix.lower() not in (".parquet", ".pq"):
        raise ConfError(
            f"--input {path}: has an unknown ending, expected .csv, .tsv, .txt (also .gz) or "
            ".parquet. Rename it."
        )
    try:
        if not is_csv:
            return spark.read.parquet(str(path))
        defaults = {
            "header": "true",
            "sep": "\t" if ".tsv" in path.name.lower() else ",",
            "multiLine": "true",
            "escape": '"',
            "ignoreLeadingWhiteSpace": "true",
            "ignoreTrailingWhiteSpace": "true",
        }
        frame = spark.read.options(**{**defaults, **options}).csv(str(path))
    except AnalysisException as error:
        raise ContractError(
            f"{path}: cannot be read as {'CSV' if is_csv else 'Parquet'}. Check that it is "
            "complete, and that no two columns have the same name."
        ) from error
    if not frame.columns:
        raise ContractError(f"{path}: is empty, expected a header line and records.")
    return frame


def _column_numbers(
    columns: Sequence[str], path: Path, mapping: PersonMap, truth: str | None
) -> dict[str, int]:
    """The number of each column that the map or the command line names."""
    wanted = {f"attributes.{name}": one.column for name, one in mapping.attributes.items()}
    if mapping.record_id is not None:
        wanted["record_id"] = mapping.record_id
    problems = [
        f"{path}: there is no column '{column}' (the map's {key})."
        f"{did_you_mean(column, columns)} The columns are: {', '.join(columns)}."
        for key, column in wanted.items()
        if column not in columns
    ]
    if truth is not None and truth not in columns:
        problems.append(
            f"--truth {truth}: there is no such column.{did_you_mean(truth, columns)} "
            f"The columns are: {', '.join(columns)}."
        )
    if truth is not None and truth in mapping.columns:
        problems.append(
            f"--truth {truth}: is an attribute of the map, so the result would depend on the "
            "truth. Remove it from the map."
        )
    if problems:
        raise ConfError(" ".join(problems))
    numbers = {key: columns.index(column) for key, column in wanted.items()}
    return numbers if truth is None else {**numbers, "truth": columns.index(truth)}


def _as_text(field: T.StructField, path: Path, name: str) -> Column:
    if isinstance(field.dataType, T.StructType | T.ArrayType | T.MapType | T.BinaryType):
        raise ContractError(
            f"{path}: column '{name}' is {field.dataType.simpleString()}, expected text, a "
            "number or a date. Leave it out or split it into columns."
        )
    value = F.col(field.name)
    if isinstance(field.dataType, T.DoubleType | T.FloatType):
        # Many tools write an integer column with missing values as 2119.0.
        is_whole = value == F.floor(value)
        return F.when(is_whole, value.cast("long").cast("string")).otherwise(value.cast("string"))
    text = F.trim(value.cast("string"))
    return F.when(text != "", text)


def _require_unique(rows: DataFrame, column: str, path: Path, name: str) -> None:
    copies = rows.groupBy(column).agg(F.count("*").alias("copies"))
    row = first_row(
        copies.agg(
            F.sum(F.when(F.col(column).isNull(), F.col("copies"))).alias("missing"),
            F.count(F.when(F.col(column).isNotNull() & (F.col("copies") > 1), True)).alias(
                "duplicated"
            ),
            F.min(F.when(F.col(column).isNotNull() & (F.col("copies") > 1), F.col(column))).alias(
                "id"
            ),
        )
    )
    assert row is not None
    if row["missing"]:
        raise ContractError(
            f"{path}: {row['missing']:,} records have no '{name}', expected one for each. Fill it, "
            "or leave record_id out of the map."
        )
    if row["duplicated"]:
        raise ContractError(
            f"{path}: {row['duplicated']:,} ids in '{name}' belong to several records, e.g. "
            f"{row['id']}, expected each id once. Name another record_id, or none."
        )


def _with_keys(rows: DataFrame, *, record_id: int | None, truth: int | None) -> DataFrame:
    """The rows with record_key: a hash, so its order is not that of the ids or of the file.

    Without an id, the key is a hash of the content without the truth, and of a number that counts
    equal records. Which of them gets which number makes no difference.
    """
    if record_id is not None:
        key = F.sha2(F.to_json(F.array(f"c{record_id}")), 256)
        return rows.select(key.alias(RECORD_KEY), "*")
    shown = [name for n, name in enumerate(rows.columns) if n != truth]
    filled = [F.coalesce(F.concat(F.lit("="), name), F.lit("")) for name in shown]
    hashed = rows.withColumn("content", F.sha2(F.to_json(F.array(*filled)), 256))
    copy = F.row_number().over(Window.partitionBy("content").orderBy("content")).cast("string")
    key = F.sha2(F.to_json(F.array("content", copy)), 256)
    return hashed.withColumn(RECORD_KEY, key).select(RECORD_KEY, *rows.columns)


def true_people(file: PersonFile, *, pattern: str | None) -> DataFrame:
    """The true person of each record, for scores.

    Args:
        pattern: regular expression whose first group is the person; null = the whole column.

    Returns:
        One row per record: record_key, person; records without one are absent.
    """
    column = F.col(f"c{file.truth}")
    person = column if pattern is None else F.regexp_extract(column, pattern, 1)
    return file.rows.select(RECORD_KEY, person.alias("person")).where(F.col("person") != "")


def require_output_folder(folder: Path) -> None:
    """Check that the folder is new, empty, or an earlier output, which can be replaced.

    Raises:
        ConfError: something else is in the folder.
    """
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / MODEL_FILE).is_file()
    ):
        raise ConfError(
            f"--output {folder}: exists already and match_people did not write it. Name a new or "
            "an empty folder."
        )


def write_people(folder: Path, file: PersonFile, profiles: DataFrame) -> None:
    """Write `people.parquet`: record_key, profile_id, and the columns of the input."""
    columns = [(n, name) for n, name in enumerate(file.columns) if name not in _OWN_COLUMNS]
    people = file.rows.join(profiles, on=RECORD_KEY, how="inner").select(
        RECORD_KEY, PROFILE_ID, *(F.col(f"c{n}").alias(name) for n, name in columns)
    )
    _write(people, folder / "people.parquet")


def write_links(folder: Path, links: DataFrame) -> None:
    """Write `links.parquet`: every scored pair."""
    _write(links, folder / "links.parquet")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write(frame: DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write.mode("overwrite").parquet(str(path))
