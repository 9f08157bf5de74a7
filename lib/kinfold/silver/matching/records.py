"""Records with normalised values, records that are equal, and the frequency of each value.

Records whose normalised values are all equal say nothing about errors: a copy repeats them, and
does not make a name more common. So equal records are one *distinct record* from here on, which is
blocked, compared and counted once. Its number is a hash of its values.

Column names of the input never reach a Spark expression: the column of attribute i is `v<i>` from
here on, so an input column can have any name, such as `by` or `a.b`.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, Window, functions as F, types as T

from kinfold.silver.matching.model.kinds import Kind, normalised

RECORD_NO = "record_no"
RECORD_KEY = "record_key"
PROFILE_ID = "profile_id"


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


def comparable_records(keyed: DataFrame, *, kinds: Sequence[Kind]) -> DataFrame:
    """The normalised values of each record.

    Args:
        keyed: one row per record: record_key (unique text), v0, v1, ... (raw text).
        kinds: of v0, v1, ...

    Returns:
        One row per record: record_no (64-bit hash of the normalised values), record_key, v0, v1,
        ... normalised; null = not known. A full name beside a given name or a surname keeps only
        the words that those two do not have.
    """
    names = value_names(kinds)
    schema = T.StructType([T.StructField(name, T.StringType()) for name in (RECORD_KEY, *names)])

    # Python, because no Spark function removes accents and titles or reads every form of a date.
    def normalise(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            values = comparable_values(
                [batch.column(1 + number).to_pylist() for number in range(len(kinds))], kinds
            )
            yield pa.RecordBatch.from_arrays(
                [batch.column(0), *(pa.array(v, pa.string()) for v in values)],
                names=batch.schema.names,
            )

    rows = keyed.select(RECORD_KEY, *names).mapInArrow(normalise, schema)
    # xxhash64 skips nulls, so (a, null) and (null, a) need the flags to differ.
    parts = [column for name in names for column in (F.col(name).isNull(), F.col(name))]
    return rows.select(F.xxhash64(*parts).alias(RECORD_NO), RECORD_KEY, *names)


def distinct_records(records: DataFrame, *, kinds: Sequence[Kind]) -> DataFrame:
    """One row per distinct record.

    Args:
        records: see `comparable_records`.

    Returns:
        record_no, record_key (the smallest of its records), v0, v1, ...
    """
    names = value_names(kinds)
    return (
        records.groupBy(RECORD_NO, *names)
        .agg(F.min(RECORD_KEY).alias(RECORD_KEY))
        .select(RECORD_NO, RECORD_KEY, *names)
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


def with_frequencies(records: DataFrame, *, kinds: Sequence[Kind]) -> DataFrame:
    """The records with the frequency of each value.

    Args:
        records: see `distinct_records`.

    Returns:
        One row per record: the same columns, and f0, f1, ... in (0, 1]; null where the value is
        null.
    """
    melted = records.select(
        RECORD_NO, F.posexplode(F.array(*value_names(kinds))).alias("attribute", "value")
    ).where(F.col("value").isNotNull())
    same_value = Window.partitionBy("attribute", "value")
    counted = melted.select(RECORD_NO, "attribute", F.count("*").over(same_value).alias("copies"))
    by_record = counted.groupBy(RECORD_NO).agg(
        F.map_from_entries(F.collect_list(F.struct("attribute", "copies"))).alias("copies")
    )
    known = records.select(*(F.count(name).alias(name) for name in value_names(kinds)))
    frequencies = [
        F.try_divide(F.col("copies")[F.lit(number)], F.col(f"known.{value_name(number)}")).alias(
            frequency_name(number)
        )
        for number in range(len(kinds))
    ]
    return (
        records.join(by_record, on=RECORD_NO, how="left")
        .crossJoin(F.broadcast(known.select(F.struct(*value_names(kinds)).alias("known"))))
        .select(*records.columns, *frequencies)
    )
