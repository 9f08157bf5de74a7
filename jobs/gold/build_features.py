"""Build gold.features: what was known of each person at the moments that models need."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.gold.features.behaviour import features_as_of
from kinfold.gold.features.moments import end_of_last_day
from kinfold.gold.propensity.training_set import snapshot_times
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.profiles.attribution import attributed_events, people_of_today, source_ranking
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
        depends_on=[conf, str(options.settings.as_of)],
    ) as run:
        if run.is_up_to_date:
            return
        as_of = options.settings.as_of or end_of_last_day(run.read(silver.EVENTS))
        moments = snapshot_times(
            as_of,
            horizon_days=conf.horizon_days,
            train_count=conf.train_snapshots,
            step_days=conf.step_days,
        )
        events = attributed_events(
            run.read(silver.EVENTS), people_of_today(run), source_ranking(run)
        )
        features = features_as_of(events, as_ofs=[*moments.all, as_of])
        run.lake.replace(gold.FEATURES, features)
        run.count(moments=len(moments.all) + 1, rows=run.lake.read(gold.FEATURES).count())


if __name__ == "__main__":
    run_job(main)
