"""Train purchase propensity if the champion is old enough; promote it if its gate passes."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.gold.features.moments import newest_moment
from kinfold.gold.propensity.estimator import Boosting
from kinfold.gold.propensity.labels import purchases_within
from kinfold.gold.propensity.training import train_propensity
from kinfold.gold.propensity.training_set import Snapshots
from kinfold.models.gates import Gate
from kinfold.models.placement import tracking_of
from kinfold.models.registry import is_due
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import gold, silver

JOB = "gold/train_propensity"
INPUTS = (gold.FEATURES, silver.ORDERS)


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    conf = options.settings.propensity
    with open_job(JOB, options, reads=INPUTS, depends_on=[conf]) as run:
        if run.is_up_to_date:
            return
        tracking, features = tracking_of(options.settings), run.read(gold.FEATURES)
        as_of = newest_moment(features)
        days, now = conf.retrain_after_days, run.lake.started_at
        if not is_due(tracking, name=conf.model, as_of=as_of, after_days=days, now=now):
            run.count(champion_is_fresh=1)
            return
        snapshots = Snapshots.of(conf, as_of=as_of)
        trained = train_propensity(
            features,
            purchases_within(
                run.read(silver.ORDERS),
                as_ofs=snapshots.all,
                horizon_days=snapshots.horizon_days,
            ),
            as_of=as_of,
            snapshots=snapshots,
            tracking=tracking,
            name=conf.model,
            gate=Gate(
                at_least={"auc_roc": conf.min_auc},
                tolerance={"auc_roc": conf.max_auc_loss},
            ),
            input_versions=run.inputs,
            boosting=Boosting.of(conf),
            seed=conf.seed,
        )
        run.count(version=trained.version, promoted=trained.promoted)
        run.note(*(f"not promoted: {reason}" for reason in trained.reasons))


if __name__ == "__main__":
    run_job(main)
