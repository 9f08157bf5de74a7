"""Build gold.features: features of each person at the moments that the models need."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.gold.features.behaviour import features_as_of
from kinfold.gold.features.moments import default_as_of, has_rows_at
from kinfold.gold.propensity.training_set import Snapshots
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.profiles.attribution import read_attributed_events
from kinfold.tables import gold, silver

JOB = "gold/build_features"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    conf = options.settings.propensity
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS, silver.IDENTITY_MAP],
        writes=[gold.FEATURES],
        depends_on=[conf, options.settings.identity, str(options.settings.as_of)],
        rules=["kinfold.gold.features", "kinfold.silver.profiles.attribution"],
    ) as run:
        as_of = options.settings.as_of or default_as_of(
            run.read(silver.EVENTS), now=run.lake.started_at
        )
        # At midnight the default moves on, also without new events.
        if has_rows_at(run.lake.read_or_empty(gold.FEATURES), as_of) and run.is_up_to_date:
            return
        snapshots = Snapshots.of(conf, as_of=as_of)
        features = features_as_of(read_attributed_events(run), as_ofs=[*snapshots.all, as_of])
        run.lake.replace(gold.FEATURES, features)
        run.count(moments=len(snapshots.all) + 1, rows=run.lake.read(gold.FEATURES).count())


if __name__ == "__main__":
    run_job(main)
