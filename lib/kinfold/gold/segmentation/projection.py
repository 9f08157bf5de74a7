"""Projection: a map of people in two dimensions, for a picture of the segments."""

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
    scaled_like,
    with_segment,
)


@dataclass(frozen=True)
class Axis:
    """One direction of the map.

    Attributes:
        variance_ratio: share of all differences between people that this direction shows.
        loadings: the features that change most along it, the strongest first, with their weight.
    """

    variance_ratio: float
    loadings: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class SegmentMap:
    """A sample of people as points (x, y, segment_id), and what the two directions mean."""

    points: tuple[tuple[float, float, int], ...]
    axes: tuple[Axis, Axis]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def segment_map(
    people: DataFrame, *, model: PipelineModel, sample_size: int = 2_000, seed: int
) -> SegmentMap:
    """The two directions in which people differ most, and a sample of people on them.

    Args:
        people: gold.features of one moment.
        sample_size: at most so many points; drawn by hash of the id, so always the same people.
    """
    assigned = scaled_like(with_segment(people, model=model), model=model)
    rank = F.xxhash64(F.col("profile_id"), F.lit(seed))
    sample = (
        assigned.orderBy(rank, "profile_id")
        .limit(sample_size)
        .select(vector_to_array(F.col(SCALED)).alias("place"), "segment_id")
        .collect()
    )
    return projected([row["place"] for row in sample], [int(row["segment_id"]) for row in sample])


def projected(places: Sequence[Sequence[float]], segment_ids: Sequence[int]) -> SegmentMap:
    """Points on the two principal components of `places` (one coordinate per clustered column)."""
    matrix = np.asarray(places, dtype=np.float64).reshape(len(places), len(CLUSTERED_COLUMNS))
    centred = matrix - matrix.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=True)
    variance = np.zeros(len(CLUSTERED_COLUMNS))
    variance[: singular.size] = singular**2
    ratios = variance / max(float(variance.sum()), np.finfo(np.float64).tiny)
    # The sign of a component is arbitrary; pointing the strongest feature to the right or up
    # makes the same people land in the same place every time.
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
