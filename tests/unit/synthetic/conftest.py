"""Worlds that several tests read: generated once per worker and never changed."""

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import SparkSession

from kinfold.synthetic import FaultRates, World, write_world
from synthetic_worlds import BEYOND, DAYS, HORIZON_DAYS, MANY_FAULTS


@pytest.fixture(scope="session")
def make_world(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., World]:
    """Writes a world of 90 people into a new folder."""

    def make(**changes: Any) -> World:
        arguments = {
            "people": 90,
            "days": DAYS,
            "seed": 5,
            "horizon_days": HORIZON_DAYS,
            "faults": MANY_FAULTS,
        }
        folder = tmp_path_factory.mktemp("worlds") / "world"
        return write_world(spark, folder, **(arguments | changes))

    return make


@pytest.fixture(scope="session")
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture(scope="session")
def longer_world(make_world: Callable[..., World]) -> World:
    return make_world(days=DAYS + BEYOND)


@pytest.fixture(scope="session")
def clean_longer_world(make_world: Callable[..., World]) -> World:
    """The same people, for longer and without faults."""
    return make_world(days=DAYS + BEYOND, faults=FaultRates.none())
