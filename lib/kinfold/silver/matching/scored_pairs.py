"""Compared pairs of distinct records, and what of them a later run can use again."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.arrays import Ints
from kinfold.silver.matching.model.parameters import MatchModel
from kinfold.silver.matching.records import Terms
from kinfold.silver.matching.settings import MatchingSettings


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of distinct records with their agreement.

    Attributes:
        left, right: distinct records (positions in `EqualRecords.numbers`), left < right.
        pattern, rarity: see `agreement_patterns`.
    """

    left: Ints
    right: Ints
    pattern: Ints
    rarity: NDArray[np.float32]

    def weights(self, model: MatchModel) -> NDArray[np.float64]:
        """Match weight of each pair in bits."""
        return model.pair_weights(self.pattern, self.rarity.astype(np.float64))

    @classmethod
    def none(cls) -> "ScoredPairs":
        no_number = np.empty(0, dtype=np.int64)
        return cls(no_number, no_number, no_number, np.empty(0, dtype=np.float32))

    @property
    def codes(self) -> Ints:
        """Each pair as one number."""
        return (self.left << 32) | self.right

    def where(self, condition: NDArray[Any]) -> "ScoredPairs":
        """The pairs for which the condition is true, or at these positions."""
        return ScoredPairs(
            self.left[condition],
            self.right[condition],
            self.pattern[condition],
            self.rarity[condition],
        )


@dataclass(frozen=True)
class MatchMemory:
    """What a run leaves to the next one: the model, and the pairs that it compared.

    The score of a pair depends only on the values of its two records and on the model with its
    terms, so it stays the same whatever other records come and go.

    Attributes:
        records: number of distinct records that the model was learnt from.
        left, right: numbers of the records of each pair; a record against itself has copies.
        pattern, rarity: see `agreement_patterns`.
    """

    model: MatchModel
    terms: Terms
    records: int
    left: Ints
    right: Ints
    pattern: Ints
    rarity: NDArray[np.float32]

    @classmethod
    def of(
        cls, model: MatchModel, terms: Terms, records: int, scored: ScoredPairs, numbers: Ints
    ) -> "MatchMemory":
        """The memory of a run.

        Args:
            numbers: of the distinct records, ascending.
        """
        left, right = numbers[scored.left], numbers[scored.right]
        return cls(model, terms, records, left, right, scored.pattern, scored.rarity)

    def fits(self, records: int, settings: MatchingSettings) -> bool:
        """Whether the number of distinct records is still about that of the model."""
        return abs(records - self.records) <= settings.training.relearn_at * self.records

    def without_pairs(self) -> "MatchMemory":
        """The model and its terms alone: all pairs will be compared with them."""
        none = ScoredPairs.none()
        return self.with_pairs(none.left, none.right, none.pattern, none.rarity)

    def with_pairs(
        self, left: Ints, right: Ints, pattern: Ints, rarity: NDArray[np.float32]
    ) -> "MatchMemory":
        """The model and its terms with these pairs."""
        return replace(self, left=left, right=right, pattern=pattern, rarity=rarity)

    def pairs_of(self, numbers: Ints) -> ScoredPairs:
        """The pairs whose two records still exist, sorted.

        Args:
            numbers: of the distinct records, ascending.
        """
        left, right = (positions_of(numbers, end) for end in (self.left, self.right))
        kept = np.flatnonzero((left >= 0) & (right >= 0))
        order = kept[np.argsort((left[kept] << 32) | right[kept])]
        return ScoredPairs(left[order], right[order], self.pattern[order], self.rarity[order])


def positions_of(numbers: Ints, wanted: Ints) -> Ints:
    """The position of each wanted number in the ascending numbers; -1 where it is absent."""
    at = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return np.where(numbers[at] == wanted, at, -1)
