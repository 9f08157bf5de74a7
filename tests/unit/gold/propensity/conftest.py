"""A small fitted model that the tests of this folder share."""

import pytest
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from kinfold.gold.propensity.estimator import Boosting, propensity_estimator
from kinfold.gold.propensity.training_set import labelled_features
from made_people import made_purchases


@pytest.fixture(scope="session")
def model(people: DataFrame) -> PipelineModel:
    rows = labelled_features(people, made_purchases(people)).cache()
    return propensity_estimator(boosting=Boosting(trees=3, depth=2), seed=7).fit(rows)
