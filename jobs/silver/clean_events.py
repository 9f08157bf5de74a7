"""Type, cleanse and deduplicate the new rows of bronze.events into silver.events."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from kinfold.core.settings.command_line import parse_options
from kinfold.governance.ledger import record_silver_batch
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.cleansing.conservation import conservation
from kinfold.silver.cleansing.duplicates import possible_originals
from kinfold.silver.cleansing.events import accepted_records, cleansed_events
from kinfold.silver.cleansing.identifiers import Spelling
from kinfold.tables import bronze, silver

JOB = "silver/clean_events"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    spelling, conf = Spelling.of(options.settings.identity), options.settings.events
    with open_job(
        JOB,
        options,
        reads=[bronze.EVENTS],
        writes=[silver.EVENTS],
        depends_on=[repr(spelling), conf],
    ) as run:
        if run.is_up_to_date:
            return
        records = accepted_records(run.changes(bronze.EVENTS))
        events = cleansed_events(
            records, spelling=spelling, late_after=timedelta(hours=conf.late_after_hours)
        )
        run.publish_new(
            silver.EVENTS, events, among=possible_originals(within=conf.duplicates_within)
        )
        outcome = conservation(
            records, run.lake.read(silver.EVENTS), run.lake.quarantined(silver.EVENTS)
        )
        run.count(**asdict(outcome))
        record_silver_batch(run, **asdict(outcome))


if __name__ == "__main__":
    run_job(main)
