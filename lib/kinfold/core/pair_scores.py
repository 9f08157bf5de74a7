"""Pairwise precision, recall and F1 of a clustering.

A pair of items is predicted if both are in one predicted cluster, and true if both belong to one
entity. All pairs count, also those that only a chain of links connects.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class PairScores:
    """Precision, recall and F1 over pairs of items.

    Attributes:
        precision: share of the predicted pairs that are true; 1 if no pair is predicted.
        recall: share of the true pairs that are predicted; 1 if there is no true pair.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if both are 0."""
        return harmonic_mean(self.precision, self.recall)


def pair_scores(truth: NDArray[Any], predicted: NDArray[Any]) -> PairScores:
    """Pairwise scores of predicted clusters.

    Args:
        truth: the entity of each item, as any sortable values.
        predicted: the cluster of each item, in the same order.
    """
    _, true_codes, true_sizes = np.unique(truth, return_inverse=True, return_counts=True)
    _, codes, sizes = np.unique(predicted, return_inverse=True, return_counts=True)
    both = true_codes.astype(np.int64) * len(sizes) + codes
    hits = pair_count(np.unique(both, return_counts=True)[1])
    predicted_pairs, true_pairs = pair_count(sizes), pair_count(true_sizes)
    return PairScores(
        precision=hits / predicted_pairs if predicted_pairs else 1.0,
        recall=hits / true_pairs if true_pairs else 1.0,
    )


def pair_count(sizes: ArrayLike) -> float:
    """The number of pairs within groups of these sizes. A float: it can exceed 64 bits."""
    numbers = np.asarray(sizes, dtype=np.float64)
    return float((numbers * (numbers - 1) / 2).sum())


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of precision and recall; 0 if both are 0."""
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0
