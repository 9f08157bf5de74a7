"""Land new extracts of batch sources (CRM, partner, vendor) in bronze.records.

Batch sources are declared in conf/records; see docs/records.md.
"""

from collections.abc import Sequence

from kinfold.bronze.events.rejection_limit import require_accepted_records
from kinfold.bronze.records.declaration import load_record_source
from kinfold.bronze.records.expiry import delete_expired
from kinfold.bronze.records.landing import land_records
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import bronze

JOB = "bronze/ingest_records"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument(
        "--accept-shrink",
        action="store_true",
        help="accept a snapshot that leaves out more than records.max_shrink_ratio",
    )
    options = parse_options(JOB, argv, parser=parser)
    settings, home = options.settings, options.home
    sources = [load_record_source(f, home=home, given_input=i) for f, i in options.record_sources]
    with open_job(JOB, options, writes=[bronze.RECORDS]) as run:
        for source in sources:
            counts = land_records(
                run.lake,
                source,
                max_shrink_ratio=settings.records.max_shrink_ratio,
                may_shrink=options.arguments.accept_shrink,
            )
            run.count(**counts)
            limit = settings.bronze.max_rejected_ratio
            require_accepted_records(run.lake, source, counts, limit=limit)
        run.count(**delete_expired(run.lake))
        if options.sources and not sources and options.arguments.source:
            run.note("no --source is a batch source; ingest_events reads the sources of events")
        run.is_skipped = not run.counts


if __name__ == "__main__":
    run_job(main)
