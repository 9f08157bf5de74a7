"""Estimator: the pipeline that turns features into the probability of an act."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import GBTClassificationModel, GBTClassifier
from pyspark.ml.feature import SQLTransformer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.tables import gold

FEATURE_COLUMNS: tuple[str, ...] = tuple(
    column for column in gold.FEATURES.columns if column not in gold.FEATURES.key
)
NEVER_DAYS = 36_500.0
"""Days since the latest purchase of who never bought: a hundred years. Not a mean, which would make
people who never bought look like average buyers."""


@dataclass(frozen=True)
class Boosting:
    """How the trees are grown.

    Attributes:
        trees: number of trees, each correcting those before it.
        depth: levels of splits of a tree.
        step: share of each correction that is taken over.
        smallest_leaf: people that must be left on each side of a split.
    """

    trees: int = 20
    depth: int = 3
    step: float = 0.15
    smallest_leaf: int = 20


def propensity_estimator(*, boosting: Boosting, seed: int) -> Pipeline:
    """Gradient-boosted trees on gold.features; fits on a frame that also has `label`.

    No class weights and no resampling: either would make the probabilities wrong.
    """
    never = f"coalesce(days_since_purchase, {NEVER_DAYS}D)"
    filled = SQLTransformer(
        statement=f"SELECT *, {never} AS days_since_purchase_filled FROM __THIS__"
    )
    inputs = [
        "days_since_purchase_filled" if column == "days_since_purchase" else column
        for column in FEATURE_COLUMNS
    ]
    assembled = VectorAssembler(inputCols=inputs, outputCol="feature_vector")
    trees = GBTClassifier(
        featuresCol="feature_vector",
        labelCol="label",
        maxIter=boosting.trees,
        maxDepth=boosting.depth,
        stepSize=boosting.step,
        minInstancesPerNode=boosting.smallest_leaf,
        maxBins=32,
        maxMemoryInMB=512,
        seed=seed,
    )
    return Pipeline(stages=[filled, assembled, trees])


def feature_importance(model: PipelineModel) -> Mapping[str, float]:
    """Share of the trees' gain that each feature brought, the largest first; ties by name."""
    trees = cast(GBTClassificationModel, model.stages[-1])
    shares = zip(FEATURE_COLUMNS, trees.featureImportances.toArray().tolist(), strict=True)
    return dict(sorted(shares, key=lambda share: (-share[1], share[0])))


def baseline_score() -> Column:
    """The rule a model must beat: who ordered most often comes first, of them who was here last.

    Chosen because it is hard to beat: on the shop of the README it ranks better than any other
    single feature, and far better than recency alone.
    """
    return F.col("order_count") * F.lit(NEVER_DAYS) - F.col("recency_days")


def with_probability(features: DataFrame, *, model: PipelineModel) -> DataFrame:
    """`features` and their `probability` as a plain number; the model's own columns are dropped."""
    scored = model.transform(features)
    probability = vector_to_array(F.col("probability")).getItem(1).alias("probability")
    return scored.select(*features.columns, probability)
