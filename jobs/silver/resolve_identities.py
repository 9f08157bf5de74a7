"""Link identifiers and keep silver.identity_map: the person that each identifier belongs to.

Links come from events, from records of batch sources and from decisions of operators. A value that
too many identifiers share belongs to no person, and guards block links that would join too much
(docs/identity.md). With identity.match, similar records are linked too; MLflow keeps the estimated
quality of that matching.
"""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.models.matching import track_matching
from kinfold.models.placement import tracking_of
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.identity.resolution.incremental import (
    DECIDING_MODULES,
    OUTPUTS,
    resolve_incrementally,
)
from kinfold.tables import silver

JOB = "silver/resolve_identities"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    conf = options.settings.identity
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS],
        reads_if_exists=[silver.RECORDS, silver.IDENTITY_DECISIONS],
        writes=OUTPUTS,
        depends_on=[
            options.settings.identity,
            options.home / options.settings.identity.match_settings,
        ],
        rules=DECIDING_MODULES,
        needs_events=False,
    ) as run:
        if run.is_up_to_date:
            return
        # Before anything is written, because it fails if no tracking server is configured.
        tracking = tracking_of(options.settings) if conf.match else None
        matching = resolve_incrementally(run)
        if matching is not None and tracking is not None:
            track_matching(
                tracking,
                matching,
                name=JOB,
                input_versions={silver.RECORDS.name: run.inputs[silver.RECORDS.name]},
            )


if __name__ == "__main__":
    run_job(main)
