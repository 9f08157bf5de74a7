"""Blocking: the candidate pairs, out of all pairs of records.

Every record has blocking keys: its values, and less exact forms of them (the sound of a name, the
month and day of a birth date, the sector of a postcode). Records that share a key form a block. All
pairs within a block of at most `max_block_size` records are candidates. A larger block is divided
by a second key of another attribute, then by a third. So no data set needs its own rules, no large
block costs quadratic time, and one rare value in common makes two records a candidate pair, however
much their other values differ.

A block that is still too large after three keys is *crowded*. Its records are sorted by their keys,
once per attribute with that attribute first, and each is compared with the next ones. The other
pairs of a crowded block are compared only if they share a smaller block. Nobody knows whether they
match, so they count as unknown: in clustering, in the estimates and in the report.

Spark computes the keys. Blocks and pairs are arrays on the driver, as the clusters are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, types as T

from kinfold.core.arrays import Flags, Ints
from kinfold.silver.matching.model.kinds import Kind, sector, sound
from kinfold.silver.matching.records import RECORD_NO, value_names

KEYS = "keys"
_KEYS_SCHEMA = T.StructType(
    [T.StructField(RECORD_NO, T.LongType()), T.StructField(KEYS, T.ArrayType(T.LongType()))]
)
MOST_KEYS = 3
NEIGHBOUR_SHARE = 0.2
"""A record of a crowded block is compared with the next `max_block_size` x this records of each
order."""
_ATTRIBUTE_BITS = 5
"""The lowest bits of a key are the number of its attribute; the others are a hash of the value."""
_PAIRS_AT_ONCE = 20_000_000


@dataclass
class BlockingReport:
    """Numbers of blocking. The lists have one entry per round: round n combines n keys.

    Attributes:
        blocks: number of blocks with at least two records.
        largest: number of records in the largest block, before it was divided.
        oversize: number of blocks above the limit. They are divided in the next round; those of the
            last round are crowded.
        crowded_records: number of different records in crowded blocks.
        pairs_not_compared: number of pairs of these records that share a crowded block and were not
            compared, at most.
    """

    blocks: list[int] = field(default_factory=list)
    largest: list[int] = field(default_factory=list)
    oversize: list[int] = field(default_factory=list)
    crowded_records: int = 0
    pairs_not_compared: int = 0

    @property
    def crowded(self) -> int:
        """Number of blocks that were too large after every division."""
        return self.oversize[-1] if self.oversize else 0

    @property
    def largest_block(self) -> int:
        """Number of records in the largest block of all rounds."""
        return max(self.largest, default=0)


class CandidatePairs(NamedTuple):
    """The pairs to compare.

    Attributes:
        left, right: record numbers of each pair, each pair once, left < right, sorted.
        is_crowded: by record, whether it is in a crowded block.
    """

    left: Ints
    right: Ints
    is_crowded: Flags
    report: BlockingReport


class RecordKeys(NamedTuple):
    """Blocking keys of records: one entry per record and key, sorted by record, then attribute."""

    record: Ints
    key: Ints

    @property
    def attribute(self) -> Ints:
        return self.key & ((1 << _ATTRIBUTE_BITS) - 1)


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
        One row per record: record_no, keys (sorted by attribute; see `RecordKeys`).
    """
    names = value_names(kinds)

    # Python, because Spark has no metaphone. Hashes keep the keys small.
    def explode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = [batch.column(1 + number).to_pylist() for number in range(len(kinds))]
            keys = [keys_of_record(kinds, values) for values in zip(*columns, strict=True)]
            yield pa.RecordBatch.from_arrays(
                [batch.column(0), pa.array(keys, pa.list_(pa.int64()))],
                names=_KEYS_SCHEMA.names,
            )

    return records.select(RECORD_NO, *names).mapInArrow(explode, _KEYS_SCHEMA)


def keys_of_record(kinds: Sequence[Kind], values: Sequence[str | None]) -> list[int]:
    """The keys of one record, sorted by attribute."""
    return [
        key
        for number, (kind, value) in enumerate(zip(kinds, values, strict=True))
        if value is not None
        for key in _hashed_keys(number, kind, value)
    ]


@lru_cache(maxsize=500_000)
def _hashed_keys(number: int, kind: Kind, value: str) -> tuple[int, ...]:
    texts = sorted(set(keys_of(kind, value)))
    hashes = (blake2b(f"{number}|{text}".encode(), digest_size=8).digest() for text in texts)
    return tuple(
        (int.from_bytes(digest, "big", signed=True) >> _ATTRIBUTE_BITS << _ATTRIBUTE_BITS) | number
        for digest in hashes
    )


