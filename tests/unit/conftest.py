"""What tests of models share: one MLflow per worker, because its database takes seconds to make."""

import pytest
from pyspark.sql import DataFrame, SparkSession

from frames import at
from kinfold.models.tracking import Tracking, open_tracking
from made_people import made_features


@pytest.fixture(scope="session")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    """A real MLflow on SQLite; each test module registers models under names of its own."""
    folder = tmp_path_factory.mktemp("tracking")
    return open_tracking(
        f"sqlite:///{folder}/mlflow.db", experiment="made", artifact_root=str(folder / "artifacts")
    )


@pytest.fixture(scope="session")
def people(spark: SparkSession) -> DataFrame:
    """300 made people at the end of March: a third lookers, a third buyers, a third lapsed."""
    made = made_features(spark, people=300, as_ofs=[at("2026-03-31")])
    return made.repartition(1).cache()
