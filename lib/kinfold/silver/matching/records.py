"""Records with normalised values, records that are equal, and the frequency of each value.

Records whose normalised values are all equal say nothing about errors: a copy repeats them, and
does not make a name more common. So equal records are one *distinct record* from here on, which is
blocked, compared and counted once. Its number is a hash of its values.

How common a value is (`Terms`) belongs to the model: it is counted when the model is learnt.

Column names of the input never reach a Spark expression: the column of attribute i is `v<i>` from
here on, so an input column can have any name, such as `by` or `a.b`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F, types as T

from kinfold.core.arrays import Ints
from kinfold.runtime.arrow_frames import columns_of, frame_of
from kinfold.silver.matching.model.kinds import Kind, normalised
from kinfold.tables.collected import first_row

RECORD_NO = "record_no"
RECORD_KEY = "record_key"
PROFILE_ID = "profile_id"
TERMS = "terms"
_NO_TERM = bytes(8)


def value_name(number: int) -> str:
    """The column with the normalised value of an attribute."""
    return f"v{number}"


def frequency_name(number: int) -> str:
    """The column with the share of the attribute's known values that are equal to this value."""
    return f"f{number}"


def value_names(kinds: Sequence[Kind]) -> list[str]:
    return [value_name(number) for number in range(len(kinds))]


def frequency_names(kinds: Sequence[Kind]) -> list[str]:
    return [frequency_name(number) for number in range(len(kinds))]


def comparable_records(keyed: DataFrame, *, kinds: Sequence[Kind], salt: str = "") -> DataFrame:
    """The normalised values of each record.

    Args:
        keyed: one row per record: record_key (unique text), v0, v1, ... (raw text).
        kinds: of v0, v1, ...
        salt: secret text for hashes that are stored; otherwise empty.

    Returns:
        One row per record: record_no (64-bit hash of the normalised values), record_key, v0, v1,
        ... normalised; null = not known; terms (by attribute, 64-bit hash of its value). A full
        name beside a given name or a surname keeps only the words that those two do not have.
    """
    names = value_names(kinds)
    schema = T.StructType(
        [T.StructField(RECORD_NO, T.LongType()), T.StructField(RECORD_KEY, T.StringType())]
        + [T.StructField(name, T.StringType()) for name in names]
        + [T.StructField(TERMS, T.ArrayType(T.LongType()))]
    )

    # Python, because no Spark function removes accents and titles or reads every form of a date.
    # The salt is in no query plan.
    def normalise(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            values = comparable_values(
                [batch.column(1 + number).to_pylist() for number in range(len(kinds))], kinds
            )
            hashed = [
                [None if value is None else _term(salt, number, value) for value in column]
                for number, column in enumerate(values)
            ]
            terms = list(zip(*hashed, strict=True))
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array([_number(salt, of_record) for of_record in terms], pa.int64()),
                    batch.column(0),
                    *(pa.array(column, pa.string()) for column in values),
                    pa.array(terms, pa.list_(pa.int64())),
                ],
                names=schema.names,
            )

    return keyed.select(RECORD_KEY, *names).mapInArrow(normalise, schema)


@lru_cache(maxsize=500_000)
def _term(salt: str, attribute: int, value: str) -> int:
    return _signed(salt, f"{attribute}|{value}".encode())


def _number(salt: str, terms: Sequence[int | None]) -> int:
    parts = (_NO_TERM if one is None else one.to_bytes(8, "big", signed=True) for one in terms)
    return _signed(salt, b"".join(parts))


def _signed(salt: str, content: bytes) -> int:
    digest = blake2b(content, digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest, "big", signed=True)


def distinct_records(records: DataFrame, *, kinds: Sequence[Kind]) -> DataFrame:
    """One row per distinct record.

    Args:
        records: see `comparable_records`.

    Returns:
        record_no, record_key (the smallest of its records), v0, v1, ..., terms.
    """
    others = [*value_names(kinds), TERMS]
    return records.groupBy(RECORD_NO).agg(
        F.min(RECORD_KEY).alias(RECORD_KEY), *(F.first(name).alias(name) for name in others)
    )