def candidate_pairs(
    keys: RecordKeys, *, record_count: int, max_block_size: int, most_pairs: int
) -> CandidatePairs:
    """The pairs of records that share a block, and neighbours in crowded blocks.

    Args:
        keys: of the records 0 .. record_count - 1.
        most_pairs: no more pairs are made once there are more than these.
    """
    report = BlockingReport()
    pairs = _PairSet(most_pairs)
    attribute_count = len(np.unique(keys.attribute))
    most_keys = min(MOST_KEYS, attribute_count)
    rows, singles = _Rows(keys.record, keys.attribute, keys.key), None
    is_crowded, crowded_pairs = np.zeros(record_count, dtype=bool), 0.0
    for round_no in range(1, most_keys + 1):
        order = np.argsort(rows.key, kind="stable")
        starts = np.flatnonzero(np.diff(rows.key[order], prepend=~rows.key[order[:1]]) != 0)
        sizes = np.diff(np.append(starts, len(order)))
        is_oversize = sizes > max_block_size
        report.blocks.append(int((sizes > 1).sum()))
        report.largest.append(int(sizes.max(initial=0)))
        report.oversize.append(int(is_oversize.sum()))
        members = rows.record[order]
        for size in np.unique(sizes[(sizes > 1) & ~is_oversize]):
            pairs.add_blocks(members, starts[sizes == size], int(size))
        if not report.crowded:
            break
        oversize_rows = np.sort(order[np.repeat(is_oversize, sizes)])
        rows = _Rows(*(column[oversize_rows] for column in rows))
        if round_no == most_keys:
            is_crowded[rows.record] = True
            crowded_pairs = float((sizes[is_oversize] * (sizes[is_oversize] - 1.0) / 2).sum())
            break
        singles = rows if singles is None else singles
        rows = _combined(rows, singles)
    if is_crowded.any():
        pairs.add_neighbours(keys, is_crowded, max(round(max_block_size * NEIGHBOUR_SHARE), 1))
    left, right = pairs.ends()
    if is_crowded.any():
        report.crowded_records = crowded = int(is_crowded.sum())
        compared = int((is_crowded[left] & is_crowded[right]).sum())
        others = crowded * (crowded - 1) // 2 - compared
        report.pairs_not_compared = int(min(crowded_pairs, others))
    return CandidatePairs(left, right, is_crowded, report)


def all_pairs(record_count: int) -> CandidatePairs:
    """Every pair of records, once. Quadratic, so for few records."""
    left, right = np.triu_indices(record_count, k=1)
    nobody = np.zeros(record_count, dtype=bool)
    return CandidatePairs(left.astype(np.int64), right.astype(np.int64), nobody, BlockingReport())


class _Rows(NamedTuple):
    """One entry per record and key (or combination of keys), sorted by record.

    Attributes:
        attribute: number of the attribute; of a combination, the last one.
    """

    record: Ints
    attribute: Ints
    key: Ints


def _combined(oversize: _Rows, singles: _Rows) -> _Rows:
    """Keys of oversize blocks, each combined with an oversize key of one more attribute.

    Attributes are added in ascending order only. Another order of the same attributes has no new
    pair: each part of it that was small enough is a block already.
    """
    shift = _ATTRIBUTE_BITS
    places = (singles.record << shift) | singles.attribute  # ascending
    first = np.searchsorted(places, (oversize.record << shift) | oversize.attribute, side="right")
    last = np.searchsorted(singles.record, oversize.record, side="right")
    counts = last - first
    row = np.repeat(np.arange(len(counts)), counts)
    other = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + first[row]
    return _Rows(
        oversize.record[row],
        singles.attribute[other],
        _mixed(oversize.key[row], singles.key[other]),
    )


def _mixed(one: Ints, other: Ints) -> Ints:
    """A 64-bit hash of two keys (SplitMix64)."""
    mixed = one.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + other.view(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))).view(np.int64))


class _PairSet:
    """Distinct pairs; a pair is one number, left in the upper and right in the lower 32 bits."""

    def __init__(self, most_pairs: int) -> None:
        self._most = most_pairs
        self._distinct: Ints = np.empty(0, np.int64)
        self._parts: list[Ints] = []
        self._waiting = 0

    def add_blocks(self, members: Ints, starts: Ints, size: int) -> None:
        """All pairs within each block of one size. Its members are sorted, so left < right."""
        first, second = np.triu_indices(size, k=1)
        blocks_at_once = max(_PAIRS_AT_ONCE // len(first), 1)
        for start in range(0, len(starts), blocks_at_once):
            if len(self._distinct) > self._most:
                return
            of_size = starts[start : start + blocks_at_once, None]
            self._add(members[of_size + first].ravel(), members[of_size + second].ravel())

    def add_neighbours(self, keys: RecordKeys, is_crowded: Flags, width: int) -> None:
        """Each crowded record with the next ones, in an order for each attribute."""
        crowded = np.flatnonzero(is_crowded)
        is_first = np.append(True, np.diff((keys.record << _ATTRIBUTE_BITS) | keys.attribute) != 0)
        is_wanted = is_first & is_crowded[keys.record]
        record, attribute, key = (
            column[is_wanted] for column in (keys.record, keys.attribute, keys.key)
        )
        numbers = np.unique(attribute)
        first_keys = np.zeros((len(numbers), len(crowded)), np.int64)
        first_keys[np.searchsorted(numbers, attribute), np.searchsorted(crowded, record)] = key
        for number in range(len(numbers)):
            # np.lexsort sorts by its last key first.
            order = crowded[np.lexsort(np.roll(first_keys, -number, axis=0)[::-1])]
            for distance in range(1, min(width, len(order) - 1) + 1):
                ends = np.sort(np.stack([order[:-distance], order[distance:]]), axis=0)
                self._add(ends[0], ends[1])

    def ends(self) -> tuple[Ints, Ints]:
        """Left and right of each pair, sorted."""
        self._merge()
        return self._distinct >> 32, self._distinct & 0xFFFFFFFF

    def _add(self, left: Ints, right: Ints) -> None:
        self._parts.append((left << 32) | right)
        self._waiting += len(left)
        if self._waiting >= _PAIRS_AT_ONCE:
            self._merge()

    def _merge(self) -> None:
        # Not np.unique: its hash table takes ten times as long as sorting.
        pairs = np.concatenate([self._distinct, *self._parts])
        pairs.sort()
        self._distinct = pairs[np.diff(pairs, prepend=-1) != 0]
        self._parts, self._waiting = [], 0
