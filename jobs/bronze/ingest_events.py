"""Land new records of the event sources in bronze.events. None is dropped, none lands twice.

Sources are folders of files or Kafka topics; see README, 'Your own data'.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from kinfold.bronze.checkpoints.resumption import Decisions
from kinfold.bronze.events.ingestion import ingest, ingest_continuously, prepared
from kinfold.bronze.events.rejection_limit import require_accepted_events
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import load_source
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.runtime.metrics.stream_metrics import stream_metrics
from kinfold.tables import bronze

JOB = "bronze/ingest_events"
FLAGS = {
    "--continuous": "run until stopped (bronze.trigger_seconds)",
    "--accept-gaps": "continue after records that were lost before they were read, see ops.gaps",
    "--reset-checkpoint": "retire the checkpoint and continue after what has landed",
}


def event_parser() -> ArgumentParser:
    parser = job_parser(JOB, __doc__ or "")
    for flag, text in FLAGS.items():
        parser.add_argument(flag, action="store_true", help=text)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, parser=event_parser())
    settings, given = options.settings, options.arguments
    sources = [load_source(f, home=options.home, given_input=i) for f, i in options.sources]
    registry = SchemaRegistry.load(Path(settings.bronze.schemas))
    decisions = Decisions(given.accept_gaps, given.reset_checkpoint)
    with open_job(JOB, options, writes=[bronze.EVENTS]) as run:
        landings = [
            prepared(run.lake, source, registry, settings=settings, decisions=decisions)
            for source in sources
        ]
        if given.continuous:
            with stream_metrics(settings.metrics) as metrics:
                trigger_seconds = settings.bronze.trigger_seconds
                ingest_continuously(landings, trigger_seconds=trigger_seconds, metrics=metrics)
            for landing in landings:
                run.count(**landing.counts)
            return
        for landing in landings:
            counts = ingest(landing)
            run.count(**counts)
            limit = settings.bronze.max_rejected_ratio
            require_accepted_events(run.lake, landing.source, counts, limit=limit)
        run.is_skipped = not run.counts.get("in")


if __name__ == "__main__":
    run_job(main)
