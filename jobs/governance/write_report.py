"""Print the summary of a lake and write its report: one page with numbers and pictures."""

import json
from collections.abc import Sequence
from pathlib import Path

from kinfold.core.conf import job_parser, parse_options
from kinfold.core.log import say
from kinfold.gold.features.moments import newest_moment
from kinfold.models.placement import tracking_of
from kinfold.reporting.page import figures_of, report_folder, write_report, write_whole
from kinfold.reporting.summary import Models, as_text, summarised
from kinfold.reporting.truth import load_truth
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import gold

JOB = "governance/write_report"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--summary", metavar="FILE", help="also write the summary as JSON")
    parser.add_argument("--truth", metavar="DIR", help="truth folder of a generated world")
    options = parse_options(JOB, argv, parser=parser)
    settings, arguments = options.settings, options.arguments
    truth = load_truth(Path(arguments.truth)) if arguments.truth else None
    with open_job(JOB, options, reads=[gold.FEATURES]) as run:
        tracking = tracking_of(settings)
        summary = summarised(
            run.lake,
            as_of=newest_moment(run.read(gold.FEATURES)),
            tracking=tracking,
            models=Models(settings.segmentation.model, settings.propensity.model),
            truth=truth,
        )
        figures = figures_of(summary, tracking)
        page = write_report(summary, figures, folder=report_folder(settings))
        if arguments.summary:
            write_whole(Path(arguments.summary), json.dumps(summary, indent=1))
    print(as_text(summary))
    say(f"\nReport: {page}")


if __name__ == "__main__":
    run_job(main)
