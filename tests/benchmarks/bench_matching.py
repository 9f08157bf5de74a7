"""How many pairs of records are compared per second and core, and how long each stage takes.

    .venv/bin/python tests/benchmarks/bench_matching.py FILE MAP [--truth COLUMN] [--pattern REGEX]
    .venv/bin/python tests/benchmarks/bench_matching.py --households SEED SEED ...

Prints one JSON line. Without arguments it compares generated records. With --households it matches
generated records of 2,000 people, of whom 10 % share a household with others, with and without
birth dates, and prints a table: true and estimated precision and recall.
"""

import contextlib
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
from kinfold.silver.matching.files.run import MatchRequest, match_file
from kinfold.silver.matching.model.comparisons import levels_of
from kinfold.silver.matching.model.kinds import Kind

KINDS = (Kind.GIVEN_NAME, Kind.SURNAME, Kind.BIRTH_DATE, Kind.POSTCODE, Kind.PLACE)


def compared_per_second(pairs: int = 300_000, seed: int = 7) -> float:
    """Pairs of generated records compared per second of processor time, on one core."""
    draws = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnoprstu"))
    columns = {}
    for kind in KINDS:
        values = ["".join(draws.choice(letters, 8)) for _ in range(20_000)]
        if kind is Kind.BIRTH_DATE:
            values = [f"{draws.integers(19400101, 20100101)}" for _ in range(20_000)]
        columns[kind] = np.array(values, dtype=object)
    left, right = draws.integers(0, 20_000, pairs), draws.integers(0, 20_000, pairs)
    started = process_time()
    for kind, values in columns.items():
        levels_of(kind, values[left], values[right])
    return pairs / (process_time() - started)


def print_households(seeds: list[int]) -> None:
    """The scores of generated households, one row per seed, with and without birth dates."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from made_households import KINDS, household_records

    print("| Seed | Birth dates | precision / recall | own estimates | profiles (people) |")
    print("|---|---|---|---|---|")
    home = project_home()
    with (
        tempfile.TemporaryDirectory() as folder,
        job_session("bench_matching", "local", home=home) as spark,
    ):
        for seed in seeds:
            records = Path(folder) / "people.csv"
            household_records(seed=seed).to_csv(records, index=False)
            for has_birth_dates in (True, False):
                kinds = {c: kind for c, kind in KINDS.items() if has_birth_dates or c != "born"}
                mapping = Path(folder) / "map.yaml"
                mapping.write_text(json.dumps({"record_id": "id", "attributes": kinds}))
                request = MatchRequest(
                    records=records,
                    map_file=mapping,
                    settings_file=home / "conf" / "matching" / "settings.yaml",
                    output=Path(folder) / "out",
                    truth="person",
                )
                with contextlib.redirect_stdout(sys.stderr):
                    matching, scores = match_file(spark, request)
                own = matching.metrics()
                print(
                    f"| {seed} | {'yes' if has_birth_dates else 'no'} "
                    f"| {scores['precision']:.3f} / {scores['recall']:.3f} "
                    f"| {own['estimated_precision']:.3f} / {own['estimated_recall']:.3f} "
                    f"| {scores['profiles']:,.0f} ({scores['people']:,.0f}) |",
                    flush=True,
                )


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?")
    parser.add_argument("map", nargs="?")
    parser.add_argument("--truth")
    parser.add_argument("--pattern")
    parser.add_argument("--households", nargs="+", type=int, metavar="SEED")
    arguments = parser.parse_args()
    if arguments.households:
        print_households(arguments.households)
        return
    result: dict[str, Any] = {"made_pairs_per_second_per_core": round(compared_per_second())}
    if arguments.file:
        home = project_home()
        with (
            tempfile.TemporaryDirectory() as folder,
            job_session("bench_matching", "local", home=home) as spark,
        ):
            cores = spark.sparkContext.defaultParallelism
            request = MatchRequest(
                records=Path(arguments.file),
                map_file=Path(arguments.map),
                settings_file=home / "conf" / "matching" / "settings.yaml",
                output=Path(folder) / "out",
                truth=arguments.truth,
                truth_pattern=arguments.pattern,
            )
            matching, scores = match_file(spark, request)
            result |= {**matching.metrics(), **scores, "seconds": matching.seconds}
            result["pairs_per_second_per_core"] = round(
                len(matching.left) / matching.seconds["compare"] / cores
            )
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
