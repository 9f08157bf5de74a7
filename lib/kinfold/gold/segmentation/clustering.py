"""Clusters people with similar behaviour: K-Means on scaled behaviour features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.clustering import KMeans, KMeansModel
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.feature import SQLTransformer, StandardScaler, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, functions as F

from kinfold.core.errors import ModelDataError
from kinfold.core.settings.models import SegmentationConf
from kinfold.core.wording import counted
from kinfold.gold.segmentation.trials import Labels, Points, Trial, best_trial, trial_of, trials_of
from kinfold.tables.collected import collected, first_row

CLUSTERED_COLUMNS = (
    "recency_days",
    "active_day_count_90d",
    "product_view_count_30d",
    "add_to_cart_count_30d",
    "email_open_count_30d",
    "order_count_90d",
    "order_count",
    "spend_cents",
    "return_count_90d",
)
"""The features that the clusters are computed on. They are few and measure different things: each
further count of the same orders would only give orders more weight."""

DESCRIBED_COLUMNS = (*CLUSTERED_COLUMNS, "tenure_days", "average_order_cents")
"""The features that describe a segment, including some that the clusters do not depend on."""

SCALED = "scaled_behaviour"
_RAW = "cluster"
_SAMPLE_BUCKETS = 1_000_000
_CAP = 0.95
_MEDIAN = 0.5


@dataclass(frozen=True)
class SegmentSearch:
    """The numbers of segments to try, and how to choose one.

    Attributes:
        k_min, k_max: the smallest and the largest number of segments to try.
        sample_size: approximate number of people in the sample on which each number is tried. The
            sample is drawn by a hash of the id.
        smallest_share: a number is avoided if its smallest segment has a smaller share of people.
        min_people: with fewer people there are no segments.
    """

    k_min: int = 4
    k_max: int = 7
    sample_size: int = 10_000
    smallest_share: float = 0.02
    seed: int = 7
    min_people: int = 2

    @classmethod
    def of(cls, conf: SegmentationConf) -> "SegmentSearch":
        return cls(
            conf.k_min,
            conf.k_max,
            conf.sample_size,
            seed=conf.seed,
            min_people=conf.min_people,
        )


@dataclass(frozen=True)
class Centroid:
    """The average and the typical member of a segment.

    Attributes:
        means: capped mean of each feature of `DESCRIBED_COLUMNS`, in the unit of the feature: a
            value above 95 % of the positive values of all people counts as that limit. So one
            person who spends a thousand times more than others decides nothing.
        medians: median of each of these features.
        deviations: for each feature of `CLUSTERED_COLUMNS`, the distance of the cluster centre from
            the mean of all people, in standard deviations on the logarithmic scale.
    """

    segment_id: int
    size: int
    means: Mapping[str, float]
    medians: Mapping[str, float]
    deviations: Mapping[str, float]


@dataclass(frozen=True)
class Clustering:
    """Fitted segments. `model` adds the segment id to gold.features, as `prediction`.

    Attributes:
        medians: median of each feature of `DESCRIBED_COLUMNS` over all people.
    """

    model: PipelineModel
    trials: tuple[Trial, ...]
    chosen: Trial
    centroids: tuple[Centroid, ...]
    medians: Mapping[str, float]


@dataclass(frozen=True)
class _Population:
    """All people: their number, and of each described feature the cap (see `Centroid.means`; null =
    nobody has any) and the median."""

    count: int
    distinct: int
    caps: Mapping[str, float | None]
    medians: Mapping[str, float]


def find_segments(people: DataFrame, *, search: SegmentSearch, iterations: int = 20) -> Clustering:
    """Chooses the number of segments and fits them.

    The chosen number has the best silhouette on a sample, among the numbers whose smallest cluster
    has at least `search.smallest_share` of the people (among all numbers, if no number has). MLlib
    then fits that number to all people.
    Segments are numbered by mean spend, the highest first, then by recency.

    Args:
        people: gold.features of one moment. It is read several times, so pass a cached frame.

    Raises:
        ModelDataError: there are fewer people than `search.min_people`, or all have the same
            feature values.
        ValueError: the range of k is empty or starts below 2.
    """
    if not 2 <= search.k_min <= search.k_max:
        raise ValueError(
            f"find_segments: k from {search.k_min} to {search.k_max}, expected 2 <= k_min <= k_max."
        )
    seed = search.seed
    everyone = _population(people, min_people=search.min_people)
    scaling = _scaling().fit(people)
    scaled = scaling.transform(people).select("profile_id", *DESCRIBED_COLUMNS, SCALED).cache()
    try:
        sample = _sampled(scaled, fraction=search.sample_size / everyone.count, seed=seed)
        points = _points(sample)
        highest = min(search.k_max, everyone.distinct)
        numbers = range(min(search.k_min, highest), highest + 1)
        trials = tuple(trials_of(points, numbers, seed=seed, iterations=iterations))
        best = best_trial(trials, smallest_share=search.smallest_share)
        clusters = _kmeans(k=best.k, seed=seed, iterations=iterations).fit(scaled)
        chosen = trial_of(points, _nearest(points, clusters), k=best.k)
        centroids, segment_ids = _centroids(
            clusters.transform(scaled), clusters, caps=everyone.caps
        )
    finally:
        scaled.unpersist()
    stages = [*scaling.stages, clusters, _numbered(segment_ids)]
    return Clustering(PipelineModel(stages), trials, chosen, centroids, everyone.medians)


def with_segment(people: DataFrame, *, model: PipelineModel) -> DataFrame:
    """`people` with a column `segment_id`; the model's other output columns are dropped."""
    return model.transform(people).select(*people.columns, F.col("prediction").alias("segment_id"))


