"""Link identifiers seen together and keep silver.identity_map: who each identifier belongs to.

They are seen in events and in records of batch sources; what operators decided holds. Values that
too many share are set aside, and links that would join too much are blocked (docs/identity.md).
"""

from collections.abc import Sequence

from kinfold.core.conf import parse_options
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.identity.stitching import OUTPUTS, stitch
from kinfold.tables import silver

JOB = "silver/resolve_identities"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS],
        reads_if_there=[silver.RECORDS, silver.IDENTITY_DECISIONS],
        writes=OUTPUTS,
        depends_on=[options.settings.identity],
    ) as run:
        if not run.is_up_to_date:
            stitch(run)


if __name__ == "__main__":
    run_job(main)
