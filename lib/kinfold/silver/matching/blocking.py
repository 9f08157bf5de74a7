"""Candidate pairs: which records are worth comparing, out of all that could be.

Every record has blocking keys: its values, and softer forms of them (how a name sounds, the month
and day of a birth date, the sector of a postcode). Records that share a key form a block. A block
of at most `max_block_size` records is compared pair by pair. A larger one is divided by a second
key of another attribute, then by a third; what is still too large is dropped and counted. So no
rule has to be written for a data set, no block is ever quadratic in something large, and a rare
value is enough to bring two records together whatever else is wrong with them.
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
    """What blocking did, by the number of keys combined.

    Attributes:
        blocks: with at least two records.
        largest: records in the largest block met, before it was divided or dropped.
        oversize: blocks above the cap; divided further, and after the last round dropped.
    """

    blocks: list[int] = field(default_factory=list)
    largest: list[int] = field(default_factory=list)
    oversize: list[int] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        return self.oversize[-1] if self.oversize else 0

    @property
    def largest_block(self) -> int:
        return max(self.largest, default=0)


def keys_of(kind: Kind, value: str) -> list[str]:
    """Blocking keys of one value, each told apart by the form it is."""
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
    """Every key of every record.

    Returns:
        One row per record_no and key: attributes (bit i = attribute i), key (64-bit hash).
    """
    names = value_names(kinds)

    # No built-in knows metaphones; hashes keep the keys small.
    def explode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        seen: dict[tuple[int, str], list[int]] = {}
        for batch in batches:
            numbers, attributes, keys = [], [], []
            record_nos = batch.column(0).to_pylist()
            for number, kind in enumerate(kinds):
                for record_no, value in zip(
                    record_nos, batch.column(1 + number).to_pylist(), strict=True
                ):
                    if value is None:
                        continue
                    hashes = seen.get((number, value))
                    if hashes is None:
                        texts = sorted(set(keys_of(kind, value)))
                        hashes = [_hashed(f"{number}|{text}") for text in texts]
                        seen[(number, value)] = hashes
                    numbers += [record_no] * len(hashes)
                    attributes += [1 << number] * len(hashes)
                    keys += hashes
            columns = [pa.array(c, pa.int64()) for c in (numbers, attributes, keys)]
            yield pa.RecordBatch.from_arrays(columns, names=_KEYS.names)

    return records.select(RECORD_NO, *names).mapInArrow(explode, _KEYS)


def _hashed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def candidate_pairs(
    records: DataFrame, *, kinds: Sequence[Kind], max_block_size: int
) -> tuple[DataFrame, BlockingReport]:
    """Pairs of records that share a small enough block, each once.

    Args:
        records: as `comparable_records` makes them, kept in memory or on disk by the caller.

    Returns:
        One row per pair: left < right (record numbers); and what blocking met on the way.
    """
    report = BlockingReport()
    singles = blocking_keys(records, kinds=kinds)
    found = []
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
        _measure(blocks, is_small, report)
        found.append(blocks.where(is_small).select("members").mapInArrow(_pairs_within, PAIRS))
        if not report.oversize[-1] or round_no == most_keys:
            break
        oversize = blocks.where(~is_small).select(
            F.explode("members").alias(RECORD_NO), "attributes", "key"
        )
        oversize_singles = oversize if oversize_singles is None else oversize_singles
        keys = _combined(oversize, oversize_singles)
    pairs = found[0]
    for more in found[1:]:
        pairs = pairs.unionAll(more)
    return pairs.distinct(), report


def all_pairs(records: DataFrame) -> DataFrame:
    """Every pair of few records, each once: left < right."""
    left = records.select(F.col(RECORD_NO).alias("left"))
    right = records.select(F.col(RECORD_NO).alias("right"))
    return left.join(right, on=F.col("left") < F.col("right"), how="inner")


def _measure(blocks: DataFrame, is_small: Column, report: BlockingReport) -> None:
    row = blocks.agg(
        F.count("*").alias("blocks"),
        F.coalesce(F.max(F.size("members")), F.lit(0)).alias("largest"),
        F.count(F.when(~is_small, True)).alias("oversize"),
    ).first()
    assert row is not None
    report.blocks.append(row["blocks"])
    report.largest.append(row["largest"])
    report.oversize.append(row["oversize"])


def _combined(oversize: DataFrame, singles: DataFrame) -> DataFrame:
    """Keys of one more attribute each, for records of oversize blocks.

    Attributes are added in ascending order: a set of them met in another order holds no new pair,
    because each part of it that was small enough has been compared already.
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
    """All pairs of each block's members; sorted members make left < right."""
    for batch in batches:
        lists = batch.column(0)
        members = np.asarray(lists.flatten())
        sizes = np.diff(np.asarray(lists.offsets))
        starts = np.asarray(lists.offsets)[:-1] - lists.offsets[0].as_py()
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