def with_scaled_behaviour(people: DataFrame, *, model: PipelineModel) -> DataFrame:
    """`people` with a column `SCALED`: the vector on which `model` computes distances."""
    scaled = PipelineModel(model.stages[:3]).transform(people)
    return scaled.select(*people.columns, SCALED)


def silhouette_of(people: DataFrame, *, model: PipelineModel, scaled_by: PipelineModel) -> float:
    """The silhouette of `model`'s segments, with distances in the feature space of another model.

    Two models scale features differently, so their silhouettes are comparable only in one space.

    Args:
        scaled_by: the model whose scaling is used.

    Returns:
        -1 if `model` assigns all people to one segment.
    """
    scaled = with_scaled_behaviour(people, model=scaled_by).withColumnRenamed(SCALED, "_vector")
    assigned = with_segment(scaled, model=model)
    if len(assigned.select("segment_id").distinct().take(2)) < 2:
        return -1.0
    evaluator = ClusteringEvaluator(featuresCol="_vector", predictionCol="segment_id")
    return float(evaluator.evaluate(assigned))


def _population(people: DataFrame, *, min_people: int) -> _Population:
    """The people as a whole. Runs a Spark job.

    Raises:
        ModelDataError: there are fewer than `min_people`, or all have the same feature values.
    """
    vector = F.xxhash64(*CLUSTERED_COLUMNS)
    row = first_row(
        people.agg(
            F.count("*").alias("people"),
            F.count_distinct(vector).alias("distinct"),
            *(
                F.percentile_approx(F.when(F.col(c) > 0, F.col(c)), _CAP).alias(f"cap_{c}")
                for c in DESCRIBED_COLUMNS
            ),
            *(F.percentile_approx(c, _MEDIAN).alias(f"median_{c}") for c in DESCRIBED_COLUMNS),
        )
    )
    count, distinct = (0, 0) if row is None else (int(row["people"]), int(row["distinct"]))
    if row is None or count < min_people:
        raise ModelDataError(
            f"segments: there are {counted(count, 'person', 'people')}, expected at least "
            f"{min_people:,} (segmentation.min_people): segments of fewer would describe single "
            "persons. Add more events."
        )
    if distinct < 2:
        raise ModelDataError(
            f"segments: {count:,} people have {distinct} distinct behaviour(s), expected at least "
            "2. Add more events, or choose a later as_of."
        )
    return _Population(
        count=count,
        distinct=distinct,
        caps={c: row[f"cap_{c}"] for c in DESCRIBED_COLUMNS},
        medians={c: float(row[f"median_{c}"]) for c in DESCRIBED_COLUMNS},
    )


