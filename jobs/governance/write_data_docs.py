"""Write Data Docs: pages of Great Expectations with the latest verdicts on each table."""

from collections.abc import Sequence

from kinfold.core.log import say
from kinfold.core.settings.command_line import parse_options
from kinfold.quality.data_docs import INDEX, latest_verdicts, verdicts_by_table, write_data_docs
from kinfold.reporting.page import DATA_DOCS, report_folder
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import ops, registry
from kinfold.tables.collected import collected

JOB = "governance/write_data_docs"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    folder = report_folder(options.settings) / DATA_DOCS
    with open_job(JOB, options, reads=[ops.QUALITY_RESULTS]) as run:
        if run.is_up_to_date and (folder / INDEX).exists():
            return
        latest = collected(latest_verdicts(run.read(ops.QUALITY_RESULTS)))
        verdicts = verdicts_by_table([row.asDict() for row in latest], registry.ALL)
        page = write_data_docs(verdicts, folder=folder)
        run.count(tables=len(verdicts), rules=len(latest))
    say(f"Data Docs: {page}")


if __name__ == "__main__":
    run_job(main)
