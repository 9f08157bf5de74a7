"""How good the clusters are by the model's own account, without the truth.

Every scored pair has a probability. Inside the clusters their mean is the share of pairs that are
right; what they sum to outside is the number of pairs that were missed. That is only as honest as
the model's probabilities, so where the truth is known both are printed side by side.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.silver.matching.model.parameters import probability


def estimated_scores(
    labels: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    weights: NDArray[Any],
) -> dict[str, float]:
    """Estimated pairwise precision, recall and F1 of clusters, and the share of pairs scored.

    Returns:
        estimated_precision, estimated_recall, estimated_f1; estimated_blocking_recall: share of
        the pairs inside clusters that a blocking key brought together.
    """
    chance = probability(weights)
    is_inside = labels[left] == labels[right]
    sizes = np.bincount(labels).astype(np.float64)
    claimed = float((sizes * (sizes - 1) / 2).sum())
    precision = float(chance[is_inside].mean()) if is_inside.any() else 1.0
    hits, missed = precision * claimed, float(chance[~is_inside].sum())
    recall = hits / (hits + missed) if hits + missed else 1.0
    total = precision + recall
    return {
        "estimated_precision": precision,
        "estimated_recall": recall,
        "estimated_f1": 2 * precision * recall / total if total else 0.0,
        "estimated_blocking_recall": float(is_inside.sum()) / claimed if claimed else 1.0,
    }