def _scaling() -> Pipeline:
    """Logarithms of the features, scaled to mean 0 and standard deviation 1.

    A feature with the same value for all people becomes 0 and has no influence.
    """
    logs = ", ".join(f"signum({c}) * log1p(abs({c})) AS log_{c}" for c in CLUSTERED_COLUMNS)
    logged = SQLTransformer(statement=f"SELECT *, {logs} FROM __THIS__")
    inputs = [f"log_{column}" for column in CLUSTERED_COLUMNS]
    assembled = VectorAssembler(inputCols=inputs, outputCol="log_behaviour")
    scaled = StandardScaler(inputCol="log_behaviour", outputCol=SCALED, withMean=True)
    return Pipeline(stages=[logged, assembled, scaled])


def _sampled(scaled: DataFrame, *, fraction: float, seed: int) -> DataFrame:
    if fraction >= 1.0:
        return scaled
    bucket = F.pmod(F.xxhash64(F.col("profile_id"), F.lit(seed)), F.lit(_SAMPLE_BUCKETS))
    return scaled.where(bucket < F.lit(int(fraction * _SAMPLE_BUCKETS)))


def _points(sample: DataFrame) -> Points:
    """The scaled behaviour of the sample, in the order of the ids, on the driver."""
    rows = sample.select("profile_id", vector_to_array(F.col(SCALED)).alias("point")).toArrow()
    points = rows.sort_by("profile_id").column("point").combine_chunks()
    return np.asarray(points.flatten(), dtype=np.float64).reshape(len(points), -1)


def _nearest(points: Points, clusters: KMeansModel) -> Labels:
    """The cluster of each point."""
    centres = np.stack(clusters.clusterCenters())
    squares = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(squares.argmin(axis=1), dtype=np.int64)


def _kmeans(*, k: int, seed: int, iterations: int) -> KMeans:
    return KMeans(k=k, seed=seed, maxIter=iterations, featuresCol=SCALED, predictionCol=_RAW)


def _centroids(
    assigned: DataFrame, clusters: KMeansModel, *, caps: Mapping[str, float | None]
) -> tuple[tuple[Centroid, ...], tuple[int, ...]]:
    """The centroids in order of segment id, and the segment id of each raw cluster number.

    An empty cluster has no centroid; its segment id comes after all others.
    """
    averages = [F.avg(F.least(c, F.lit(caps[c]))).alias(c) for c in DESCRIBED_COLUMNS]
    medians = [F.percentile_approx(c, _MEDIAN).alias(f"median_{c}") for c in DESCRIBED_COLUMNS]
    rows = collected(assigned.groupBy(_RAW).agg(F.count("*").alias("size"), *averages, *medians))
    rows.sort(key=lambda row: (-row["spend_cents"], row["recency_days"], row[_RAW]))
    centres = clusters.clusterCenters()
    order = [int(row[_RAW]) for row in rows]
    order += [raw for raw in range(len(centres)) if raw not in order]
    centroids = tuple(
        Centroid(
            segment_id=number,
            size=int(row["size"]),
            means={column: float(row[column]) for column in DESCRIBED_COLUMNS},
            medians={column: float(row[f"median_{column}"]) for column in DESCRIBED_COLUMNS},
            deviations=dict(zip(CLUSTERED_COLUMNS, map(float, centres[row[_RAW]]), strict=True)),
        )
        for number, row in enumerate(rows)
    )
    return centroids, tuple(order.index(raw) for raw in range(len(centres)))


def _numbered(segment_ids: Sequence[int]) -> SQLTransformer:
    """The last stage of the model: replaces the arbitrary cluster numbers with segment ids."""
    ids = ", ".join(f"{segment_id}L" for segment_id in segment_ids)
    statement = f"SELECT *, element_at(array({ids}), {_RAW} + 1) AS prediction FROM __THIS__"
    return SQLTransformer(statement=statement)
