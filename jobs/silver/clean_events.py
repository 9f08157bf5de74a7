"""Type, cleanse and deduplicate what is new in bronze.events into silver.events."""

from collections.abc import Sequence
from datetime import timedelta

from kinfold.core.settings.command_line import parse_options
from kinfold.governance.ledger import record_silver_batch
from kinfold.runtime.job import open_job, run_job
from kinfold.runtime.lake.tables import Near
from kinfold.silver.cleansing.conservation import conservation
from kinfold.silver.cleansing.events import accepted_records, cleansed_events
from kinfold.silver.cleansing.identifiers import Spelling
from kinfold.tables import bronze, silver

JOB = "silver/clean_events"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    conf, how_late = options.settings.identity, options.settings.events
    with open_job(
        JOB,
        options,
        reads=[bronze.EVENTS],
        writes=[silver.EVENTS],
        depends_on=[repr(Spelling.of(conf)), how_late],
    ) as run:
        if run.is_up_to_date:
            return
        records = accepted_records(run.changes(bronze.EVENTS))
        events = cleansed_events(
            records,
            spelling=Spelling.of(conf),
            late_after=timedelta(hours=how_late.late_after_hours),
        )
        days = how_late.duplicates_within_days
        near = Near("occurred_at", timedelta(days=days)) if days else None
        run.publish_new(silver.EVENTS, events, near=near)
        outcome = conservation(
            records, run.lake.read(silver.EVENTS), run.lake.quarantined(silver.EVENTS)
        )
        run.count(
            accepted=outcome.accepted,
            new=outcome.added,
            late=outcome.late,
            duplicates=outcome.duplicates,
            quarantined=outcome.quarantined,
        )
        record_silver_batch(
            run,
            accepted=outcome.accepted,
            added=outcome.added,
            late=outcome.late,
            duplicates=outcome.duplicates,
            quarantined=outcome.quarantined,
        )


if __name__ == "__main__":
    run_job(main)
