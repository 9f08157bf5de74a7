"""Agreement patterns of candidate pairs, computed in Arrow.

Each distinct pair of values is compared once per batch.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F, types as T

from kinfold.silver.matching.model.comparisons import COMPARISONS, levels_of
from kinfold.silver.matching.model.em import pattern_sizes
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.records import (
    RECORD_NO,
    frequency_name,
    value_name,
    value_names,
)

PATTERNS = T.StructType(
    [
        T.StructField("left", T.LongType()),
        T.StructField("right", T.LongType()),
        T.StructField("pattern", T.LongType()),
        T.StructField("rarity", T.FloatType()),
    ]
)
CLOSE_MATCH_SHARE = 0.5
"""Share of a value's rarity that counts if two values are close but not equal: a typing error in a
rare name is still a rare name."""


def agreement_patterns(
    pairs: DataFrame,
    records: DataFrame,
    *,
    kinds: Sequence[Kind],
    chances_of_equal: Sequence[float],
) -> DataFrame:
    """The agreement pattern of each pair of records.

    Args:
        pairs: left, right (record numbers).
        records: record_no with values and frequencies, see `with_frequencies`.
        chances_of_equal: for each attribute, the probability that two random values are equal.

    Returns:
        One row per pair: left, right, pattern (the levels of all attributes as one number, see
        `em.pattern_sizes`), rarity (weight in bits of equal or close values because they are rare;
        negative if they are common).
    """
    adjusted = [n for n, kind in enumerate(kinds) if COMPARISONS[kind].is_frequency_adjusted]
    needed = [*value_names(kinds), *(frequency_name(n) for n in adjusted)]
    left, right = (
        records.select(
            F.col(RECORD_NO).alias(side),
            *(F.col(name).alias(f"{side}_{name}") for name in needed),
        )
        for side in ("left", "right")
    )
    wide = pairs.join(left, on="left", how="inner").join(right, on="right", how="inner")
    columns = [f"{side}_{name}" for name in needed for side in ("left", "right")]

    # Python, because Spark has no Jaro-Winkler distance; rapidfuzz compares whole columns.
    def compare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            arrays = {
                name: batch.column(number).to_numpy(zero_copy_only=False)
                for number, name in enumerate(columns, start=2)
            }
            pattern, rarity = _pattern_and_rarity(arrays, batch.num_rows, kinds, chances_of_equal)
            yield pa.RecordBatch.from_arrays(
                [
                    batch.column(0),
                    batch.column(1),
                    pa.array(pattern),
                    pa.array(rarity.astype(np.float32)),
                ],
                names=PATTERNS.names,
            )

    return wide.select("left", "right", *columns).mapInArrow(compare, PATTERNS)


def _pattern_and_rarity(
    arrays: Mapping[str, NDArray[Any]],
    pair_count: int,
    kinds: Sequence[Kind],
    chances_of_equal: Sequence[float],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pattern and rarity of each pair of a batch.

    Args:
        arrays: values and frequencies of both sides, as `left_<column>` and `right_<column>`.
    """
    pattern = np.zeros(pair_count, dtype=np.int64)
    rarity = np.zeros(pair_count, dtype=np.float64)
    sizes = pattern_sizes([COMPARISONS[kind].level_count for kind in kinds])
    left, right = (
        [arrays[f"{side}_{value_name(number)}"] for number in range(len(kinds))]
        for side in ("left", "right")
    )
    for number, levels in enumerate(pair_levels(left, right, kinds=kinds)):
        comparison = COMPARISONS[kinds[number]]
        pattern += (levels.astype(np.int64) + 1) * sizes[number]
        if comparison.is_frequency_adjusted:
            rarity += rarity_bits(
                levels,
                arrays[f"left_{frequency_name(number)}"],
                arrays[f"right_{frequency_name(number)}"],
                equal=comparison.equal,
                chance_of_equal=chances_of_equal[number],
            )
    return pattern, rarity


def pair_levels(
    left: Sequence[NDArray[Any]], right: Sequence[NDArray[Any]], *, kinds: Sequence[Kind]
) -> list[NDArray[np.int8]]:
    """For each attribute, the agreement level of each pair.

    If given name and surname are swapped in one of the two records, both count as close.

    Args:
        left, right: the values of each side, one array per attribute.
    """
    levels = [levels_of(kind, a, b) for kind, a, b in zip(kinds, left, right, strict=True)]
    if Kind.GIVEN_NAME in kinds and Kind.SURNAME in kinds:
        given, surname = kinds.index(Kind.GIVEN_NAME), kinds.index(Kind.SURNAME)
        is_swapped = (levels[given] >= 0) & (levels[surname] >= 0)
        is_swapped &= np.asarray(left[given] == right[surname], dtype=bool)
        is_swapped &= np.asarray(left[surname] == right[given], dtype=bool)
        for number in (given, surname):
            close = COMPARISONS[kinds[number]].equal - 1
            levels[number][is_swapped] = np.maximum(levels[number][is_swapped], close)
    return levels


def rarity_bits(
    levels: NDArray[np.int8],
    left: NDArray[Any],
    right: NDArray[Any],
    *,
    equal: int,
    chance_of_equal: float,
) -> NDArray[np.float64]:
    """Weight in bits of agreement on a rare value; negative for a common value.

    Args:
        left, right: frequency of each value; any number where the value is missing.
        equal: the level of equality; the level below it is "close".
    """
    bits = np.zeros(len(levels))
    for level, share in ((equal, 1.0), (equal - 1, CLOSE_MATCH_SHARE)):
        at = np.flatnonzero(levels == level)
        if level > 0 and len(at) and chance_of_equal > 0:
            bits[at] = share * np.log2(chance_of_equal / np.maximum(left[at], right[at]))
    return bits
