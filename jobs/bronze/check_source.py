"""Show what the first records of a source would become: accepted, or rejected and why.

Nothing is written, and no lake is needed. Values are shown by their kind, not literally.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kinfold.bronze.events.source_check import checked_events, checked_records
from kinfold.bronze.records.declaration import load_record_source
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import load_source
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import run_job
from kinfold.runtime.session import job_session

JOB = "bronze/check_source"


def check_parser() -> ArgumentParser:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--rows", type=int, default=100, help="how many records (default: 100)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, parser=check_parser())
    home, count, now = options.home, options.arguments.rows, datetime.now(UTC)
    registry = SchemaRegistry.load(Path(options.settings.bronze.schemas))
    with job_session(JOB, options.env, home=home, is_verbose=options.is_verbose) as spark:
        for file, given in options.sources:
            source = load_source(file, home=home, given_input=given)
            print(*checked_events(spark, source, registry, count=count, now=now), sep="\n")
        for file, given in options.record_sources:
            records = load_record_source(file, home=home, given_input=given)
            print(*checked_records(spark, records, count=count, now=now), sep="\n")


if __name__ == "__main__":
    run_job(main)
