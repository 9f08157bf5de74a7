"""Fixtures that run a job's `main` on a small input."""

from collections.abc import Callable

import pytest

from kinfold.runtime.suite import load_main
from project import HOME


@pytest.fixture
def run(spark, lake_root) -> Callable[..., None]:
    """`run(job, *argv)` runs a job on the test's own lake."""

    def run_job(job: str, *argv: str) -> None:
        load_main(HOME / "jobs" / f"{job}.py")(["--set", f"lake.root={lake_root}", *argv])

    return run_job


@pytest.fixture
def source(tmp_path) -> Callable[..., list[str]]:
    """`source(text, data)` writes a source file and its input, and returns the job's arguments."""

    def write_source(text: str, data: str, name: str = "shop") -> list[str]:
        file, folder = tmp_path / f"{name}.yaml", tmp_path / f"{name}-data"
        file.write_text(text, encoding="utf-8")
        folder.mkdir(exist_ok=True)
        (folder / "part-1").write_text(data, encoding="utf-8")
        return ["--source", str(file), "--input", str(folder)]

    return write_source
