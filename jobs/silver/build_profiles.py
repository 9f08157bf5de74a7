"""Rebuild the profiles of people with new events or regrouped identifiers."""

from collections.abc import Sequence

from kinfold.core.conf import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.profiles.attribution import attributed_events
from kinfold.silver.profiles.profile import profiles, touched_people
from kinfold.tables import silver

JOB = "silver/build_profiles"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS, silver.IDENTITY_MAP],
        writes=[silver.PROFILES],
        depends_on=[options.settings.identity],
    ) as run:
        if run.is_up_to_date:
            return
        identity_map = run.read(silver.IDENTITY_MAP)
        touched = touched_people(
            run.inserted(silver.EVENTS), run.changes(silver.IDENTITY_MAP), identity_map
        ).persist()
        theirs = identity_map.join(touched, "profile_id", how="semi")
        rows = profiles(attributed_events(run.read(silver.EVENTS), theirs), theirs)
        gone = touched.join(identity_map, "profile_id", how="anti")
        run.publish(silver.PROFILES, rows, gone=gone)
        run.count(touched=touched.count())
        run.count(profiles=run.lake.read(silver.PROFILES).count())


if __name__ == "__main__":
    run_job(main)
