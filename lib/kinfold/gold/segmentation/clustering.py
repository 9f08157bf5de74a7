"""Clustering: people who behave alike, found with K-Means on scaled behaviour features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.clustering import KMeans, KMeansModel
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.feature import SQLTransformer, StandardScaler, VectorAssembler
from pyspark.sql import DataFrame, functions as F

from kinfold.core.errors import ModelDataError

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
"""What decides who is alike. Few and different: every further way to count the same orders would
only add weight to orders."""

DESCRIBED_COLUMNS = (*CLUSTERED_COLUMNS, "tenure_days", "average_order_cents")
"""What a segment is described by: also what does not decide, but helps to understand it."""

SCALED = "scaled_behaviour"
_RAW = "cluster"
_SAMPLE_GRAINS = 1_000_000


@dataclass(frozen=True)
class Trial:
    """One number of clusters that was tried.

    Attributes:
        silhouette: with squared distances, from -1 to 1; higher is better separated.
        smallest_share: share of people in the smallest cluster; 0 when one is empty.
    """

    k: int
    silhouette: float
    smallest_share: float


@dataclass(frozen=True)
class Centroid:
    """The average member of a segment.

    Attributes:
        means: mean of each described feature, in the feature's own unit.
        deviations: the centre of each clustered feature, in standard deviations from everyone on
            the logarithmic scale the clusters were found on.
    """

    segment_id: int
    size: int
    means: Mapping[str, float]
    deviations: Mapping[str, float]


@dataclass(frozen=True)
class Clustering:
    """Fitted segments. `model` turns gold.features into segment ids (`prediction`)."""

    model: PipelineModel
    trials: tuple[Trial, ...]
    chosen: Trial
    centroids: tuple[Centroid, ...]


def find_segments(
    people: DataFrame,
    *,
    k_min: int,
    k_max: int,
    sample_size: int,
    smallest_share: float,
    seed: int,
    iterations: int = 20,
) -> Clustering:
    """The segments of people, and how many of them there are.

    The number is the one with the best silhouette, on a sample, among those whose smallest cluster
    has at least `smallest_share` of the people (among all, if none has). Segments are numbered by
    mean spend, the highest first, then by recency.

    Args:
        people: gold.features of one moment, cached: it is read several times.
        sample_size: about how many people the number is chosen on; drawn by hash of the id.

    Raises:
        ModelDataError: people do not differ, so there is nothing to tell apart.
        ValueError: the range of k is empty or begins below 2.
    """
    if not 2 <= k_min <= k_max:
        raise ValueError(f"find_segments: k from {k_min} to {k_max}, expected 2 <= k_min <= k_max.")
    count, kinds = _differing(people)
    scaling = _scaling().fit(people)
    scaled = scaling.transform(people).select("profile_id", *DESCRIBED_COLUMNS, SCALED).cache()
    sample = _sampled(scaled, fraction=sample_size / count, seed=seed).cache()
    try:
        highest = min(k_max, kinds)
        fits = [
            _tried(sample, k=k, seed=seed, iterations=iterations)
            for k in range(min(k_min, highest), highest + 1)
        ]
        trials = tuple(trial for trial, _ in fits)
        chosen = best_trial(trials, smallest_share=smallest_share)
        clusters = dict((trial.k, model) for trial, model in fits)[chosen.k]
        if sample_size < count:
            clusters = _kmeans(k=chosen.k, seed=seed, iterations=iterations).fit(scaled)
        centroids, numbers = _centroids(clusters.transform(scaled), clusters)
    finally:
        sample.unpersist()
        scaled.unpersist()
    stages = [*scaling.stages, clusters, _numbered(numbers)]
    return Clustering(PipelineModel(stages), trials, chosen, centroids)


def best_trial(trials: Sequence[Trial], *, smallest_share: float) -> Trial:
    """The trial with the best silhouette and no tiny cluster; ties go to the fewer clusters."""
    whole = [trial for trial in trials if trial.smallest_share > 0.0] or list(trials)
    usable = [trial for trial in whole if trial.smallest_share >= smallest_share] or whole
    return min(usable, key=lambda trial: (-trial.silhouette, trial.k))


def with_segment(people: DataFrame, *, model: PipelineModel) -> DataFrame:
    """`people` with their `segment_id`; the model's own columns are dropped."""
    return model.transform(people).select(*people.columns, F.col("prediction").alias("segment_id"))


def scaled_like(people: DataFrame, *, model: PipelineModel) -> DataFrame:
    """`people` with `SCALED`, their place in the space in which `model` measures distances."""
    scaled = PipelineModel(model.stages[:3]).transform(people)
    return scaled.select(*people.columns, SCALED)


