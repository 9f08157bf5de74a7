"""Keep tables fast and small: join small files, remove deleted rows, delete files nobody needs.

Each step is done only where a table needs it (settings `maintenance`), see docs/operations.md. It
changes no row. Files that a reader, a stopped stream or a job may still need are kept.
"""

from collections.abc import Sequence

from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.governance.maintenance import maintain, tables_named
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import registry

JOB = "governance/maintain_tables"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument(
        "--table", action="append", default=[], metavar="NAME", help="only this table (repeatable)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what the tables need, and change nothing"
    )
    options = parse_options(JOB, argv, parser=parser)
    tables = tables_named(options.arguments.table, registry.ALL)
    is_dry = options.arguments.dry_run
    with open_job(JOB, options) as run:
        maintain(run, tables, options.settings.maintenance, is_dry=is_dry)
        if is_dry:
            run.end_dry()


if __name__ == "__main__":
    run_job(main)
