"""Files of person records in, people and links out."""

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

MARKER = "model.json"
_CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")
_OWN_COLUMNS = (RECORD_KEY, PROFILE_ID)


@dataclass(frozen=True)
class PersonFile:
    """Records of a file beside the names of its columns.

    Attributes:
        rows: record_key (64 hex digits, unique) and the columns as text: c0, c1, ...
        columns: what c0, c1, ... are called in the file.
        record_id: number of the column with the record's id; null if there is none.
        attributes: number of each attribute's column, in the order of the map.
        truth: number of the column that tells the true person; null if none was named.
    """

    rows: DataFrame
    columns: tuple[str, ...]
    record_id: int | None
    attributes: tuple[int, ...]
    truth: int | None

    @property
    def keyed(self) -> DataFrame:
        """What matching sees: record_key and the attributes v0, v1, ...; no id, no truth."""
        return self.rows.select(
            RECORD_KEY,
            *(F.col(f"c{at}").alias(value_name(n)) for n, at in enumerate(self.attributes)),
        )


def read_person_file(
    spark: SparkSession, path: Path, *, mapping: PersonMap, truth: str | None
) -> PersonFile:
    """The records of a CSV or Parquet file.

    Raises:
        ConfError: the file is not there, or the map names columns it does not have.
        ContractError: the file is empty, cannot be read, or a record id is missing or doubled.
    """
    frame = _read(spark, path, mapping.csv)
    columns = tuple(name.strip() for name in frame.columns)
    numbers = _numbers(columns, path, mapping, truth)
    plain = frame.toDF(*(f"c{n}" for n in range(len(columns))))
    texts = [_as_text(field, path, columns[n]) for n, field in enumerate(plain.schema.fields)]
    plain = plain.select(*(text.alias(f"c{n}") for n, text in enumerate(texts)))
    record_id = numbers.get("record_id")
    if plain.isEmpty():
        raise ContractError(f"{path}: has no records, expected at least one below the header.")
    if record_id is not None:
        _require_unique(plain, f"c{record_id}", path, columns[record_id])
    hidden = numbers.get("truth")
    attributes = tuple(numbers[f"attributes.{name}"] for name in mapping.attributes)
    return PersonFile(
        rows=_with_keys(plain, record_id=record_id, hidden=hidden),
        columns=columns,
        record_id=record_id,
        attributes=attributes,
        truth=hidden,
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
            f"{path}: cannot be read as {'CSV' if is_csv else 'Parquet'}. Check that it is whole, "
            "and that no two columns have one name."
        ) from error
    if not frame.columns:
        raise ContractError(f"{path}: is empty, expected a header line and records.")
    return frame


def _numbers(
    columns: Sequence[str], path: Path, mapping: PersonMap, truth: str | None
) -> dict[str, int]:
    """Where the columns that the map and the command line name are."""
    wanted = {f"attributes.{name}": one.column for name, one in mapping.attributes.items()}
    if mapping.record_id is not None:
        wanted["record_id"] = mapping.record_id
    problems = [
        f"{path}: there is no column '{column}' (the map's {key})."
        f"{did_you_mean(column, columns)} There is: {', '.join(columns)}."
        for key, column in wanted.items()
        if column not in columns
    ]
    if truth is not None and truth not in columns:
        problems.append(
            f"--truth {truth}: there is no such column.{did_you_mean(truth, columns)} "
            f"There is: {', '.join(columns)}."
        )
    if truth is not None and truth in mapping.columns:
        problems.append(
            f"--truth {truth}: is an attribute of the map, so it would give the truth away. Take "
            "it out of the map."
        )
    if problems:
        raise ConfError(" ".join(problems))
    found = {key: columns.index(column) for key, column in wanted.items()}
    return found if truth is None else {**found, "truth": columns.index(truth)}


