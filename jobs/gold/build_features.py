"""Build gold.features: features of each person at the moments that the models need."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.gold.features.behaviour import features_as_of
from kinfold.gold.features.moments import default_as_of, moments_of
from kinfold.gold.propensity.training_set import Snapshots
from kinfold.runtime.caching import lazily_cached
from kinfold.runtime.job import open_job, run_job
from kinfold.silver.profiles.touched import RULE_MODULES, touched_people
from kinfold.tables import gold, silver

JOB = "gold/build_features"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    conf = options.settings.propensity
    with open_job(
        JOB,
        options,
        reads=[silver.EVENTS, silver.IDENTITY_MAP, silver.ORDERS],
        reads_if_exists=[silver.BAD_VALUES],
        writes=[gold.FEATURES],
        depends_on=[conf, options.settings.identity, str(options.settings.as_of)],
        rules=["kinfold.gold.features", *RULE_MODULES],
    ) as run:
        if run.is_without_input:
            return
        events = run.read(silver.EVENTS)
        as_of = options.settings.as_of or default_as_of(events, now=run.lake.started_at)
        moments = [*Snapshots.of(conf, as_of=as_of).all, as_of]
        # At midnight the default moves on, also without new events.
        stored = run.existing_rows(gold.FEATURES)
        are_known = moments_of(stored) == set(moments)
        if are_known and run.is_up_to_date:
            return
        touched = touched_people(run, is_all=not are_known)
        orders = touched.rows_of(run.read(silver.ORDERS))
        features = features_as_of(touched.attributed(events), orders, as_ofs=moments)
        if are_known:
            features = lazily_cached(features)
            outdated = touched.outdated(stored, features, key=gold.FEATURES.key)
            run.lake.upsert(gold.FEATURES, features, deleted=outdated)
        else:
            run.lake.replace(gold.FEATURES, features)
        run.count(moments=len(moments), rows=run.lake.read(gold.FEATURES).count())


if __name__ == "__main__":
    run_job(main)
