"""Keep silver.records: the current records of batch sources, with normalised identifiers."""

from collections.abc import Sequence

from kinfold.core.rules import library_version
from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.cleansing.identifiers import Spelling
from kinfold.silver.cleansing.records import (
    current_records,
    expiry_moment,
    has_expired,
    removed_records,
)
from kinfold.tables import bronze, silver

JOB = "silver/clean_records"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    spelling = Spelling.of(options.settings.identity)
    earliest = options.settings.events.earliest
    with open_job(
        JOB,
        options,
        reads_if_exists=[bronze.RECORDS],
        writes=[silver.RECORDS],
        depends_on=[repr(spelling), str(earliest), library_version("phonenumbers")],
        rules=["kinfold.silver.cleansing", "kinfold.bronze.records.versions"],
    ) as run:
        at = expiry_moment(run.lake.started_at, as_of=options.settings.as_of)
        known = run.lake.read_or_empty(silver.RECORDS)
        if not run.inputs or (run.is_up_to_date and not has_expired(known, at=at)):
            run.is_skipped = True
            return
        run.is_skipped = False
        records = current_records(
            run.read(bronze.RECORDS), at=at, spelling=spelling, earliest=earliest
        ).persist()
        run.lake.upsert(silver.RECORDS, records, deleted=removed_records(known, records))
        run.count(records=records.count())


if __name__ == "__main__":
    run_job(main)
