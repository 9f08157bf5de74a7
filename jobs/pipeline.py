"""Run all jobs in order: land, cleanse, resolve, build, train, score, check, report.

Each step is a job that also runs alone. A step whose inputs are unchanged does nothing, so a second
run processes only new records.
"""

from collections.abc import Sequence

from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.models import tracking
from kinfold.quality import gate
from kinfold.runtime.job import run_job
from kinfold.runtime.suite import Step, run_suite

JOB = "pipeline"
STEPS = (
    Step("bronze/ingest_events"),
    Step("bronze/ingest_records"),
    Step("silver/clean_events"),
    Step("silver/clean_records"),
    Step("silver/resolve_identities"),
    Step("silver/build_orders"),
    Step("silver/build_profiles"),
    Step("gold/build_features"),
    Step("gold/train_segments", may_lack_data=True),
    Step("gold/assign_segments", may_lack_data=True),
    Step("gold/train_propensity", may_lack_data=True),
    Step("gold/score_propensity", may_lack_data=True),
    Step("governance/check_ledger"),
    Step("governance/write_data_docs"),
)


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument("--summary", metavar="FILE", help="also write the summary as JSON")
    parser.add_argument("--truth", metavar="DIR", help="truth folder of a generated world")
    options = parse_options(JOB, argv, parser=parser)
    of_report = {"--summary": options.arguments.summary, "--truth": options.arguments.truth}
    report = [text for name, value in of_report.items() if value for text in (name, value)]
    preloads = (gate.load_great_expectations, tracking.load_mlflow)
    last = [
        Step("governance/write_report", arguments=tuple(report)),
        Step("governance/check_freshness"),  # last: a stale source must not stop other steps
    ]
    run_suite(options, __file__, [*STEPS, *last], preloads=preloads)


if __name__ == "__main__":
    run_job(main)
