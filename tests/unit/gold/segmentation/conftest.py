"""Fitted segments that the tests of this folder share."""

import pytest
from pyspark.sql import DataFrame

from kinfold.gold.segmentation.clustering import Clustering, SegmentSearch, find_segments


@pytest.fixture(scope="session")
def clustering(people: DataFrame) -> Clustering:
    """Clusters of generated people; two, three and four segments are tried."""
    return find_segments(people, search=SegmentSearch(k_min=2, k_max=4, sample_size=1_000))
