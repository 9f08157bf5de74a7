"""Print the summary of a lake and write its report: one HTML page with numbers and charts."""

from collections.abc import Sequence
from pathlib import Path

from kinfold.core.log import say
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.models.placement import tracking_of
from kinfold.reporting.page import (
    PAGE_FILE,
    read_summary,
    report_figures,
    report_folder,
    write_report,
    write_summary,
)
from kinfold.reporting.summary import (
    lake_summary,
    summary_moment,
    summary_of_run,
    summary_text,
)
from kinfold.reporting.truth import load_truth
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import gold, ops, registry

JOB = "governance/write_report"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--summary", metavar="FILE", help="also write the summary as JSON")
    parser.add_argument(
        "--truth", metavar="DIR", help="truth folder of a generated world, to compare with"
    )
    options = parse_options(JOB, argv, parser=parser)
    settings, arguments = options.settings, options.arguments
    folder = report_folder(settings)
    with open_job(
        JOB,
        options,
        reads=[gold.FEATURES],
        reads_if_exists=[*registry.PUBLISHED, ops.BATCHES, ops.QUALITY_RESULTS],
        depends_on=[settings.segmentation, settings.propensity, str(folder), str(arguments.truth)],
        rules=["kinfold.reporting"],
        needs_events=False,
    ) as run:
        summary = read_summary(folder)
        if summary is None or not run.is_up_to_date:
            tracking = tracking_of(settings)
            summary = lake_summary(
                run.lake,
                as_of=summary_moment(run),
                tracking=tracking,
                settings=settings,
                truth=load_truth(Path(arguments.truth)) if arguments.truth else None,
            )
            write_report(summary, report_figures(summary, tracking), folder=folder)
        summary = summary_of_run(summary, run.lake)
        if arguments.summary:
            write_summary(summary, Path(arguments.summary))
    print(summary_text(summary))
    say(f"\nReport: {folder / PAGE_FILE}")


if __name__ == "__main__":
    run_job(main)
