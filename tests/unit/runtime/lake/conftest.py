"""A lake for the tests of this folder."""

import pytest

from frames import at
from kinfold.runtime.lake.lake import Lake
from lakes import ID_KEY


@pytest.fixture
def lake(spark, lake_root):
    """An empty lake, opened for run `run-1`."""
    return Lake(spark, lake_root, "run-1", at("09:00"), id_key=ID_KEY)
