"""Equal records: the distinct record of each record, and whether its copies are one person.

Records with equal values are probably one person, unless the values say little: two records that
are known only as `Ann` may be two people. The model decides by the weight of a pair that agrees on
every known value. Its prior is the share of matches among all pairs of records, copies included,
which follows from these weights: with few copies more than chance makes, it is close to 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from kinfold.core.arrays import Flags, Ints
from kinfold.core.pair_scores import pair_count
from kinfold.runtime.arrow_frames import columns_of
from kinfold.silver.matching.model.parameters import probability, weight_at
from kinfold.silver.matching.records import RECORD_KEY, RECORD_NO

_MOST_ROUNDS = 200
_LOWEST_SHARE = 1e-12


@dataclass(frozen=True)
class EqualRecords:
    """The records, and the distinct record of each.

    Attributes:
        keys: key of each record, ascending.
        distinct: by record, the position of its distinct record in `numbers`.
        numbers: numbers of the distinct records, ascending.
        firsts: by distinct record, its first record.
        counts: by distinct record, how many records have its values.
    """

    keys: NDArray[Any]
    distinct: Ints
    numbers: Ints
    firsts: Ints
    counts: Ints

    @classmethod
    def of(cls, records: DataFrame) -> "EqualRecords":
        """From the columns record_no and record_key; see `comparable_records`."""
        columns = columns_of(records.select(RECORD_NO, RECORD_KEY))
        order = np.argsort(columns[RECORD_KEY], kind="stable")
        numbers, firsts, distinct, counts = np.unique(
            columns[RECORD_NO][order], return_index=True, return_inverse=True, return_counts=True
        )
        return cls(columns[RECORD_KEY][order], distinct, numbers, firsts, counts)

    @property
    def copied(self) -> Ints:
        """The distinct records that more than one record has."""
        return np.flatnonzero(self.counts > 1)

    def labels(self, clusters: Ints, are_one_person: Flags) -> Ints:
        """The cluster of each record, named by its smallest record.

        Args:
            clusters: by distinct record, the smallest distinct record of its cluster.
            are_one_person: by distinct record, whether its records are one person. If not, they
                still are if it shares a cluster with others: each copy would join them.
        """
        sizes = np.bincount(clusters, minlength=len(clusters))
        is_together = are_one_person | (sizes[clusters] > 1)
        first_of_cluster = np.full(len(clusters), len(self.keys), dtype=np.int64)
        np.minimum.at(first_of_cluster, clusters, self.firsts)
        shared = first_of_cluster[clusters][self.distinct]
        return np.where(is_together[self.distinct], shared, np.arange(len(self.keys)))

    def star(self, distinct: Ints) -> tuple[Ints, Ints, Ints]:
        """The first record of each of these distinct records with each of its other records.

        Returns:
            First record, other record, and the position in `distinct` of each pair.
        """
        place = np.full(len(self.numbers), -1, dtype=np.int64)
        place[distinct] = np.arange(len(distinct))
        is_copy = self.firsts[self.distinct] != np.arange(len(self.keys))
        others = np.flatnonzero(is_copy & (place[self.distinct] >= 0))
        of_others = self.distinct[others]
        return self.firsts[of_others], others, place[of_others]


def prior_of_copies(
    evidence: NDArray[np.float64], counts: Ints, *, matched_pairs: float, records: int
) -> float:
    """The prior weight, in bits, of two records that are equal.

    It is the share of matches among all pairs of records, found by expectation-maximisation: the
    prior gives the probability that copies are one person, and these give the prior.

    Args:
        evidence: weight in bits without a prior of each distinct record against itself.
        counts: how many records have its values.
        matched_pairs: expected number of matches among pairs of records that differ.
    """
    every = max(records * (records - 1) / 2, 1.0)
    pairs = counts * (counts - 1) / 2
    prior, share = float("inf"), (matched_pairs + pair_count(counts)) / every
    for _ in range(_MOST_ROUNDS):
        share = min(max(share, _LOWEST_SHARE), 0.5)
        last, prior = prior, weight_at(share)
        if abs(prior - last) < 1e-9:
            break
        matched_copies = float((probability(evidence + prior) * pairs).sum())
        share = (matched_pairs + matched_copies) / every
    return prior