def silhouette_of(people: DataFrame, *, model: PipelineModel, judged_in: PipelineModel) -> float:
    """How well `model` separates people, measured in the space of another model: silhouettes of two
    models can only be compared in one space. -1 when it puts everyone into one segment."""
    placed = scaled_like(people, model=judged_in).withColumnRenamed(SCALED, "_place")
    assigned = with_segment(placed, model=model)
    if len(assigned.select("segment_id").distinct().take(2)) < 2:
        return -1.0
    evaluator = ClusteringEvaluator(featuresCol="_place", predictionCol="segment_id")
    return float(evaluator.evaluate(assigned))


def _differing(people: DataFrame) -> tuple[int, int]:
    """(people, different kinds of behaviour)."""
    kind = F.xxhash64(*CLUSTERED_COLUMNS)
    row = people.agg(F.count("*").alias("people"), F.count_distinct(kind).alias("kinds")).first()
    count, kinds = (0, 0) if row is None else (int(row["people"]), int(row["kinds"]))
    if kinds < 2:
        raise ModelDataError(
            f"segments: {count:,} people with {kinds} kind(s) of behaviour, expected at least 2 "
            "that differ. Bring more events, or choose an as_of after the first of them."
        )
    return count, kinds


def _scaling() -> Pipeline:
    """Logarithms of what grows by multiples, each feature then with mean 0 and deviation 1. A
    feature that is the same for everyone becomes 0 and plays no part."""
    logs = ", ".join(f"signum({c}) * log1p(abs({c})) AS log_{c}" for c in CLUSTERED_COLUMNS)
    logged = SQLTransformer(statement=f"SELECT *, {logs} FROM __THIS__")
    inputs = [f"log_{column}" for column in CLUSTERED_COLUMNS]
    assembled = VectorAssembler(inputCols=inputs, outputCol="log_behaviour")
    scaled = StandardScaler(inputCol="log_behaviour", outputCol=SCALED, withMean=True)
    return Pipeline(stages=[logged, assembled, scaled])


def _sampled(scaled: DataFrame, *, fraction: float, seed: int) -> DataFrame:
    if fraction >= 1.0:
        return scaled
    grain = F.pmod(F.xxhash64(F.col("profile_id"), F.lit(seed)), F.lit(_SAMPLE_GRAINS))
    return scaled.where(grain < F.lit(int(fraction * _SAMPLE_GRAINS)))


def _kmeans(*, k: int, seed: int, iterations: int) -> KMeans:
    return KMeans(k=k, seed=seed, maxIter=iterations, featuresCol=SCALED, predictionCol=_RAW)


def _tried(sample: DataFrame, *, k: int, seed: int, iterations: int) -> tuple[Trial, KMeansModel]:
    model = _kmeans(k=k, seed=seed, iterations=iterations).fit(sample)
    sizes = model.summary.clusterSizes
    filled = [size for size in sizes if size > 0]
    if len(filled) < 2:  # the evaluator stops with an assertion when there is only one
        return Trial(k, -1.0, 0.0), model
    evaluator = ClusteringEvaluator(featuresCol=SCALED, predictionCol=_RAW)
    silhouette = float(evaluator.evaluate(model.transform(sample)))
    share = min(sizes) / sum(sizes) if len(filled) == k else 0.0
    return Trial(k, silhouette, share), model


def _centroids(
    assigned: DataFrame, clusters: KMeansModel
) -> tuple[tuple[Centroid, ...], tuple[int, ...]]:
    """The centroids in their lasting order, and the lasting number of each raw cluster; a cluster
    nobody is in comes last and has no centroid."""
    averages = [F.avg(column).alias(column) for column in DESCRIBED_COLUMNS]
    rows = assigned.groupBy(_RAW).agg(F.count("*").alias("size"), *averages).collect()
    rows.sort(key=lambda row: (-row["spend_cents"], row["recency_days"], row[_RAW]))
    centres = clusters.clusterCenters()
    order = [int(row[_RAW]) for row in rows]
    order += [raw for raw in range(len(centres)) if raw not in order]
    centroids = tuple(
        Centroid(
            segment_id=number,
            size=int(row["size"]),
            means={column: float(row[column]) for column in DESCRIBED_COLUMNS},
            deviations=dict(zip(CLUSTERED_COLUMNS, map(float, centres[row[_RAW]]), strict=True)),
        )
        for number, row in enumerate(rows)
    )
    return centroids, tuple(order.index(raw) for raw in range(len(centres)))


def _numbered(numbers: Sequence[int]) -> SQLTransformer:
    """The last stage: from K-Means' own numbering, which is arbitrary, to the lasting one."""
    lasting = ", ".join(f"{number}L" for number in numbers)
    statement = f"SELECT *, element_at(array({lasting}), {_RAW} + 1) AS prediction FROM __THIS__"
    return SQLTransformer(statement=statement)
