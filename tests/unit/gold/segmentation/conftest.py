"""Fitted segments, shared by the tests of this folder."""

import pytest
from pyspark.sql import DataFrame

from kinfold.gold.segmentation.clustering import Clustering, find_segments


@pytest.fixture(scope="session")
def found(people: DataFrame) -> Clustering:
    """Made people, clustered with two, three and four segments tried."""
    return find_segments(people, k_min=2, k_max=4, sample_size=1_000, smallest_share=0.02, seed=7)
