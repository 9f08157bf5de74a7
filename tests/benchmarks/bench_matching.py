"""How many pairs of records are compared per second and core, and how long each stage takes.

    .venv/bin/python tests/benchmarks/bench_matching.py FILE MAP [--truth COLUMN] [--pattern REGEX]

Prints one JSON line. Without arguments it compares made records, which needs no data.
"""

import json
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from kinfold.core.settings.loading import project_home
from kinfold.runtime.session import job_session
from kinfold.silver.matching.files.run import match_file
from kinfold.silver.matching.model.comparisons import levels_of
from kinfold.silver.matching.model.kinds import Kind

KINDS = (Kind.GIVEN_NAME, Kind.SURNAME, Kind.BIRTH_DATE, Kind.POSTCODE, Kind.PLACE)


def compared_per_second(pairs: int = 300_000, seed: int = 7) -> float:
    """Pairs of made records compared per second of processor time, on one core."""
    draws = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnoprstu"))
    columns = {}
    for kind in KINDS:
        values = ["".join(draws.choice(letters, 8)) for _ in range(20_000)]
        if kind is Kind.BIRTH_DATE:
            values = [f"{draws.integers(19400101, 20100101)}" for _ in range(20_000)]
        columns[kind] = np.array(values, dtype=object)
    left, right = draws.integers(0, 20_000, pairs), draws.integers(0, 20_000, pairs)
    begun = process_time()
    for kind, values in columns.items():
        levels_of(kind, values[left], values[right])
    return pairs / (process_time() - begun)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?")
    parser.add_argument("map", nargs="?")
    parser.add_argument("--truth")
    parser.add_argument("--pattern")
    given = parser.parse_args()
    result: dict[str, Any] = {"made_pairs_per_second_per_core": round(compared_per_second())}
    if given.file:
        home = project_home()
        with (
            tempfile.TemporaryDirectory() as folder,
            job_session("bench_matching", "local", home=home) as spark,
        ):
            cores = spark.sparkContext.defaultParallelism
            output = Path(folder) / "out"
            matching, real = match_file(
                spark,
                Path(given.file),
                map_file=Path(given.map),
                output=output,
                settings_file=home / "conf" / "matching" / "settings.yaml",
                truth=given.truth,
                truth_pattern=given.pattern,
            )
            result |= {**matching.metrics(), **real, "seconds": matching.seconds}
            result["pairs_per_second_per_core"] = round(
                len(matching.left) / matching.seconds["compare"] / cores
            )
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
