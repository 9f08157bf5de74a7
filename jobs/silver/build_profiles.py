"""Rebuild the profiles of people whose events, records or identifiers have changed."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.identity.graph.nodes import with_record_node
from kinfold.silver.profiles.profile import gathered_by_person, profile_events, profiles
from kinfold.silver.profiles.touched import RULE_MODULES, touched_people
from kinfold.tables import silver

JOB = "silver/build_profiles"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS, silver.IDENTITY_MAP, silver.ORDERS, silver.ORDER_LINES],
        reads_if_exists=[silver.RECORDS, silver.BAD_VALUES],
        writes=[silver.PROFILES],
        depends_on=[options.settings.identity, options.settings.profiles],
        rules=RULE_MODULES,
        needs_events=False,
    ) as run:
        if run.is_up_to_date:
            return
        touched = touched_people(run, is_all=run.is_rebuild)
        events = touched.attributed(profile_events(run.read(silver.EVENTS)))
        records = None
        if silver.RECORDS.name in run.inputs:
            records = touched.attributed(with_record_node(run.read(silver.RECORDS)))
        rows = profiles(
            gathered_by_person(events),
            touched.identity_map,
            orders=touched.rows_of(run.read(silver.ORDERS)),
            lines=touched.rows_of(run.read(silver.ORDER_LINES)),
            records=records,
            rules=options.settings.profiles.survivorship,
        )
        stored, key = run.existing_rows(silver.PROFILES), silver.PROFILES.key
        run.publish(silver.PROFILES, rows, deleted=touched.outdated(stored, rows, key=key))
        profile_count = run.lake.read(silver.PROFILES).count()
        run.count(touched=touched.count(default=profile_count), profiles=profile_count)


if __name__ == "__main__":
    run_job(main)
