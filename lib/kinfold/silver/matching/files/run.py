"""Matching one file: what the job `match_people` does."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from kinfold.core.errors import ConfError
from kinfold.core.log import counts_text, heartbeat, say
from kinfold.silver.matching.arrays import arrays_of
from kinfold.silver.matching.engine import Matching, match
from kinfold.silver.matching.files.person_files import (
    MARKER,
    PersonFile,
    read_person_file,
    require_output_folder,
    true_people,
    write_json,
    write_links,
    write_people,
)
from kinfold.silver.matching.files.truth import cluster_scores
from kinfold.silver.matching.model.parameters import MatchModel, as_record
from kinfold.silver.matching.records import RECORD_KEY
from kinfold.silver.matching.settings import load_matching_settings, load_person_map

NAME = "match_people"


def match_file(
    spark: SparkSession,
    path: Path,
    *,
    map_file: Path,
    output: Path,
    settings_file: Path,
    model_file: Path | None = None,
    truth: str | None = None,
    truth_pattern: str | None = None,
) -> tuple[Matching, dict[str, float]]:
    """Match a file, write the outcome, say how it went; with a truth print one JSON line.

    Returns:
        The matching, and the scores against the truth (empty without one).

    Raises:
        ConfError: a wrong argument, map or setting. Nothing was written.
        ContractError: the file cannot be matched. Nothing was written.
    """
    mapping, settings = load_person_map(map_file), load_matching_settings(settings_file)
    require_output_folder(output)
    pattern = _checked(truth_pattern, truth)
    model = None if model_file is None else _loaded(model_file, mapping.kinds)
    with heartbeat(NAME, lambda: ""):
        file = read_person_file(spark, path, mapping=mapping, truth=truth)
        file.rows.persist()
        matching = match(
            file.keyed,
            names=list(mapping.attributes),
            kinds=mapping.kinds,
            settings=settings,
            model=model,
        )
        numbers = matching.metrics()
        real = {} if truth is None else _real_scores(file, matching, pattern)
        output.mkdir(parents=True, exist_ok=True)
        (output / MARKER).write_text(matching.model.to_json() + "\n", encoding="utf-8")
        write_people(output, file, matching.profiles())
        write_links(output, matching.links())
        write_json(output / "report.json", _report(matching, numbers, real))
        file.rows.unpersist()
    _tell(matching, numbers, output)
    if real:
        print(
            json.dumps(
                {name: round(value, 6) for name, value in (real | _estimates(numbers)).items()}
            )
        )
    return matching, real


def _checked(pattern: str | None, truth: str | None) -> str | None:
    if pattern is None:
        return None
    if truth is None:
        raise ConfError("--truth-pattern needs --truth COLUMN: the column it is applied to.")
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ConfError(
            f"--truth-pattern {pattern}: is no regular expression ({error})."
        ) from error
    if not groups:
        raise ConfError(f"--truth-pattern {pattern}: has no group. Write e.g. '^rec-([0-9]+)-'.")
    return pattern


def _loaded(path: Path, kinds: tuple[Any, ...]) -> MatchModel:
    if not path.is_file():
        raise ConfError(f"--model {path}: does not exist. Name a model.json of an earlier run.")
    model = MatchModel.from_json(path.read_text(encoding="utf-8"))
    if model.kinds != kinds:
        raise ConfError(
            f"--model {path}: was learnt for the kinds {', '.join(model.kinds)}, the map has "
            f"{', '.join(kinds)}. Use a model of this map, or learn anew."
        )
    return model


def _real_scores(file: PersonFile, matching: Matching, pattern: str | None) -> dict[str, float]:
    people = arrays_of(true_people(file, pattern=pattern))
    if not len(people["person"]):
        raise ConfError(
            "--truth: no record names a person in that column (after --truth-pattern, if given). "
            "Check both."
        )
    place = np.argsort(matching.record_keys)
    where = place[np.searchsorted(matching.record_keys[place], people[RECORD_KEY])]
    persons = np.unique(people["person"].astype(str), return_inverse=True)[1]
    return cluster_scores(persons, matching.labels[where])


def _estimates(numbers: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if name.startswith("estimated_")}


def _report(
    matching: Matching, numbers: dict[str, float], real: dict[str, float]
) -> dict[str, Any]:
    return {
        "metrics": numbers,
        "against_truth": real,
        "seconds": {stage: round(taken, 2) for stage, taken in matching.seconds.items()},
        "blocks": {
            "by_number_of_keys": matching.blocking.blocks,
            "largest": matching.blocking.largest,
            "above_max_block_size": matching.blocking.oversize,
        },
        "model_version": matching.model.version,
        "weights_in_bits": as_record(matching.model),
    }


def _tell(matching: Matching, numbers: dict[str, float], output: Path) -> None:
    shown = {k: numbers[k] for k in ("records", "pairs_scored", "profiles", "largest_profile")}
    say(f"  {NAME}: {counts_text(shown)}; model {matching.model.version}; {output}")
    if matching.blocking.dropped:
        say(
            f"    {matching.blocking.dropped:,} blocks stayed above "
            f"{matching.settings.blocking.max_block_size} records however they were divided (the "
            f"largest block had {matching.blocking.largest_block:,}); their records were compared "
            "only where another key brought them together"
        )
    say(
        f"    by the model's own account: precision {numbers['estimated_precision']:.3f}, recall "
        f"{numbers['estimated_recall']:.3f} over pairs; {numbers['estimated_blocking_recall']:.3f} "
        "of the pairs inside profiles shared a blocking key"
    )
