"""Trials: how well each number of segments separates a sample of people.

They run on the driver, because a sample has some thousand people: MLlib needs dozens of Spark jobs
for each number, which take most of a training's time on a small lake.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

_STARTS = 5
"""Each number is fitted from this many starts, and the best fit counts: one start may end in a
poor one."""


@dataclass(frozen=True)
class Trial:
    """The result for one number of clusters.

    Attributes:
        silhouette: with squared distances, from -1 to 1; higher means better separated clusters.
        smallest_share: share of people in the smallest cluster; 0 if a cluster is empty.
    """

    k: int
    silhouette: float
    smallest_share: float


def trials_of(points: Points, numbers: Iterable[int], *, seed: int, iterations: int) -> list[Trial]:
    """A trial of K-Means for each number of clusters.

    Args:
        points: one row per person of the sample. The result depends on their order.
    """
    from sklearn.cluster import KMeans  # imported here: it takes a second
    from sklearn.exceptions import ConvergenceWarning

    trials = []
    for k in numbers:
        means = KMeans(k, n_init=_STARTS, max_iter=iterations, random_state=seed)
        with warnings.catch_warnings():
            # Fewer different points than clusters: the trial then has an empty cluster.
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = means.fit(points).labels_
        trials.append(trial_of(points, labels.astype(np.int64), k=k))
    return trials


def trial_of(points: Points, labels: Labels, *, k: int) -> Trial:
    """The trial of one assignment of points to clusters."""
    sizes = np.bincount(labels, minlength=k)
    return Trial(k, squared_silhouette(points, labels), float(sizes.min() / sizes.sum()))


def squared_silhouette(points: Points, labels: Labels) -> float:
    """The mean silhouette with squared Euclidean distances, as MLlib's `ClusteringEvaluator` does.

    The mean squared distance of a point to a cluster follows from the cluster's mean and the mean
    of its squared norms, so no pair of points is compared. A point alone in its cluster counts 0.

    Returns:
        -1 if there are fewer than two clusters.
    """
    distinct, own = np.unique(labels, return_inverse=True)
    if distinct.size < 2:
        return -1.0
    sizes = np.bincount(own).astype(np.float64)
    means = np.stack([points[own == cluster].mean(axis=0) for cluster in range(distinct.size)])
    norms = (points**2).sum(axis=1)
    mean_norms = np.bincount(own, weights=norms) / sizes
    distances = norms[:, None] + mean_norms[None, :] - 2.0 * points @ means.T
    rows = np.arange(points.shape[0])
    alone = sizes[own] == 1
    within = distances[rows, own] * sizes[own] / np.where(alone, 1.0, sizes[own] - 1.0)
    distances[rows, own] = np.inf
    nearest = distances.min(axis=1)
    greater = np.maximum(within, nearest)
    scores = np.where(greater > 0, (nearest - within) / np.where(greater > 0, greater, 1.0), 0.0)
    return float(np.where(alone, 0.0, scores).mean())


def best_trial(trials: Sequence[Trial], *, smallest_share: float) -> Trial:
    """The trial with the best silhouette among those without a tiny cluster.

    Of trials with equal silhouettes, the one with fewer clusters. If every trial has a tiny
    cluster, trials without an empty cluster are preferred.
    """
    without_empty = [trial for trial in trials if trial.smallest_share > 0.0] or list(trials)
    usable = [t for t in without_empty if t.smallest_share >= smallest_share] or without_empty
    return min(usable, key=lambda trial: (-trial.silhouette, trial.k))
