"""Check every conservation law of the ledger against the tables.

Only rows that have changed since the last check are read, and added to its counts.
"""

from collections.abc import Sequence

from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.governance.ledger import (
    count_verified,
    ledger_laws,
    require_laws_hold,
    set_ledger_metrics,
)
from kinfold.governance.table_counts import (
    CHECK,
    LEDGER_TABLES,
    table_counts,
    verified_rows,
)
from kinfold.runtime.job import open_job, run_job

JOB = CHECK


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument(
        "--all", action="store_true", help="count all rows of the tables, not only changed ones"
    )
    options = parse_options(JOB, argv, parser=parser)
    ledger, *others = LEDGER_TABLES
    with open_job(JOB, options, reads=[ledger], reads_if_exists=others) as run:
        counts_all = options.arguments.all
        if not counts_all and run.is_up_to_date:
            return
        verified = None if counts_all else verified_rows(run.lake, run.inputs)
        tables = table_counts(run.lake, run.inputs, verified=verified)
        laws = ledger_laws(run.lake, tables)
        set_ledger_metrics(run.lake, tables.batches, laws)
        require_laws_hold(laws)
        run.count(laws_kept=len(laws))
        count_verified(run, tables)


if __name__ == "__main__":
    run_job(main)
