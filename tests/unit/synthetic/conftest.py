"""Worlds that several tests read: made once per worker, never changed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from kinfold.synthetic import FaultRates, World, write_world

MANY_FAULTS = FaultRates(
    duplicates=0.1,
    late=0.1,
    out_of_order=0.1,
    clock_skew=0.05,
    malformed=0.06,
    schema_breaking=0.06,
    placeholders=0.3,
    shared_devices=0.3,
    crm_typos=0.4,
)
DAYS = 21
HORIZON_DAYS = 10
BEYOND = HORIZON_DAYS + 1
"""Days after which every event of the horizon is received where none is late."""


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
    """What the same people did, for longer, and nothing went wrong."""
    return make_world(days=DAYS + BEYOND, faults=FaultRates.none())


def files(world: World) -> dict[str, bytes]:
    """Every file of the world by its path within."""
    found = sorted(path for path in world.directory.rglob("*") if path.is_file())
    return {path.relative_to(world.directory).as_posix(): path.read_bytes() for path in found}


def raw_lines(world: World) -> list[str]:
    """Every line of every event file, first day first."""
    paths = sorted((world.directory / "events").glob("*.jsonl"))
    return [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def readable_events(world: World) -> Iterator[dict[str, Any]]:
    """The lines that are JSON objects with identifiers and properties, broken ones among them."""
    for line in raw_lines(world):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event.get("identifiers"), dict):
            yield event


def json_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
