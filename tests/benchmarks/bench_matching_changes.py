"""How much of a full matching it takes to match records of which 1 % have changed.

    .venv/bin/python tests/benchmarks/bench_matching_changes.py [--records 100000] [--check]

Prints one JSON line. It matches generated records, changes 1 % of them (half have another value, a
quarter are new, a quarter are gone) and matches them with what the first run leaves to the next
one. `--check` also compares all pairs of the changed records with the same model, and the results.
"""

import json
import sys
from argparse import ArgumentParser
from random import Random
from time import monotonic
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from kinfold.core.settings.loading import project_home
from kinfold.runtime.session import job_session
from kinfold.silver.matching.engine import Matching, match
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.scored_pairs import MatchMemory
from kinfold.silver.matching.settings import MatchingSettings

KINDS = (
    Kind.GIVEN_NAME,
    Kind.SURNAME,
    Kind.BIRTH_DATE,
    Kind.POSTCODE,
    Kind.PLACE,
    Kind.EMAIL,
)
SYLLABLES = [a + b for a in "bdfgklmnprstvw" for b in ("a", "el", "in", "o", "ur", "ey")]
Row = tuple[str, ...]


def word(draw: Random, syllables: int) -> str:
    """A word of syllables, of which a few are common and many rare."""
    return "".join(SYLLABLES[int(len(SYLLABLES) * draw.random() ** 1.5)] for _ in range(syllables))


def made_person(draw: Random) -> Row:
    """Values of `KINDS`."""
    place = word(draw, 2)
    return (
        word(draw, 2),
        word(draw, 3),
        f"{draw.randint(1930, 2005)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}",
        f"{place[:2]}{draw.randint(1, 40)} {draw.randint(1, 9)}{place[-2:]}",
        place,
        f"{word(draw, 4)}{draw.randrange(99)}@mail.org",
    )


def with_error(row: Row, draw: Random) -> Row:
    """The row without one letter of one value."""
    values = list(row)
    at = draw.randrange(len(values))
    letter = draw.randrange(len(values[at]))
    values[at] = values[at][:letter] + values[at][letter + 1 :]
    return tuple(values)


def made_records(count: int, draw: Random) -> dict[str, Row]:
    """Records of people, by key; three of ten people are there twice, with an error."""
    rows: list[Row] = []
    while len(rows) < count:
        rows.append(made_person(draw))
        if draw.random() < 0.3:
            rows.append(with_error(rows[-1], draw))
    return {f"{number:09}": row for number, row in enumerate(rows[:count])}


def with_changes(records: dict[str, Row], draw: Random) -> dict[str, Row]:
    """The records after changes of 1 % of them."""
    changed = dict(records)
    share = len(records) // 400
    for key in draw.sample(sorted(changed), 2 * share):
        changed[key] = with_error(changed[key], draw)
    for key in draw.sample(sorted(changed), share):
        del changed[key]
    return changed | {f"new {number}": made_person(draw) for number in range(share)}


def matched(
    spark: SparkSession, rows: dict[str, Row], memory: MatchMemory | None
) -> tuple[Matching, float]:
    """The matching of some records, and its duration in seconds."""
    columns = ", ".join(f"v{number} string" for number in range(len(KINDS)))
    keyed = spark.createDataFrame(
        [(key, *row) for key, row in rows.items()], f"record_key string, {columns}"
    ).persist()
    keyed.count()
    started = monotonic()
    names = [str(kind) for kind in KINDS]
    matching = match(keyed, names=names, kinds=KINDS, settings=MatchingSettings(), memory=memory)
    matching.links(are_linked=True).count()
    seconds = monotonic() - started
    spark.catalog.clearCache()
    return matching, seconds


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    draw = Random(7)
    with job_session("bench_matching_changes", "local", home=project_home()) as spark:
        records = made_records(arguments.records, draw)
        full, seconds_full = matched(spark, records, None)
        assert full.memory is not None
        records = with_changes(records, draw)
        changed, seconds_changed = matched(spark, records, full.memory)
        result: dict[str, Any] = {
            "records": arguments.records,
            "pairs": full.compared_pairs,
            "pairs_after_change": changed.compared_pairs,
            "seconds": round(seconds_full, 1),
            "seconds_after_change": round(seconds_changed, 1),
            "share": round(seconds_changed / seconds_full, 3),
            "stages": full.seconds,
            "stages_after_change": changed.seconds,
        }
        if arguments.check:
            again, _ = matched(spark, records, full.memory.without_pairs())
            result["is_equal"] = np.array_equal(again.labels, changed.labels) and np.array_equal(
                again.weights, changed.weights
            )
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
