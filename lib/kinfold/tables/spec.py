"""The classes of table declarations.

A table's name, columns, key, layout and expectations are written only in its `Table`. The DDL,
`conform`, the MERGE condition, the quality suite and the data dictionary derive from it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, functions as F, types as T
from pyspark.sql.pandas.types import to_arrow_schema

from kinfold.core.errors import ContractError, did_you_mean


class Privacy(StrEnum):
    """How closely a column is related to a person.

    Columns of the first two classes never get file statistics.
    """

    IDENTIFIER = (
        "identifier"  # may identify a person outside this lake: e-mail, raw record, event id
    )
    SENSITIVE = "sensitive"  # describes a person in free text: city, trait
    PSEUDONYM = "pseudonym"  # identifies a person only inside this lake: profile_id
    NONE = "none"  # does not describe a single person


@dataclass(frozen=True)
class Field:
    """One column: name, type, meaning, and relation to a person."""

    name: str
    type: T.DataType
    comment: str
    nullable: bool = True
    privacy: Privacy = Privacy.NONE


@dataclass(frozen=True)
class Expectation:
    """A rule for every published row, or for all rows of a publish.

    Attributes:
        rule: name in Great Expectations, in snake case.
        sentence: the rule in words.
        arguments: keyword arguments of the rule. A declaration is plain data, so that it can be
            hashed, printed in the dictionary and converted to a suite.
        only_where: a column and its value, if the rule is for these rows only.
        is_about_sender: the rule is about what a sender wrote. Rows that break it are quarantined,
            however many there are: the fault of one sender never stops the rows of the others. A
            row that breaks another rule shows a fault of ours.
    """

    rule: str
    sentence: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    only_where: tuple[str, str] | None = None
    is_about_sender: bool = False


def never_null(column: str) -> Expectation:
    """The column has no null."""
    return Expectation(
        "expect_column_values_to_not_be_null", f"{column} is never null", {"column": column}
    )


def sent_with(column: str, *, where: str, equals: str) -> Expectation:
    """The column has no null in rows whose column `where` has a value: a rule about senders."""
    return Expectation(
        "expect_column_values_to_not_be_null",
        f"{column} is never null where {where} is {equals}",
        {"column": column},
        only_where=(where, equals),
        is_about_sender=True,
    )


def unique(*columns: str) -> Expectation:
    """No two rows have the same values in the columns."""
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
    """The column is in [low, high]; null passes. A null bound is open."""
    return Expectation(
        "expect_column_values_to_be_between",
        f"{column} lies in [{'-inf' if low is None else low}, {'inf' if high is None else high}]",
        {"column": column, "min_value": low, "max_value": high},
    )


def at_least(column: str, low: float) -> Expectation:
    """The column is `low` or more; null passes."""
    return between(column, low, None)


def one_of(column: str, *values: str) -> Expectation:
    """The column has one of the values; null passes."""
    return Expectation(
        "expect_column_values_to_be_in_set",
        f"{column} is one of {', '.join(values)}",
        {"column": column, "value_set": list(values)},
    )


def matches(column: str, regex: str, meaning: str) -> Expectation:
    """The column matches the regular expression, whose `meaning` is its name in words."""
    return Expectation(
        "expect_column_values_to_match_regex",
        f"{column} is {meaning}",
        {"column": column, "regex": regex},
    )


def ordered(earlier: str, later: str) -> Expectation:
    """The value of `earlier` is not after the value of `later`; a row with a null passes."""
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
    """The declaration of a table.

    Attributes:
        name: `layer.table`, also its path below the lake root: `layer/table`.
        comment: grain first ("One row per ..."), then what it is for.
        fields: the columns, in order.
        key: columns that identify a row; the MERGE condition.
        written_by: the job that writes it, as a path below `jobs/`.
        cluster_by: liquid clustering columns, at most four.
        uses_deletion_vectors: whether updates and deletes mark old rows with deletion vectors,
            instead of rewriting files. Small changes of a large table are then much faster. Marked
            rows are physically deleted only by REORG TABLE ... APPLY (PURGE) and VACUUM.
        is_append_only: whether rows are never changed or deleted, so that readers need only the
            new ones. If something else changes them, readers rebuild their outputs.
        is_derived: whether its job can compute all its rows again from other tables. A table in a
            lake that no longer fits its declaration is then deleted and built again.
        subject: columns by which the rows of a person are found.
        skipping_columns: columns with minimum and maximum per file in the Delta log, so that
            readers can skip files; empty = all columns that may have statistics. For a table that
            stores every record, each such column costs time on each row.
        expectations: rules of every publish; `suite` adds those of the key.
    """

    name: str
    comment: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    written_by: str
    cluster_by: tuple[str, ...] = ()
    uses_deletion_vectors: bool = False
    is_append_only: bool = False
    is_derived: bool = False
    subject: tuple[str, ...] = ()
    skipping_columns: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    def __post_init__(self) -> None:
        names = [f.name for f in self.fields]
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            raise ValueError(f"{self.name}: declared twice: {', '.join(repeated)}.")
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
        """The Spark schema with comments, for DDL and test frames."""
        return T.StructType(
            [T.StructField(f.name, f.type, f.nullable, {"comment": f.comment}) for f in self.fields]
        )

    @property
    def nullable_schema(self) -> T.StructType:
        """The Spark schema in which every column may be null, for rows that are not published."""
        return T.StructType([T.StructField(f.name, f.type, True) for f in self.fields])

    @property
    def suite(self) -> tuple[Expectation, ...]:
        """All expectations: the key is unique, required columns are never null, then declared
        ones."""
        required = [f.name for f in self.fields if not f.nullable]
        return (unique(*self.key), *(never_null(c) for c in required), *self.expectations)

    @property
    def schema_version(self) -> str:
        """Short hash of fields, key and rules, without their wording.

        If it is equal, a row that is valid under one declaration is valid under the other.
        """
        fields = [[f.name, f.type.jsonValue(), f.nullable, f.privacy] for f in self.fields]
        rules = [[rule.rule, dict(rule.arguments), *(rule.only_where or ())] for rule in self.suite]
        declaration = json.dumps([fields, self.key, rules], sort_keys=True)
        return hashlib.sha256(declaration.encode()).hexdigest()[:12]

    @property
    def statistics_columns(self) -> tuple[str, ...]:
        """Columns with minimum and maximum in the Delta log; none that identifies a person.

        Statistics of a deleted row stay in `_delta_log` for weeks, so they must not contain names,
        e-mails and raw records. Types without statistics in Delta are omitted.
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
        """`df` with exactly the declared columns, in order and cast; other columns are dropped.

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
        # A column that already has its type is not cast: each expression is a call to the JVM, and
        # every publish calls `conform`.
        types = {column.name: column.dataType for column in df.schema}
        return df.select(
            *(
                f.name if types.get(f.name) == f.type else F.col(f.name).cast(f.type).alias(f.name)
                for f in self.fields
            )
        )

    def rows(self, spark: SparkSession, rows: Sequence[Mapping[str, Any]]) -> DataFrame:
        """A few rows as part of the plan, so that no task fetches them from Python; see
        `arrow_rows`."""
        loose = self.nullable_schema
        return spark.createDataFrame(self.arrow_rows(rows), loose)

    def arrow_rows(self, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """A few rows as an Arrow table; missing columns are null.

        Args:
            rows: Python values; instants with a time zone.

        Raises:
            ValueError: an instant has no time zone. Arrow would read it as UTC, Spark as local.
            pyarrow.ArrowException: a value has another type than its column.
        """
        for row in rows:
            for name, value in row.items():
                if isinstance(value, datetime) and value.tzinfo is None:
                    raise ValueError(
                        f"{self.name}: {name} {value.isoformat()} has no time zone, expected one. "
                        "Write datetime(..., tzinfo=UTC)."
                    )
        schema = to_arrow_schema(self.schema)
        loose = pa.schema([column.with_nullable(True) for column in schema])
        maps = [column.name for column in schema if pa.types.is_map(column.type)]
        entries = [
            {**row, **{name: list(row[name].items()) for name in maps if row.get(name) is not None}}
            for row in rows
        ]
        return pa.Table.from_pylist(entries, schema=loose)

    def frame(self, spark: SparkSession, *rows: Mapping[str, Any]) -> DataFrame:
        """A frame of this table from a few dicts, for tests; missing columns are null.

        Nullability is not enforced, so that a test needs only the columns that matter to it.

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
        loose = self.nullable_schema
        return spark.createDataFrame(
            [tuple(row.get(c) for c in self.columns) for row in rows], schema=loose
        )
