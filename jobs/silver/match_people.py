"""Find which records of a file are the same person, by fuzzy matching. See docs/matching.md."""

from collections.abc import Sequence

from kinfold.models.matching import track_matching
from kinfold.models.tracking import open_tracking
from kinfold.runtime.job import run_job
from kinfold.runtime.session import job_session
from kinfold.silver.matching.files.command_line import parse_match_options
from kinfold.silver.matching.files.run import match_file

JOB = "silver/match_people"
EXPERIMENT = "kinfold-matching"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_match_options(JOB, argv)
    uri, name = options.tracking_uri, options.request.records.name
    tracking = open_tracking(uri, experiment=EXPERIMENT) if uri else None
    with job_session(JOB, options.env, home=options.home, is_verbose=options.is_verbose) as spark:
        matching, scores = match_file(spark, options.request)
        if tracking is not None:
            track_matching(tracking, matching, name=name, scores=scores)


if __name__ == "__main__":
    run_job(main)
