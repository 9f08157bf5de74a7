"""Rebuild the profiles of people whose events, records or identifiers have changed."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.identity.graph.nodes import with_record_node
from kinfold.silver.profiles.attribution import (
    attributed_events,
    current_identity_map,
    identifier_ranking,
)
from kinfold.silver.profiles.profile import (
    affected_people,
    people_without_profile,
    profiles,
    rows_of_people,
)
from kinfold.tables import silver

JOB = "silver/build_profiles"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS, silver.IDENTITY_MAP],
        reads_if_exists=[silver.RECORDS],
        writes=[silver.PROFILES],
        depends_on=[options.settings.identity, options.settings.profiles],
        rules=["kinfold.silver.profiles", "kinfold.silver.identity.graph.nodes"],
    ) as run:
        if run.is_up_to_date:
            return
        identity_map = current_identity_map(run)
        ranking = identifier_ranking(run.lake, run.settings.identity)
        has_records = silver.RECORDS.name in run.inputs
        records = with_record_node(run.read(silver.RECORDS)) if has_records else None
        affected = affected_people(
            run.inserted(silver.EVENTS),
            run.changes(silver.IDENTITY_MAP),
            identity_map,
            record_changes=run.changes(silver.RECORDS) if records is not None else None,
            ranking=ranking,
        ).persist()
        identifiers = rows_of_people(identity_map, affected)
        rows = profiles(
            attributed_events(run.read(silver.EVENTS), identifiers, ranking),
            identifiers,
            records=attributed_events(records, identifiers, ranking)
            if records is not None
            else None,
            rules=options.settings.profiles.survivorship,
        )
        run.publish(silver.PROFILES, rows, deleted=people_without_profile(affected, rows))
        run.count(touched=affected.count(), profiles=run.lake.read(silver.PROFILES).count())


if __name__ == "__main__":
    run_job(main)
