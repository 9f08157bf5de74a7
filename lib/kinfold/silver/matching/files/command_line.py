"""The command line of the job `match_people`."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinfold.core.settings.command_line import plain_parser
from kinfold.core.settings.loading import mlflow_tracking_uri, project_home
from kinfold.silver.matching.files.run import MatchRequest

DESCRIPTION = """\
Find which records of a file are the same person, by fuzzy matching.

Reads a CSV or Parquet file of person records (names, birth dates, addresses, e-mails, ...) and a
map that declares the kind of each column. No labels and no threshold are needed: the job learns
from the records themselves how much each agreement is worth. docs/matching.md explains how.

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
  links.parquet    every scored pair: weight, probability, status (linked, refused, review or
                   unlinked) and the reason of a refusal
  model.json       the model
  report.json      counts, and estimated precision and recall

Example:
  ./spark-submit.sh jobs/silver/match_people.py --input people.csv --map map.yaml --output out

Exit code: 0 done, 2 a wrong argument, map or setting, 3 the file cannot be matched.
"""


@dataclass(frozen=True)
class MatchOptions:
    """The command line of one run.

    Attributes:
        tracking_uri: MLflow's tracking URI; null = the run is not tracked.
        env: name of the Spark settings in conf/spark/.
    """

    request: MatchRequest
    tracking_uri: str | None
    env: str
    home: Path
    is_verbose: bool


def parse_match_options(job: str, argv: Sequence[str] | None = None) -> MatchOptions:
    """The options of one run.

    Raises:
        ConfError: an unknown or missing argument.
    """
    arguments = _parser(job).parse_args(argv)
    home = project_home()
    request = MatchRequest(
        records=Path(arguments.input),
        map_file=Path(arguments.map),
        settings_file=_path(arguments.settings) or home / "conf" / "matching" / "settings.yaml",
        output=Path(arguments.output),
        model_file=_path(arguments.model),
        splink_input=_path(arguments.import_splink),
        splink_output=_path(arguments.export_splink),
        truth=arguments.truth,
        truth_pattern=arguments.truth_pattern,
    )
    return MatchOptions(
        request=request,
        tracking_uri=arguments.tracking or mlflow_tracking_uri(),
        env=arguments.env,
        home=home,
        is_verbose=arguments.verbose,
    )


def _parser(job: str) -> ArgumentParser:
    parser = plain_parser(job, DESCRIPTION)
    parser.add_argument(
        "--input", metavar="FILE", required=True, help="CSV or Parquet, one row per record"
    )
    parser.add_argument(
        "--map", metavar="YAML", required=True, help="the kind of each column (see above)"
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
        help="column with the true person, only for scores: prints them as one JSON line",
    )
    parser.add_argument(
        "--truth-pattern",
        metavar="REGEX",
        help="if the truth is a part of the column: its first group is the person",
    )
    parser.add_argument(
        "--model", metavar="FILE", help="a model.json to use; without it, a model is learnt"
    )
    parser.add_argument(
        "--import-splink",
        metavar="FILE",
        help="a model that Splink saved (save_model_to_json), to use instead of learning one",
    )
    parser.add_argument(
        "--export-splink",
        metavar="FILE",
        help="file to write the model to, as settings JSON of Splink; an earlier one is replaced",
    )
    parser.add_argument(
        "--settings",
        metavar="YAML",
        help="matching settings (default: the project's conf/matching/settings.yaml)",
    )
    parser.add_argument(
        "--tracking",
        metavar="URI",
        help="MLflow to log the metrics to, e.g. sqlite:///mlflow.db or http://HOST:PORT: the "
        "estimates, and the scores of --truth (default: MLFLOW_TRACKING_URI, else none)",
    )
    parser.add_argument(
        "--env", default="local", help="conf/spark/ENV.conf to use (default: local)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show Spark's own log")
    return parser


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
