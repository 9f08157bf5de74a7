"""Link identifiers seen together and keep silver.identity_map: who each identifier belongs to.

They are seen in events and in records of batch sources; one that only a record had leaves with it.
"""

from collections.abc import Sequence

from kinfold.core.conf import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.identity.links import seen_identifiers, seen_together, sightings, widened
from kinfold.silver.identity.records import record_news
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
        reads_if_there=[silver.RECORDS],
        writes=OUTPUTS,
        depends_on=[options.settings.identity],
    ) as run:
        if run.is_up_to_date:
            return
        news = record_news(run)
        seen = sightings(run.inserted(silver.EVENTS), news.changed)
        identifiers = seen_identifiers(seen).persist()
        links = seen_together(seen).persist()
        known = news.stays(run.known(silver.IDENTITY_MAP))
        people = changed_assignments(run.spark, identifiers, links, known)
        for table, rows, gone in (
            (silver.IDENTIFIERS, identifiers, news.vanished),
            (silver.IDENTITY_LINKS, links, news.links(run.known(silver.IDENTITY_LINKS))),
        ):
            run.publish(table, widened(rows, run.known(table), key=table.key), gone=gone)
        run.publish(silver.IDENTITY_MAP, people, gone=news.vanished)
        run.count(identifiers=identifiers.count(), links=links.count())


if __name__ == "__main__":
    run_job(main)
