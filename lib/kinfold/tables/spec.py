"""What a table declaration is.

One `Table` is the only place that spells a table's name, columns, key, layout and expectations.
DDL, `conform`, the MERGE condition, the quality suite and the data dictionary all derive from it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, functions as F, types as T
from pyspark.sql.pandas.types import to_arrow_schema

from kinfold.core.errors import ContractError, did_you_mean


class Privacy(StrEnum):
    """How close a column is to a person. Columns of the first two classes never get file
    statistics.
    """

    IDENTIFIER = "identifier"  # names a person outside this lake: e-mail, phone, name, raw record
    SENSITIVE = "sensitive"  # says something about a person that only text can hold: city, trait
    PSEUDONYM = "pseudonym"  # names a person only inside this lake: profile_id
    NONE = "none"  # says nothing about one person by itself


@dataclass(frozen=True)
class Field:
    """One column: name, type, what it means, and how close it is to a person."""

    name: str
    type: T.DataType
    comment: str
    nullable: bool = True
    privacy: Privacy = Privacy.NONE


@dataclass(frozen=True)
class Expectation:
    """A rule every published row (or the table as a whole) keeps.

    `rule` is the Great Expectations name in snake case, `arguments` its keyword arguments, so that
    a declaration stays plain data that can be hashed, printed in the dictionary and turned into a
    suite. `sentence` is the rule as people read it.
    """

    rule: str
    sentence: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def never_null(column: str) -> Expectation:
    return Expectation(
        "expect_column_values_to_not_be_null", f"{column} is never null", {"column": column}
    )


def unique(*columns: str) -> Expectation:
    if len(columns) == 1:
        return Expectation(
            "expect_column_values_to_be_unique", f"{columns[0]} is unique", {"column": columns[0]}
        )
    return Expectation(
        "expect_compound_columns_to_be_unique",
        f"({', '.join(columns)}) is unique",
        {"column_list": list(columns)},
    )


def between(column: str, low: float | None, high: float | None) -> Expectation:
    """Rows outside [low, high] break the rule; null is neither inside nor outside and passes."""
    return Expectation(
        "expect_column_values_to_be_between",
        f"{column} lies in [{'-inf' if low is None else low}, {'inf' if high is None else high}]",
        {"column": column, "min_value": low, "max_value": high},
    )


def at_least(column: str, low: float) -> Expectation:
    return between(column, low, None)


def one_of(column: str, *values: str) -> Expectation:
    return Expectation(
        "expect_column_values_to_be_in_set",
        f"{column} is one of {', '.join(values)}",
        {"column": column, "value_set": list(values)},
    )


def matches(column: str, regex: str, meaning: str) -> Expectation:
    return Expectation(
        "expect_column_values_to_match_regex",
        f"{column} is {meaning}",
        {"column": column, "regex": regex},
    )


def ordered(earlier: str, later: str) -> Expectation:
    return Expectation(
        "expect_column_pair_values_a_to_be_greater_than_b",
        f"{earlier} is not after {later}",
        {
            "column_A": later,
            "column_B": earlier,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    )


@dataclass(frozen=True)
class Table:
    """A table, declared once.

    Attributes:
        name: `layer.table`, also its path below the lake root: `layer/table`.
        comment: grain first ("One row per ..."), then what it is for.
        fields: the columns, in order.
        key: the columns that identify a row; the MERGE condition.
        written_by: the job that writes it, as a path below `jobs/`.
        cluster_by: liquid clustering columns, at most four.
        marks_old_rows: where rows are replaced or deleted, the old ones are only marked so, by
            deletion vectors, and their files are not written again: changing a few rows of many
            takes a fraction of the time. They are gone for good only after REORG TABLE ... APPLY
            (PURGE) and VACUUM.
        subject: the columns by which a person's rows are found.
        found_by: the columns whose smallest and largest value each file's entry in the Delta log
            keeps, so that readers can pass over files; all that may be kept, unless named. A table
            that takes every record pays for each of them on each row.
        expectations: what every published frame keeps; the key's own rules are added by `suite`.
    """

    name: str
    comment: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    written_by: str
    cluster_by: tuple[str, ...] = ()
    uses_deletion_vectors: bool = False
    subject: tuple[str, ...] = ()
    skipping_columns: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    def __post_init__(self) -> None:
        names = [f.name for f in self.fields]
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise ValueError(f"{self.name}: declared twice: {', '.join(doubled)}.")
        for role in ("key", "cluster_by", "subject", "skipping_columns"):
            unknown = [c for c in getattr(self, role) if c not in names]
            if unknown:
                raise ValueError(f"{self.name}: {role} names unknown columns {unknown}.")
        if not self.key:
            raise ValueError(f"{self.name}: a table needs a key.")

    @property
    def layer(self) -> str:
        return self.name.split(".")[0]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)

    @property
    def schema(self) -> T.StructType:
        """The Spark schema with comments, as DDL and test frames use it."""
        return T.StructType(
            [T.StructField(f.name, f.type, f.nullable, {"comment": f.comment}) for f in self.fields]
        )

    @property
    def suite(self) -> tuple[Expectation, ...]:
        """Every expectation: key unique, required columns never null, then the declared ones."""
        required = [f.name for f in self.fields if not f.nullable]
        return (unique(*self.key), *(never_null(c) for c in required), *self.expectations)

    @property
    def schema_version(self) -> str:
        """Short hash of what the table holds and keeps: fields, key and rules, not their wording.

        Equal means that a row published under one declaration is as good under the other.
        """
        fields = [[f.name, f.type.jsonValue(), f.nullable, f.privacy] for f in self.fields]
        rules = [[rule.rule, dict(rule.arguments)] for rule in self.suite]
        declaration = json.dumps([fields, self.key, rules], sort_keys=True)
        return hashlib.sha256(declaration.encode()).hexdigest()[:12]

    @property
    def statistics_columns(self) -> tuple[str, ...]:
        """Columns whose min and max may stand in the Delta log: none that identifies a person.

        Statistics outlive a deleted row (they stay in `_delta_log` for weeks), so names, e-mails
        and raw records are kept out of them. Only types that Delta can keep statistics for count.
        """
        without_statistics = (T.ArrayType, T.MapType, T.StructType, T.BooleanType, T.BinaryType)
        hidden = (Privacy.IDENTIFIER, Privacy.SENSITIVE)
        return tuple(
            f.name
            for f in self.fields
            if f.privacy not in hidden
            and not isinstance(f.type, without_statistics)
            and (not self.skipping_columns or f.name in self.skipping_columns)
        )

    def conform(self, df: DataFrame) -> DataFrame:
        """`df` with exactly the declared columns, in order and type; further columns are dropped.

        Raises:
            ContractError: declared columns are missing from `df`.
        """
        missing = [c for c in self.columns if c not in df.columns]
        if missing:
            hints = "".join(
                f" '{c}' is missing.{did_you_mean(c, set(df.columns) - set(self.columns))}"
                for c in missing
            )
            raise ContractError(
                f"{self.name}:{hints} Seen: {', '.join(df.columns)}. "
                f"Declared in lib/kinfold/tables/{self.layer}.py."
            )
        # A column that has its type already is named and no more: each further step is a call to
        # the JVM, and every publish conforms.
        there = {column.name: column.dataType for column in df.schema}
        return df.select(
            *(
                f.name if there.get(f.name) == f.type else F.col(f.name).cast(f.type).alias(f.name)
                for f in self.fields
            )
        )

    def rows(self, spark: SparkSession, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
        """A few rows as a part of the plan, which no task has to fetch from Python; see
        `arrow_rows`."""
        loose = T.StructType([T.StructField(f.name, f.type, True) for f in self.fields])
        return spark.createDataFrame(self.arrow_rows(rows), loose)

    def arrow_rows(self, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """A few rows as an Arrow table; columns left out are null.

        Args:
            rows: values as Python has them; instants with a time zone.

        Raises:
            pyarrow.ArrowException: a value has another type than its column.
        """
        schema = to_arrow_schema(self.schema)
        loose = pa.schema([column.with_nullable(True) for column in schema])
        maps = [column.name for column in schema if pa.types.is_map(column.type)]
        told = [
            {**row, **{name: list(row[name].items()) for name in maps if row.get(name) is not None}}
            for row in rows
        ]
        return pa.Table.from_pylist(told, schema=loose)

    def frame(self, spark: SparkSession, *rows: Mapping[str, Any]) -> DataFrame:
        """A frame of this table from a few dicts, for tests; columns left out are null.

        Nullability is not enforced here: a test says only what matters to it.

        Raises:
            ContractError: a row names a column that is not declared.
        """
        for row in rows:
            for name in row:
                if name not in self.columns:
                    raise ContractError(
                        f"{self.name}: column '{name}' is not declared."
                        f"{did_you_mean(name, self.columns)}"
                    )
        loose = T.StructType([T.StructField(f.name, f.type, True) for f in self.fields])
        return spark.createDataFrame(
            [tuple(row.get(c) for c in self.columns) for row in rows], schema=loose
        )
