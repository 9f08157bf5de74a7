"""Scoring: purchase probability and decile of each person."""

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, Window, functions as F

from kinfold.gold.propensity.estimator import with_probability
from kinfold.tables import gold


def propensity_scores(
    features: DataFrame, *, model: PipelineModel, model_name: str, model_version: int
) -> DataFrame:
    """Scores each person: the probability that they buy within the horizon of the model.

    Args:
        features: gold.features of one or more moments.

    Returns:
        gold.propensity_scores: one row per row of `features`. Deciles are computed per moment.
        Equal probabilities are ordered by profile_id, so a rerun gives the same deciles.
    """
    likeliest_first = Window.partitionBy("as_of").orderBy(F.desc("probability"), "profile_id")
    scored = with_probability(features, model=model)
    return gold.PROPENSITY_SCORES.conform(
        scored.select(
            "profile_id",
            F.lit(model_name).alias("model"),
            "as_of",
            F.lit(model_version).alias("model_version"),
            "probability",
            F.ntile(10).over(likeliest_first).alias("decile"),
        )
    )