def _as_text(field: T.StructField, path: Path, name: str) -> Column:
    if isinstance(field.dataType, T.StructType | T.ArrayType | T.MapType | T.BinaryType):
        raise ContractError(
            f"{path}: column '{name}' holds {field.dataType.simpleString()}, expected text, a "
            "number or a date. Leave it out or split it into columns."
        )
    value = F.col(field.name)
    if isinstance(field.dataType, T.DoubleType | T.FloatType):
        # Postcodes and numbers with gaps come as 2119.0 from many tools.
        is_whole = value == F.floor(value)
        return F.when(is_whole, value.cast("long").cast("string")).otherwise(value.cast("string"))
    text = F.trim(value.cast("string"))
    return F.when(text != "", text)


def _require_unique(rows: DataFrame, column: str, path: Path, name: str) -> None:
    copies = rows.groupBy(column).agg(F.count("*").alias("copies"))
    row = copies.agg(
        F.sum(F.when(F.col(column).isNull(), F.col("copies"))).alias("missing"),
        F.count(F.when(F.col(column).isNotNull() & (F.col("copies") > 1), True)).alias("doubled"),
        F.min(F.when(F.col(column).isNotNull() & (F.col("copies") > 1), F.col(column))).alias("id"),
    ).first()
    assert row is not None
    if row["missing"]:
        raise ContractError(
            f"{path}: {row['missing']:,} records have no '{name}', expected one for each. Fill it, "
            "or leave record_id out of the map."
        )
    if row["doubled"]:
        raise ContractError(
            f"{path}: {row['doubled']:,} ids in '{name}' stand for several records, e.g. "
            f"{row['id']}, expected each once. Name another record_id, or none."
        )


def _with_keys(rows: DataFrame, *, record_id: int | None, hidden: int | None) -> DataFrame:
    """A key per record that says nothing of its id's order or its place in the file.

    Without an id it comes from the content; equal records are counted through, and which of them
    is which makes no difference.
    """
    if record_id is not None:
        key = F.sha2(F.to_json(F.array(f"c{record_id}")), 256)
        return rows.select(key.alias(RECORD_KEY), "*")
    shown = [name for n, name in enumerate(rows.columns) if n != hidden]
    filled = [F.coalesce(F.concat(F.lit("="), name), F.lit("")) for name in shown]
    hashed = rows.withColumn("content", F.sha2(F.to_json(F.array(*filled)), 256))
    copy = F.row_number().over(Window.partitionBy("content").orderBy("content")).cast("string")
    key = F.sha2(F.to_json(F.array("content", copy)), 256)
    return hashed.withColumn(RECORD_KEY, key).select(RECORD_KEY, *rows.columns)


def true_people(file: PersonFile, *, pattern: str | None) -> DataFrame:
    """The person each record belongs to, for judging a result.

    Args:
        pattern: regular expression whose first group is the person; null = the whole column.

    Returns:
        One row per record: record_key, person; records without one are absent.
    """
    told = F.col(f"c{file.truth}")
    person = told if pattern is None else F.regexp_extract(told, pattern, 1)
    return file.rows.select(RECORD_KEY, person.alias("person")).where(F.col("person") != "")


def require_output_folder(folder: Path) -> None:
    """Nothing but an own earlier output is ever overwritten.

    Raises:
        ConfError: the folder holds something else.
    """
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).is_file()
    ):
        raise ConfError(
            f"--output {folder}: is there already and match_people did not write it. Name a new or "
            "an empty folder."
        )


def write_people(folder: Path, file: PersonFile, profiles: DataFrame) -> None:
    """`people.parquet`: record_key, profile_id, and the columns of the input under their names."""
    kept = [(n, name) for n, name in enumerate(file.columns) if name not in _OWN_COLUMNS]
    people = file.rows.join(profiles, on=RECORD_KEY, how="inner").select(
        RECORD_KEY, PROFILE_ID, *(F.col(f"c{n}").alias(name) for n, name in kept)
    )
    _write(people, folder / "people.parquet")


def write_links(folder: Path, links: DataFrame) -> None:
    """`links.parquet`: every scored pair."""
    _write(links, folder / "links.parquet")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write(frame: DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write.mode("overwrite").parquet(str(path))
