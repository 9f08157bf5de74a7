"""Agreement patterns of pairs, computed in Arrow, each distinct pair of values once per batch."""

from collections.abc import Iterable, Iterator, Sequence
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
"""How much of the rarity of a value counts where the two are close, not equal: a typing error in a
rare name is still a rare name."""


def agreement_patterns(
    pairs: DataFrame,
    records: DataFrame,
    *,
    kinds: Sequence[Kind],
    chances_of_equal: Sequence[float],
) -> DataFrame:
    """How each pair of records agrees.

    Args:
        pairs: left, right (record numbers).
        records: record_no with values and frequencies, as `with_frequencies` makes them.

    Returns:
        One row per pair: left, right, pattern (all levels in one number, see `em`), rarity (bits
        that equal or close values add because they are rare, or take because they are common).
    """
    adjusted = [n for n, kind in enumerate(kinds) if COMPARISONS[kind].is_frequency_adjusted]
    needed = [*value_names(kinds), *(frequency_name(n) for n in adjusted)]
    of_sides = [
        records.select(
            F.col(RECORD_NO).alias(side),
            *(F.col(name).alias(f"{side}_{name}") for name in needed),
        )
        for side in ("left", "right")
    ]
    wide = pairs.join(of_sides[0], on="left", how="inner").join(
        of_sides[1], on="right", how="inner"
    )
    columns = ["left", "right"] + [
        f"{side}_{name}" for name in needed for side in ("left", "right")
    ]
    place = {name: at for at, name in enumerate(columns)}
    sizes = pattern_sizes([COMPARISONS[kind].level_count for kind in kinds])

    # Spark has no Jaro-Winkler; rapidfuzz compares whole columns.
    def compare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pattern = np.zeros(batch.num_rows, dtype=np.int64)
            rarity = np.zeros(batch.num_rows, dtype=np.float64)
            sides = [
                [
                    batch.column(place[f"{side}_{name}"]).to_numpy(zero_copy_only=False)
                    for name in value_names(kinds)
                ]
                for side in ("left", "right")
            ]
            for number, (kind, levels) in enumerate(
                zip(kinds, pair_levels(sides[0], sides[1], kinds=kinds), strict=True)
            ):
                pattern += (levels.astype(np.int64) + 1) * sizes[number]
                if COMPARISONS[kind].is_frequency_adjusted:
                    name = frequency_name(number)
                    rarity += rarity_bits(
                        levels,
                        batch.column(place[f"left_{name}"]).to_numpy(zero_copy_only=False),
                        batch.column(place[f"right_{name}"]).to_numpy(zero_copy_only=False),
                        equal=COMPARISONS[kind].equal,
                        chance_of_equal=chances_of_equal[number],
                    )
            yield pa.RecordBatch.from_arrays(
                [
                    batch.column(0),
                    batch.column(1),
                    pa.array(pattern),
                    pa.array(rarity.astype(np.float32)),
                ],
                names=PATTERNS.names,
            )

    return wide.select(*columns).mapInArrow(compare, PATTERNS)


def pair_levels(
    left: Sequence[NDArray[Any]], right: Sequence[NDArray[Any]], *, kinds: Sequence[Kind]
) -> list[NDArray[np.int8]]:
    """The level of each attribute (one array per attribute, on either side) of each pair.

    Where given name and surname have changed places, both count as close.
    """
    found = [levels_of(kind, a, b) for kind, a, b in zip(kinds, left, right, strict=True)]
    if Kind.GIVEN_NAME in kinds and Kind.SURNAME in kinds:
        given, surname = kinds.index(Kind.GIVEN_NAME), kinds.index(Kind.SURNAME)
        is_swapped = (found[given] >= 0) & (found[surname] >= 0)
        is_swapped &= np.asarray(left[given] == right[surname], dtype=bool)
        is_swapped &= np.asarray(left[surname] == right[given], dtype=bool)
        for number in (given, surname):
            close = COMPARISONS[kinds[number]].equal - 1
            found[number][is_swapped] = np.maximum(found[number][is_swapped], close)
    return found


def rarity_bits(
    levels: NDArray[np.int8],
    left: NDArray[Any],
    right: NDArray[Any],
    *,
    equal: int,
    chance_of_equal: float,
) -> NDArray[np.float64]:
    """Bits for agreeing on a rare value, or against for a common one.

    Args:
        left, right: how common each value is; anything where the value is missing.
        equal: the level of equality; the one below it is "close".
    """
    bits = np.zeros(len(levels))
    for level, share in ((equal, 1.0), (equal - 1, CLOSE_MATCH_SHARE)):
        at = np.flatnonzero(levels == level)
        if level > 0 and len(at) and chance_of_equal > 0:
            bits[at] = share * np.log2(chance_of_equal / np.maximum(left[at], right[at]))
    return bits
