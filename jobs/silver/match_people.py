"""Find which records of a file are the same person, by fuzzy matching.

Reads a CSV or Parquet file of person records (names, birth dates, addresses, e-mails, ...) and a
map that says which column is what. Nothing has to be labelled and no threshold has to be chosen:
the job learns from the records themselves how much each agreement is worth. docs/matching.md
explains how.

A map, for a file with the columns id, first, last and born:

  record_id: id                       # optional; never used to match
  attributes:
    first: given_name                 # column: kind
    last: surname
    birthday: {column: born, kind: birth_date}

Kinds: given_name, surname, full_name, birth_date, postcode, place, address, house_number, phone,
email, gender, text, code. conf/matching/ holds more maps.

Writes to the output folder:
  people.parquet   one row per row of the input: its columns, record_key, profile_id
  links.parquet    every pair that was scored: weight, probability, status (linked, refused, review
                   or unlinked) and the reason of a refusal
  model.json       what was learnt
  report.json      counts, and estimated precision and recall

Example:
  ./spark-submit.sh jobs/silver/match_people.py --input people.csv --map map.yaml --output out

Exit code: 0 done, 2 a wrong argument, map or setting, 3 the file cannot be matched.
"""

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from kinfold.core.settings.command_line import plain_parser
from kinfold.core.settings.loading import project_home
from kinfold.models.matching import track_matching
from kinfold.models.tracking import open_tracking
from kinfold.runtime.job import run_job
from kinfold.runtime.session import job_session
from kinfold.silver.matching.files.run import match_file

JOB = "silver/match_people"
EXPERIMENT = "kinfold-matching"


def people_parser() -> ArgumentParser:
    parser = plain_parser(JOB, __doc__ or "")
    parser.add_argument(
        "--input", metavar="FILE", required=True, help="CSV or Parquet, one row per record"
    )
    parser.add_argument(
        "--map", metavar="YAML", required=True, help="which column is what (see above)"
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        required=True,
        help="folder to write; an earlier output is replaced",
    )
    parser.add_argument(
        "--truth",
        metavar="COLUMN",
        help="column with the true person, only for judging: prints one JSON line of scores",
    )
    parser.add_argument(
        "--truth-pattern",
        metavar="REGEX",
        help="if the truth is a part of the column: its first group is the person",
    )
    parser.add_argument(
        "--model", metavar="FILE", help="a model.json to use instead of learning anew"
    )
    parser.add_argument(
        "--settings",
        metavar="YAML",
        help="matching settings (default: the project's conf/matching/settings.yaml)",
    )
    parser.add_argument(
        "--tracking",
        metavar="URI",
        help="MLflow to keep the numbers in, e.g. sqlite:///mlflow.db or http://HOST:PORT: the "
        "estimates, beside the scores of --truth (default: MLFLOW_TRACKING_URI, else none)",
    )
    parser.add_argument(
        "--env", default="local", help="conf/spark/ENV.conf to use (default: local)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show Spark's own log")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    given = people_parser().parse_args(argv)
    home = project_home()
    uri = given.tracking or os.environ.get("MLFLOW_TRACKING_URI")
    tracking = open_tracking(uri, experiment=EXPERIMENT) if uri else None
    with job_session(JOB, given.env, home=home, is_verbose=given.verbose) as spark:
        matching, real = match_file(
            spark,
            Path(given.input),
            map_file=Path(given.map),
            output=Path(given.output),
            settings_file=Path(given.settings)
            if given.settings
            else home / "conf" / "matching" / "settings.yaml",
            model_file=Path(given.model) if given.model else None,
            truth=given.truth,
            truth_pattern=given.truth_pattern,
        )
        if tracking is not None:
            track_matching(tracking, matching, name=Path(given.input).name, real=real)


if __name__ == "__main__":
    run_job(main)
