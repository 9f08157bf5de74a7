"""Type, cleanse and deduplicate the new rows of bronze.events into silver.events."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from kinfold.bronze.schemas.described_properties import DescribedProperties
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.core.rules import library_version
from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.cleansing.events import cleansed_events
from kinfold.silver.cleansing.identifiers import Spelling
from kinfold.silver.cleansing.outcome import publish_events
from kinfold.tables import bronze, silver

JOB = "silver/clean_events"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    spelling, conf = Spelling.of(options.settings.identity), options.settings.events
    schemas = SchemaRegistry.load(Path(options.settings.bronze.schemas))
    typed = partial(
        cleansed_events,
        spelling=spelling,
        described=DescribedProperties.of(schemas),
        late_after=conf.late_after,
        earliest=conf.earliest,
    )
    with open_job(
        JOB,
        options,
        reads=[bronze.EVENTS],
        writes=[silver.EVENTS],
        depends_on=[repr(spelling), conf, library_version("phonenumbers")],
        rules=[
            "kinfold.silver.cleansing",
            "kinfold.quality.rows",
            "kinfold.core.json_text",
            "kinfold.bronze.schemas.described_properties",
        ],
    ) as run:
        if run.is_up_to_date:
            return
        publish_events(run, typed=typed, own_ids=conf.sources_with_own_ids)


if __name__ == "__main__":
    run_job(main)
