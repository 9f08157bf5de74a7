"""Check every conservation law of the ledger against the tables."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.governance.ledger import ledger_laws, require_laws_hold, set_ledger_metrics
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import bronze, ops, silver

JOB = "governance/check_ledger"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    with open_job(
        JOB,
        options,
        reads=[ops.BATCHES, bronze.EVENTS, silver.EVENTS],
        reads_if_exists=[bronze.RECORDS],
    ) as run:
        if run.is_up_to_date:
            return
        laws = ledger_laws(run.lake)
        set_ledger_metrics(run.lake, laws)
        require_laws_hold(laws)
        run.count(laws_kept=len(laws))


if __name__ == "__main__":
    run_job(main)
