"""Land what is new in the sources in bronze.events: nothing dropped, nothing doubled.

Sources are folders of files or Kafka topics; see README, 'Your own data' and 'Streams'.
"""

from collections.abc import Sequence
from pathlib import Path

from kinfold.bronze.checkpoints.resumption import Decisions
from kinfold.bronze.events.ingestion import ingest, ingest_continuously, prepared
from kinfold.bronze.events.rejection_limit import require_accepted
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import load_source
from kinfold.core.settings.command_line import job_parser, parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.runtime.metrics.stream_metrics import stream_metrics
from kinfold.tables import bronze

JOB = "bronze/ingest_events"


def main(argv: Sequence[str] | None = None) -> None:
    parser = job_parser(JOB, __doc__ or "")
    parser.add_argument(
        "--continuous", action="store_true", help="go on until stopped (bronze.trigger_seconds)"
    )
    parser.add_argument(
        "--accept-gaps",
        action="store_true",
        help="go on behind records that are gone, see ops.gaps",
    )
    parser.add_argument(
        "--reset-checkpoint",
        action="store_true",
        help="set the checkpoint aside and go on from what has landed",
    )
    options = parse_options(JOB, argv, parser=parser)
    conf, given = options.settings.bronze, options.arguments
    sources = [load_source(f, home=options.home, given_input=i) for f, i in options.sources]
    registry = SchemaRegistry.load(Path(conf.schemas))
    decisions = Decisions(given.accept_gaps, given.reset_checkpoint)
    with open_job(JOB, options, writes=[bronze.EVENTS]) as run:
        landings = [
            prepared(run.lake, source, registry, settings=options.settings, decisions=decisions)
            for source in sources
        ]
        if given.continuous:
            with stream_metrics(options.settings.metrics) as metrics:
                ingest_continuously(landings, trigger_seconds=conf.trigger_seconds, metrics=metrics)
            for landing in landings:
                run.count(**landing.counts)
            return
        for landing in landings:
            counts = ingest(landing)
            run.count(**counts)
            require_accepted(
                run.lake,
                bronze.EVENTS,
                landing.source,
                counts,
                limit=conf.max_rejected_ratio,
                advice=f"Correct {landing.source.display_path} or the schemas in conf/schemas, then start "
                "again on another lake.",
            )
        run.is_skipped = not run.counts.get("in")


if __name__ == "__main__":
    run_job(main)
