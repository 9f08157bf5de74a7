"""Rebuild the profiles of people with new events or records, or regrouped identifiers."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.identity.graph.nodes import with_record_node
from kinfold.silver.profiles.attribution import attributed_events, people_of_today, source_ranking
from kinfold.silver.profiles.profile import profiles, touched_people
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
    ) as run:
        if run.is_up_to_date:
            return
        identity_map, ranking = people_of_today(run), source_ranking(run)
        has_records = silver.RECORDS.name in run.inputs
        touched = touched_people(
            run.inserted(silver.EVENTS),
            run.changes(silver.IDENTITY_MAP),
            identity_map,
            record_changes=run.changes(silver.RECORDS) if has_records else None,
            ranking=ranking,
        ).persist()
        theirs = identity_map.join(touched, "profile_id", how="semi")
        records = with_record_node(run.read(silver.RECORDS)) if has_records else None
        rows = profiles(
            attributed_events(run.read(silver.EVENTS), theirs, ranking),
            theirs,
            records=attributed_events(records, theirs, ranking) if records is not None else None,
            rules=options.settings.profiles.survivorship,
        )
        gone = touched.join(rows, "profile_id", how="anti")
        run.publish(silver.PROFILES, rows, gone=gone)
        run.count(touched=touched.count())
        run.count(profiles=run.lake.read(silver.PROFILES).count())


if __name__ == "__main__":
    run_job(main)
