"""Precision and recall of clusters as the model itself estimates them, without the truth.

Every scored pair has a match probability. Its mean inside the clusters estimates the share of
correct pairs; its sum outside estimates the number of missed pairs. The estimate is only as good as
the model's probabilities, so where the truth is known, both are printed side by side.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.pair_scores import PairScores, pair_count
from kinfold.silver.matching.model.parameters import probability


def estimated_scores(
    labels: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    weights: NDArray[Any],
    *,
    pair_counts: NDArray[np.float64] | None = None,
    unknown_matches: float = 0.0,
) -> dict[str, float]:
    """Estimated pairwise precision, recall and F1 of clusters, and the recall of blocking.

    Args:
        labels: the cluster of each record.
        left, right: the records of each scored pair.
        weights: match weight of each scored pair, in bits.
        pair_counts: number of pairs of records that each scored pair stands for: equal records are
            scored once. Null = one each.
        unknown_matches: expected number of matches among pairs that nobody compared.

    Returns:
        estimated_precision, estimated_recall, estimated_f1; estimated_blocking_recall: share of
        the pairs inside clusters that share a blocking key.
    """
    chance = probability(weights)
    is_inside = labels[left] == labels[right]
    predicted_pairs = pair_count(np.bincount(labels))
    if pair_counts is None:
        pair_counts = np.ones(len(left))
    inside_pairs = float(pair_counts[is_inside].sum())
    expected = chance * pair_counts
    precision = float(expected[is_inside].sum()) / inside_pairs if inside_pairs else 1.0
    hits = precision * predicted_pairs
    missed = float(expected[~is_inside].sum()) + unknown_matches
    scores = PairScores(precision, hits / (hits + missed) if hits + missed else 1.0)
    return {
        "estimated_precision": scores.precision,
        "estimated_recall": scores.recall,
        "estimated_f1": scores.f1,
        "estimated_blocking_recall": (inside_pairs / predicted_pairs if predicted_pairs else 1.0),
    }
