"""Projection: people in two dimensions, for a plot of the segments."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pyspark.ml import PipelineModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, functions as F

from kinfold.gold.segmentation.clustering import (
    CLUSTERED_COLUMNS,
    SCALED,
    with_scaled_behaviour,
    with_segment,
)
from kinfold.tables.collected import collected


@dataclass(frozen=True)
class Axis:
    """One axis of the map: a principal component.

    Attributes:
        variance_ratio: share of the total variance that the component explains.
        loadings: the features with the largest absolute weights, the largest first.
    """

    variance_ratio: float
    loadings: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class SegmentMap:
    """A sample of people as points (x, y, segment_id), and the meaning of the two axes."""

    points: tuple[tuple[float, float, int], ...]
    axes: tuple[Axis, Axis]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def segment_map(
    people: DataFrame, *, model: PipelineModel, sample_size: int = 2_000, seed: int
) -> SegmentMap:
    """Projects a sample of people on their two principal components.

    Args:
        people: gold.features of one moment.
        sample_size: maximum number of points. The sample is drawn by a hash of the id, so it is
            always the same.
    """
    assigned = with_scaled_behaviour(with_segment(people, model=model), model=model)
    rank = F.xxhash64(F.col("profile_id"), F.lit(seed))
    sample = collected(
        assigned.orderBy(rank, "profile_id")
        .limit(sample_size)
        .select(vector_to_array(F.col(SCALED)).alias("vector"), "segment_id")
    )
    return projected([row["vector"] for row in sample], [int(row["segment_id"]) for row in sample])


def projected(vectors: Sequence[Sequence[float]], segment_ids: Sequence[int]) -> SegmentMap:
    """Projects vectors, with one coordinate per clustered column, on two principal components."""
    matrix = np.asarray(vectors, dtype=np.float64).reshape(len(vectors), len(CLUSTERED_COLUMNS))
    centred = matrix - matrix.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=True)
    variance = np.zeros(len(CLUSTERED_COLUMNS))
    variance[: singular.size] = singular**2
    ratios = variance / max(float(variance.sum()), np.finfo(np.float64).tiny)
    # The sign of a component is arbitrary. The strongest feature points to the right or up, so
    # that the same people always have the same coordinates.
    chosen = np.array([d * np.sign(d[np.argmax(np.abs(d))]) for d in directions[:2]])
    points = centred @ chosen.T
    first, second = (
        Axis(float(ratio), _strongest(direction))
        for ratio, direction in zip(ratios[:2], chosen, strict=True)
    )
    return SegmentMap(
        points=tuple(
            (round(float(x), 4), round(float(y), 4), segment_id)
            for (x, y), segment_id in zip(points, segment_ids, strict=True)
        ),
        axes=(first, second),
    )


def _strongest(direction: Sequence[float], *, count: int = 3) -> tuple[tuple[str, float], ...]:
    weights = zip(CLUSTERED_COLUMNS, (float(w) for w in direction), strict=True)
    return tuple(sorted(weights, key=lambda item: (-abs(item[1]), item[0]))[:count])
