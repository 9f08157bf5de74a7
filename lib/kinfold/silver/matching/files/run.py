"""Matching of one file: the work of the job `match_people`."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from kinfold.core.errors import ConfError
from kinfold.core.log import counts_text, heartbeat, say
from kinfold.runtime.arrow_frames import columns_of
from kinfold.silver.matching.engine import Matching, match
from kinfold.silver.matching.files.model_files import (
    read_model,
    read_splink_model,
    require_splink_output,
    write_splink_model,
)
from kinfold.silver.matching.files.person_files import (
    MODEL_FILE,
    PersonFile,
    read_person_file,
    require_output_folder,
    true_people,
    write_json,
    write_links,
    write_people,
)
from kinfold.silver.matching.files.truth import cluster_scores
from kinfold.silver.matching.model.parameters import (
    MatchModel,
    household_weight_table,
    weight_table,
)
from kinfold.silver.matching.records import RECORD_KEY
from kinfold.silver.matching.settings import PersonMap, load_matching_settings, load_person_map

NAME = "match_people"


@dataclass(frozen=True)
class MatchRequest:
    """One file to match, and the files that decide how.

    Attributes:
        records: CSV or Parquet file, one row per record.
        map_file: YAML file that maps its columns to attributes.
        settings_file: YAML file with matching settings.
        output: folder for the results.
        model_file: model.json of an earlier run; null = learn a model.
        splink_input: settings JSON of Splink to use as the model; null = none.
        splink_output: file to write the model to, as settings JSON of Splink; null = none.
        truth: column with the true person of a record, only for scores; null = unknown.
        truth_pattern: regular expression whose first group in that column is the person; null = the
            whole column.
    """

    records: Path
    map_file: Path
    settings_file: Path
    output: Path
    model_file: Path | None = None
    splink_input: Path | None = None
    splink_output: Path | None = None
    truth: str | None = None
    truth_pattern: str | None = None


def match_file(spark: SparkSession, request: MatchRequest) -> tuple[Matching, dict[str, float]]:
    """Match a file, write the results, and log a summary; with a truth, print one JSON line.

    Returns:
        The matching, and the scores against the truth (empty without one).

    Raises:
        ConfError: a wrong argument, map or setting. Nothing was written.
        ContractError: the file cannot be matched. Nothing was written.
    """
    mapping = load_person_map(request.map_file)
    settings = load_matching_settings(request.settings_file)
    require_output_folder(request.output)
    if request.splink_output is not None:
        require_splink_output(request.splink_output)
    _require_truth_pattern(request)
    model = _known_model(request, mapping)
    with heartbeat(NAME, lambda: ""):
        file = read_person_file(spark, request.records, mapping=mapping, truth=request.truth)
        file.rows.persist()
        matching = match(
            file.keyed,
            names=list(mapping.attributes),
            kinds=mapping.kinds,
            settings=settings,
            model=model,
        )
        metrics = matching.metrics()
        scores = {} if request.truth is None else _scores(file, matching, request.truth_pattern)
        _write_results(request, mapping, file, matching, _report(matching, metrics, scores))
        file.rows.unpersist()
    _log_summary(matching, metrics, request.output)
    if scores:
        estimates = {name: v for name, v in metrics.items() if name.startswith("estimated_")}
        print(json.dumps({name: round(v, 6) for name, v in (scores | estimates).items()}))
    return matching, scores


def _require_truth_pattern(request: MatchRequest) -> None:
    pattern = request.truth_pattern
    if pattern is None:
        return
    if request.truth is None:
        raise ConfError("--truth-pattern needs --truth COLUMN: the column it is applied to.")
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ConfError(
            f"--truth-pattern {pattern}: is not a regular expression ({error})."
        ) from error
    if not groups:
        raise ConfError(f"--truth-pattern {pattern}: has no group. Write e.g. '^rec-([0-9]+)-'.")


def _known_model(request: MatchRequest, mapping: PersonMap) -> MatchModel | None:
    if request.model_file is not None and request.splink_input is not None:
        raise ConfError("--model and --import-splink both name a model. Use one of them.")
    if request.splink_input is not None:
        return read_splink_model(request.splink_input, mapping)
    return None if request.model_file is None else read_model(request.model_file, mapping)


def _scores(file: PersonFile, matching: Matching, pattern: str | None) -> dict[str, float]:
    people = columns_of(true_people(file, pattern=pattern))
    if not len(people["person"]):
        raise ConfError(
            "--truth: no record names a person in that column (after --truth-pattern, if given). "
            "Check both."
        )
    order = np.argsort(matching.record_keys)
    record_nos = order[np.searchsorted(matching.record_keys[order], people[RECORD_KEY])]
    persons = np.unique(people["person"].astype(str), return_inverse=True)[1]
    return cluster_scores(persons, matching.labels[record_nos])


def _write_results(
    request: MatchRequest,
    mapping: PersonMap,
    file: PersonFile,
    matching: Matching,
    report: dict[str, Any],
) -> None:
    request.output.mkdir(parents=True, exist_ok=True)
    (request.output / MODEL_FILE).write_text(matching.model.to_json() + "\n", encoding="utf-8")
    write_people(request.output, file, matching.profiles())
    write_links(request.output, matching.links())
    write_json(request.output / "report.json", report)
    if request.splink_output is not None:
        write_splink_model(request.splink_output, matching.model, mapping)


def _report(
    matching: Matching, metrics: dict[str, float], scores: dict[str, float]
) -> dict[str, Any]:
    return {
        "metrics": metrics,
        "against_truth": scores,
        "seconds": {stage: round(seconds, 2) for stage, seconds in matching.seconds.items()},
        "blocks": {
            "by_number_of_keys": matching.blocking.blocks,
            "largest": matching.blocking.largest,
            "above_max_block_size": matching.blocking.oversize,
            "crowded_records": matching.blocking.crowded_records,
            "pairs_not_compared_at_most": matching.blocking.pairs_not_compared,
            "unknown_matches": round(matching.unknown_matches, 1),
        },
        "model_version": matching.model.version,
        "weights_in_bits": weight_table(matching.model),
        "household_weights_in_bits": household_weight_table(matching.model),
    }


def _log_summary(matching: Matching, metrics: dict[str, float], output: Path) -> None:
    shown = {k: metrics[k] for k in ("records", "pairs_scored", "profiles", "largest_profile")}
    say(f"  {NAME}: {counts_text(shown)}; model {matching.model.version}; {output}")
    blocking = matching.blocking
    if blocking.crowded:
        say(
            f"    {blocking.crowded:,} blocks still had more than "
            f"{matching.settings.blocking.max_block_size} records after every division. Of their "
            f"{blocking.crowded_records:,} records only neighbours were compared: up to "
            f"{blocking.pairs_not_compared:,} pairs are unknown, and the estimated recall counts "
            f"{matching.unknown_matches:,.0f} missed matches among them"
        )
    say(
        f"    estimated by the model: precision {metrics['estimated_precision']:.3f}, recall "
        f"{metrics['estimated_recall']:.3f} over pairs; {metrics['estimated_blocking_recall']:.3f} "
        "of the pairs inside profiles share a blocking key"
    )