def comparable_values(
    columns: Sequence[Sequence[str | None]], kinds: Sequence[Kind]
) -> list[list[str | None]]:
    """The normalised columns; a full name without the words of the given name and surname."""
    values = [normalised(kind, column) for kind, column in zip(kinds, columns, strict=True)]
    named = [n for n, kind in enumerate(kinds) if kind in (Kind.GIVEN_NAME, Kind.SURNAME)]
    for number, kind in enumerate(kinds):
        if kind is Kind.FULL_NAME and named:
            others = [values[n] for n in named]
            values[number] = [
                _further_words(whole, [other[row] for other in others])
                for row, whole in enumerate(values[number])
            ]
    return values


def _further_words(whole: str | None, parts: Sequence[str | None]) -> str | None:
    words = whole.split() if whole else []
    for text in parts:
        for word in (text or "").split():
            if word in words:
                words.remove(word)
    return " ".join(sorted(words)) or None


@dataclass(frozen=True)
class Terms:
    """How common the values of each attribute are among the distinct records.

    Attributes:
        hashes: of the values that at least two of them have, ascending (see `comparable_records`).
        frequencies: by value, the share of its attribute's known values that are equal to it.
        frequency_of_others: by attribute, the frequency of any other value.
        chances_of_equal: by attribute, the probability that two random known values are equal.
    """

    hashes: Ints
    frequencies: NDArray[np.float64]
    frequency_of_others: tuple[float, ...]
    chances_of_equal: tuple[float, ...]


def counted_terms(distinct: DataFrame, *, kinds: Sequence[Kind]) -> Terms:
    """The terms of distinct records."""
    known_row = first_row(distinct.agg(*(F.count(name).alias(name) for name in value_names(kinds))))
    assert known_row is not None
    known = np.array([known_row[name] for name in value_names(kinds)], dtype=np.float64)
    repeated = columns_of(
        distinct.select(F.posexplode(TERMS).alias("attribute", "term"))
        .where(F.col("term").isNotNull())
        .groupBy("attribute", "term")
        .agg(F.count("*").alias("copies"))
        .where(F.col("copies") > 1)
    )
    order = np.argsort(repeated["term"])
    attribute, copies = repeated["attribute"][order], repeated["copies"][order].astype(np.float64)
    inside, squares = (
        np.bincount(attribute, weights=numbers, minlength=len(kinds))
        for numbers in (copies, copies**2)
    )
    at_least_one = np.maximum(known, 1.0)
    chances = (squares + known - inside) / at_least_one**2
    return Terms(
        hashes=repeated["term"][order],
        frequencies=copies / at_least_one[attribute],
        frequency_of_others=tuple((1 / at_least_one).tolist()),
        chances_of_equal=tuple(chances.tolist()),
    )


def with_frequencies(distinct: DataFrame, *, kinds: Sequence[Kind], terms: Terms) -> DataFrame:
    """The distinct records with the frequency of each value.

    Returns:
        One row per record: the same columns, and f0, f1, ... in (0, 1]; null where the value is
        null.
    """
    common = frame_of(
        distinct.sparkSession, pa.table({"term": terms.hashes, "frequency": terms.frequencies})
    )
    others = F.array(*(F.lit(frequency) for frequency in terms.frequency_of_others))
    by_record = (
        distinct.select(RECORD_NO, F.posexplode(TERMS).alias("attribute", "term"))
        .where(F.col("term").isNotNull())
        .join(common, on="term", how="left")
        .select(
            RECORD_NO,
            "attribute",
            F.coalesce("frequency", F.get(others, F.col("attribute"))).alias("frequency"),
        )
        .groupBy(RECORD_NO)
        .agg(F.map_from_entries(F.collect_list(F.struct("attribute", "frequency"))).alias("of"))
    )
    frequencies = [
        F.col("of")[F.lit(number)].alias(frequency_name(number)) for number in range(len(kinds))
    ]
    return distinct.join(by_record, on=RECORD_NO, how="left").select(
        *distinct.columns, *frequencies
    )
