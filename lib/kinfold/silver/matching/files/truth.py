"""How clusters compare with the truth, where it is known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cluster_scores(truth: NDArray[Any], found: NDArray[Any]) -> dict[str, float]:
    """Pairwise and B-cubed precision, recall and F1.

    Pairwise counts all pairs of records that share a cluster (after closure, so not only scored
    links); B-cubed averages over records (Bagga and Baldwin 1998).

    Args:
        truth: the true person of each record, as numbers.
        found: the cluster of each record, as numbers.
    """
    if not len(truth):
        return {}
    _, true_codes, true_sizes = np.unique(truth, return_inverse=True, return_counts=True)
    _, codes, sizes = np.unique(found, return_inverse=True, return_counts=True)
    both = true_codes.astype(np.int64) * len(sizes) + codes
    _, shared_codes, shared = np.unique(both, return_inverse=True, return_counts=True)
    hits, claimed, real = _pairs(shared), _pairs(sizes), _pairs(true_sizes)
    precision = hits / claimed if claimed else 1.0
    recall = hits / real if real else 1.0
    of_record = shared[shared_codes]
    bcubed_precision = float(np.mean(of_record / sizes[codes]))
    bcubed_recall = float(np.mean(of_record / true_sizes[true_codes]))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _f1(precision, recall),
        "bcubed_precision": bcubed_precision,
        "bcubed_recall": bcubed_recall,
        "bcubed_f1": _f1(bcubed_precision, bcubed_recall),
        "people": float(len(true_sizes)),
        "largest_person": float(true_sizes.max()),
        "profiles": float(len(sizes)),
        "largest_profile": float(sizes.max()),
    }


def _pairs(sizes: NDArray[Any]) -> float:
    whole = sizes.astype(np.float64)
    return float((whole * (whole - 1) / 2).sum())


def _f1(precision: float, recall: float) -> float:
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0
