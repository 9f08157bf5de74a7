"""Scores of predicted clusters where the true person of each record is known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinfold.core.pair_scores import harmonic_mean, pair_scores


def cluster_scores(truth: NDArray[Any], predicted: NDArray[Any]) -> dict[str, float]:
    """Pairwise and B-cubed precision, recall and F1, and sizes of people and profiles.

    Pairwise scores count all pairs of records that share a cluster, not only scored pairs. B-cubed
    is a mean over records (Bagga and Baldwin 1998).

    Args:
        truth: the true person of each record, as numbers.
        predicted: the cluster of each record, as numbers.

    Returns:
        Empty if there are no records.
    """
    if not len(truth):
        return {}
    of_pairs = pair_scores(truth, predicted)
    _, true_codes, true_sizes = np.unique(truth, return_inverse=True, return_counts=True)
    _, codes, sizes = np.unique(predicted, return_inverse=True, return_counts=True)
    both = true_codes.astype(np.int64) * len(sizes) + codes
    _, shared_codes, shared = np.unique(both, return_inverse=True, return_counts=True)
    of_record = shared[shared_codes]
    bcubed_precision = float(np.mean(of_record / sizes[codes]))
    bcubed_recall = float(np.mean(of_record / true_sizes[true_codes]))
    return {
        "precision": of_pairs.precision,
        "recall": of_pairs.recall,
        "f1": of_pairs.f1,
        "bcubed_precision": bcubed_precision,
        "bcubed_recall": bcubed_recall,
        "bcubed_f1": harmonic_mean(bcubed_precision, bcubed_recall),
        "people": float(len(true_sizes)),
        "largest_person": float(true_sizes.max()),
        "profiles": float(len(sizes)),
        "largest_profile": float(sizes.max()),
    }
