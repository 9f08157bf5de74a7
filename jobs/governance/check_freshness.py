"""Measure the freshness of each source, store it in ops.freshness, and fail for stale sources."""

from collections.abc import Sequence
from datetime import UTC, datetime

from kinfold.bronze.sources.declaration import load_source
from kinfold.core.settings.command_line import job_parser, parse_moment, parse_options
from kinfold.governance.freshness import (
    append_freshness,
    measured_freshness,
    require_fresh,
    set_freshness_metrics,
)
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import bronze, ops

JOB = "governance/check_freshness"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument(
        "--at", metavar="TIME", help="the moment of the measurement, ISO 8601 (default: now)"
    )
    options = parse_options(JOB, argv, parser=parser)
    at_text = options.arguments.at
    moment = parse_moment(at_text, option="--at") if at_text else None
    declared = [load_source(f, home=options.home, given_input=i or "-") for f, i in options.sources]
    targets = {source.name: source.freshness for source in declared if source.freshness}
    with open_job(JOB, options, reads=[bronze.EVENTS, ops.BATCHES], writes=[ops.FRESHNESS]) as run:
        if run.is_without_input or (not targets and not moment and run.is_up_to_date):
            return  # no new records, and no target to check
        version = run.inputs[bronze.EVENTS.name]
        states = measured_freshness(
            run.lake,
            targets,
            at=moment or run.lake.started_at,
            bronze_version=version,
            batches=run.read(ops.BATCHES),
            read_at=moment or datetime.now(UTC),
            is_same_table=not run.is_rebuild,
        )
        append_freshness(run.lake, states, bronze_version=version)
        set_freshness_metrics(run.metrics, states)
        run.note(*(state.summary_line for state in states))
        run.count(sources=len(states), records=sum(state.records for state in states))
    require_fresh(states)  # after the measurement is stored and published


if __name__ == "__main__":
    run_job(main)
