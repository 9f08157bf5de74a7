"""The Spark ML pipeline that turns features into a purchase probability."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import GBTClassificationModel, GBTClassifier
from pyspark.ml.feature import SQLTransformer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame, functions as F

from kinfold.core.settings.models import PropensityConf
from kinfold.tables import gold

FEATURE_COLUMNS: tuple[str, ...] = tuple(
    column for column in gold.FEATURES.columns if column not in gold.FEATURES.key
)
NEVER_DAYS = 36_500.0
"""`days_since_purchase` of people who never bought: a hundred years. The mean would make them look
like average buyers."""


@dataclass(frozen=True)
class Boosting:
    """Hyperparameters of the gradient-boosted trees.

    Attributes:
        trees: number of trees; each corrects the trees before it.
        depth: maximum depth of a tree.
        step: learning rate.
        smallest_leaf: minimum number of people on each side of a split.
    """

    trees: int = 20
    depth: int = 3
    step: float = 0.15
    smallest_leaf: int = 20

    @classmethod
    def of(cls, conf: PropensityConf) -> "Boosting":
        return cls(trees=conf.trees, depth=conf.depth)


def propensity_estimator(*, boosting: Boosting, seed: int) -> Pipeline:
    """Unfitted gradient-boosted trees on gold.features. Fitting also needs a column `label`.

    There are no class weights and no resampling, because both would bias the probabilities.
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
    """Share of the total gain by feature, the largest first; ties by name."""
    trees = cast(GBTClassificationModel, model.stages[-1])
    shares = zip(FEATURE_COLUMNS, trees.featureImportances.toArray().tolist(), strict=True)
    return dict(sorted(shares, key=lambda share: (-share[1], share[0])))


def baseline_score() -> Column:
    """The score of the baseline rule: people with the most orders first, ties by recency.

    It is hard to beat: on the shop of the README it ranks better than any single feature, and far
    better than recency alone.
    """
    return F.col("order_count") * F.lit(NEVER_DAYS) - F.col("recency_days")


def with_probability(features: DataFrame, *, model: PipelineModel) -> DataFrame:
    """`features` with a column `probability`; the model's other output columns are dropped."""
    scored = model.transform(features)
    probability = vector_to_array(F.col("probability")).getItem(1).alias("probability")
    return scored.select(*features.columns, probability)
