"""Land new files of the sources in bronze.events: nothing dropped, nothing doubled."""

from collections.abc import Sequence
from pathlib import Path

from kinfold.bronze.ingestion import ingest, require_accepted
from kinfold.bronze.json_schema import SchemaRegistry
from kinfold.bronze.sources import load_source
from kinfold.core.conf import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import bronze

JOB = "bronze/ingest_events"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    conf = options.settings.bronze
    sources = [load_source(f, home=options.home, given_input=i) for f, i in options.sources]
    registry = SchemaRegistry.load(Path(conf.schemas))
    with open_job(JOB, options, writes=[bronze.EVENTS]) as run:
        for source in sources:
            counts = ingest(run.lake, source, registry, files_per_batch=conf.files_per_batch)
            run.count(**counts)
            require_accepted(run.lake, source, counts, limit=conf.max_rejected_ratio)
        run.is_skipped = not run.counts["in"]


if __name__ == "__main__":
    run_job(main)
