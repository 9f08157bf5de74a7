"""Blocking: the candidate pairs, out of all pairs of records.

Every record has blocking keys: its values, and less exact forms of them (the sound of a name, the
month and day of a birth date, the sector of a postcode). Records that share a key form a block. All
pairs within a block of at most `max_block_size` records are candidates. A larger block is divided
by a second key of another attribute, then by a third; a block that is still too large is dropped
and counted. So no data set needs its own rules, no large block costs quadratic time, and one rare
value in common makes two records a candidate pair, however much their other values differ.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import combinations

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, functions as F, types as T
from pyspark.storagelevel import StorageLevel

from kinfold.silver.matching.model.kinds import Kind, sector, sound
from kinfold.silver.matching.records import RECORD_NO, value_names
from kinfold.tables.collected import first_row

_KEYS = T.StructType(
    [
        T.StructField(RECORD_NO, T.LongType()),
        T.StructField("attributes", T.LongType()),
        T.StructField("key", T.LongType()),
    ]
)
PAIRS = T.StructType([T.StructField("left", T.LongType()), T.StructField("right", T.LongType())])
MOST_KEYS = 3


@dataclass
class BlockingReport:
    """Numbers of blocking, one entry per round: round n combines n keys.

    Attributes:
        blocks: number of blocks with at least two records.
        largest: number of records in the largest block, before it was divided or dropped.
        oversize: number of blocks above the limit. They are divided in the next round; those of the
            last round are dropped.
    """

    blocks: list[int] = field(default_factory=list)
    largest: list[int] = field(default_factory=list)
    oversize: list[int] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        """Number of blocks dropped."""
        return self.oversize[-1] if self.oversize else 0

    @property
    def largest_block(self) -> int:
        """Number of records in the largest block of all rounds."""
        return max(self.largest, default=0)


def keys_of(kind: Kind, value: str) -> list[str]:
    """The blocking keys of one value. The first character says which form of the value a key is."""
    words = value.split()
    if kind in (Kind.GIVEN_NAME, Kind.SURNAME):
        return [f"3{value[:3]}", *(f"s{sound(word)}" for word in words if len(word) > 1)]
    if kind is Kind.FULL_NAME:
        return [f"s{sound(word)}" for word in words if len(word) > 1]
    if kind is Kind.BIRTH_DATE:
        year, month, day = value[:4], value[4:6], value[6:]
        return [f"={value}", f"a{month}{day}", f"b{year}{month}", f"c{year}{day}"]
    if kind is Kind.POSTCODE:
        return [f"={value}", f"a{sector(value)}"]
    if kind in (Kind.PLACE, Kind.ADDRESS):
        return [f"={value}", *(f"s{sound(word)}" for word in words if len(word) > 3)]
    if kind is Kind.EMAIL:
        return [f"={value}", f"a{value.partition('@')[0]}"]
    if kind is Kind.PHONE:
        return [f"={value[-7:]}", f"a{value[:-3]}", f"b{value[-4:]}"]
    if kind is Kind.CODE:
        half = len(value) // 2
        return [f"={value}", f"a{value[: half + 1]}", f"b{value[half - 1 :]}"]
    if kind is Kind.TEXT:
        return [f"={value}"]
    return []


def blocking_keys(records: DataFrame, *, kinds: Sequence[Kind]) -> DataFrame:
    """The blocking keys of all records.

    Returns:
        One row per record_no and key: attributes (bit i = attribute i), key (64-bit hash).
    """
    names = value_names(kinds)

    # Python, because Spark has no metaphone. Hashes keep the keys small.
    def explode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        hashes_by_value: dict[tuple[int, str], list[int]] = {}
        for batch in batches:
            numbers, attributes, keys = [], [], []
            record_nos = batch.column(0).to_pylist()
            for number, kind in enumerate(kinds):
                for record_no, value in zip(
                    record_nos, batch.column(1 + number).to_pylist(), strict=True
                ):
                    if value is None:
                        continue
                    hashes = hashes_by_value.get((number, value))
                    if hashes is None:
                        texts = sorted(set(keys_of(kind, value)))
                        hashes = [_key_hash(f"{number}|{text}") for text in texts]
                        hashes_by_value[(number, value)] = hashes
                    numbers += [record_no] * len(hashes)
                    attributes += [1 << number] * len(hashes)
                    keys += hashes
            columns = [pa.array(c, pa.int64()) for c in (numbers, attributes, keys)]
            yield pa.RecordBatch.from_arrays(columns, names=_KEYS.names)

    return records.select(RECORD_NO, *names).mapInArrow(explode, _KEYS)


def _key_hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def candidate_pairs(
    records: DataFrame, *, kinds: Sequence[Kind], max_block_size: int
) -> tuple[DataFrame, BlockingReport]:
    """The pairs of records that share a block of at most `max_block_size` records.

    Args:
        records: see `comparable_records`; the caller persists them.

    Returns:
        One row per pair: left < right (record numbers). And the numbers of blocking.
    """
    report = BlockingReport()
    singles = blocking_keys(records, kinds=kinds)
    pairs_by_round = []
    keys, oversize_singles = singles, None
    most_keys = min(MOST_KEYS, len(kinds))
    for round_no in range(1, most_keys + 1):
        blocks = (
            keys.groupBy("attributes", "key")
            .agg(F.sort_array(F.collect_set(RECORD_NO)).alias("members"))
            .where(F.size("members") > 1)
            .persist(StorageLevel.MEMORY_AND_DISK)
        )
        is_small = F.size("members") <= max_block_size
        _count_blocks(blocks, is_small, report)
        pairs_by_round.append(
            blocks.where(is_small).select("members").mapInArrow(_pairs_within, PAIRS)
        )
        if not report.oversize[-1] or round_no == most_keys:
            break
        oversize = blocks.where(~is_small).select(
            F.explode("members").alias(RECORD_NO), "attributes", "key"
        )
        oversize_singles = oversize if oversize_singles is None else oversize_singles
        keys = _combined(oversize, oversize_singles)
    pairs = pairs_by_round[0]
    for more in pairs_by_round[1:]:
        pairs = pairs.unionAll(more)
    return pairs.distinct(), report


def all_pairs(records: DataFrame) -> DataFrame:
    """Every pair of records, once: left < right. Quadratic, so for few records."""
    left = records.select(F.col(RECORD_NO).alias("left"))
    right = records.select(F.col(RECORD_NO).alias("right"))
    return left.join(right, on=F.col("left") < F.col("right"), how="inner")


def _count_blocks(blocks: DataFrame, is_small: Column, report: BlockingReport) -> None:
    row = first_row(
        blocks.agg(
            F.count("*").alias("blocks"),
            F.coalesce(F.max(F.size("members")), F.lit(0)).alias("largest"),
            F.count(F.when(~is_small, True)).alias("oversize"),
        )
    )
    assert row is not None
    report.blocks.append(row["blocks"])
    report.largest.append(row["largest"])
    report.oversize.append(row["oversize"])


def _combined(oversize: DataFrame, singles: DataFrame) -> DataFrame:
    """Keys of oversize blocks, each combined with a key of one more attribute.

    Attributes are added in ascending order only. Another order of the same attributes has no new
    pair: each part of it that was small enough is a block already.
    """
    some = oversize.select(RECORD_NO, "attributes", "key")
    other = singles.select(
        RECORD_NO, F.col("attributes").alias("attribute"), F.col("key").alias("other_key")
    )
    return (
        some.join(other, on=RECORD_NO, how="inner")
        .where(F.col("attribute") > F.col("attributes"))
        .select(
            RECORD_NO,
            F.col("attributes").bitwiseOR(F.col("attribute")).alias("attributes"),
            F.xxhash64("key", "other_key").alias("key"),
        )
    )


def _pairs_within(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """All pairs within each block. Its members are sorted, so left < right."""
    for batch in batches:
        blocks = batch.column(0)
        members = np.asarray(blocks.flatten())
        sizes = np.diff(np.asarray(blocks.offsets))
        starts = np.asarray(blocks.offsets)[:-1] - blocks.offsets[0].as_py()
        lefts, rights = [], []
        for size in np.unique(sizes):
            first, second = np.array(list(combinations(range(size), 2))).T
            of_size = starts[sizes == size][:, None]
            lefts.append(members[of_size + first].ravel())
            rights.append(members[of_size + second].ravel())
        if lefts:
            yield pa.RecordBatch.from_arrays(
                [pa.array(np.concatenate(lefts)), pa.array(np.concatenate(rights))],
                names=PAIRS.names,
            )
