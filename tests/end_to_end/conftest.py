"""A small generated world and its lake; the pipeline runs once for all tests of this folder."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from kinfold.runtime.lake.lake import Lake
from kinfold.runtime.suite import load_main
from kinfold.synthetic.world.generation import World, write_world
from project import HOME

SIZE = dict(people=300, seed=11)


@dataclass
class Demo:
    """A generated world, its lake, and methods to run the pipeline and jobs on them."""

    spark: SparkSession
    world: World
    root: Path

    @property
    def lake(self) -> Lake:
        return Lake(self.spark, str(self.root), "test", datetime(2026, 11, 1, tzinfo=UTC))

    @property
    def argv(self) -> list[str]:
        """The arguments of a run: both sources of the world, and this lake."""
        return [
            *("--set", f"lake.root={self.root}"),
            *("--set", "propensity.trees=5"),
            *("--source", str(HOME / "conf" / "sources" / "world_events.yaml")),
            *("--input", str(self.world.directory / "events")),
            *("--source", str(HOME / "conf" / "sources" / "world_crm.yaml")),
            *("--input", str(self.world.directory / "crm")),
        ]

    def run(self) -> dict[str, Any]:
        """Run the pipeline and return its summary."""
        summary = self.root.parent / "summary.json"
        truth = self.world.directory / "truth"
        load_main(HOME / "jobs" / "pipeline.py")(
            [*self.argv, "--summary", str(summary), "--truth", str(truth)]
        )
        numbers: dict[str, Any] = json.loads(summary.read_text())
        return numbers

    def run_job(self, job: str) -> None:
        load_main(HOME / "jobs" / f"{job}.py")(self.argv)


@pytest.fixture(scope="session")
def demo(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    world = write_world(spark, folder / "world", days=120, **SIZE)
    return Demo(spark, world, folder / "lake")


@pytest.fixture(scope="session")
def summary(demo: Demo) -> dict[str, Any]:
    """The summary of the first run. test_online_retail runs the pipeline with generated code."""
    return demo.run()
