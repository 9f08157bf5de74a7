"""Link identifiers seen together and keep silver.identity_map: who each identifier belongs to."""

from collections.abc import Sequence

from kinfold.core.conf import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.identity.links import seen_identifiers, seen_together, widened
from kinfold.silver.identity.resolution import changed_assignments
from kinfold.tables import silver

JOB = "silver/resolve_identities"
OUTPUTS = (silver.IDENTIFIERS, silver.IDENTITY_LINKS, silver.IDENTITY_MAP)


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS],
        writes=OUTPUTS,
        depends_on=[options.settings.identity],
    ) as run:
        if run.is_up_to_date:
            return
        events = run.inserted(silver.EVENTS)
        identifiers = seen_identifiers(events).persist()
        links = seen_together(events).persist()
        people = changed_assignments(run.spark, identifiers, links, run.known(silver.IDENTITY_MAP))
        for table, seen in ((silver.IDENTIFIERS, identifiers), (silver.IDENTITY_LINKS, links)):
            run.publish(table, widened(seen, run.known(table), key=table.key))
        run.publish(silver.IDENTITY_MAP, people)
        run.count(identifiers=identifiers.count(), links=links.count())


if __name__ == "__main__":
    run_job(main)
