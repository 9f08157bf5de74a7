"""Print the summary of a lake and write its report: one page with numbers and pictures."""

import json
from collections.abc import Sequence
from pathlib import Path

from kinfold.core.log import say
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.gold.features.moments import newest_moment
from kinfold.models.placement import tracking_of
from kinfold.reporting.page import (
    PAGE,
    figures_of,
    read_report,
    report_folder,
    write_report,
    write_whole,
)
from kinfold.reporting.summary import Models, as_text, summarised
from kinfold.reporting.truth import load_truth
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import gold, ops, registry

JOB = "governance/write_report"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--summary", metavar="FILE", help="also write the summary as JSON")
    parser.add_argument("--truth", metavar="DIR", help="truth folder of a generated world")
    options = parse_options(JOB, argv, parser=parser)
    settings, arguments = options.settings, options.arguments
    folder = report_folder(settings)
    with open_job(
        JOB,
        options,
        reads=[gold.FEATURES],
        reads_if_exists=[*registry.PUBLISHED, ops.BATCHES, ops.QUALITY_RESULTS],
        depends_on=[settings.segmentation, settings.propensity, str(folder), str(arguments.truth)],
    ) as run:
        summary = read_report(folder)
        if summary is None or not run.is_up_to_date:
            tracking = tracking_of(settings)
            summary = summarised(
                run.lake,
                as_of=newest_moment(run.read(gold.FEATURES)),
                tracking=tracking,
                models=Models(settings.segmentation.model, settings.propensity.model),
                truth=load_truth(Path(arguments.truth)) if arguments.truth else None,
            )
            write_report(summary, figures_of(summary, tracking), folder=folder)
        if arguments.summary:
            write_whole(Path(arguments.summary), json.dumps(summary, indent=1))
    print(as_text(summary))
    say(f"\nReport: {folder / PAGE}")


if __name__ == "__main__":
    run_job(main)
