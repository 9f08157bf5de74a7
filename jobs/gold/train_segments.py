"""Train segments if the champion is old enough; promote the new version if its gate passes."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.gold.features.moments import newest_moment, rows_at
from kinfold.gold.segmentation.clustering import SegmentSearch
from kinfold.gold.segmentation.training import reporting_currency, train_segments
from kinfold.models.gates import Gate
from kinfold.models.placement import tracking_of
from kinfold.models.registry import is_due
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import gold, silver

JOB = "gold/train_segments"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    conf = options.settings.segmentation
    with open_job(
        JOB,
        options,
        reads=[gold.FEATURES],
        reads_if_exists=[silver.ORDERS],
        writes=[gold.SEGMENTS],
        depends_on=[conf],
    ) as run:
        if run.is_up_to_date:
            return
        tracking, features = tracking_of(options.settings), run.read(gold.FEATURES)
        as_of = newest_moment(features)
        days, now = conf.retrain_after_days, run.lake.started_at
        is_old = is_due(tracking, name=conf.model, as_of=as_of, after_days=days, now=now)
        if not (is_old or run.state.has_lost_output):
            run.count(champion_is_fresh=1)
            return
        trained = train_segments(
            rows_at(features, as_of),
            as_of=as_of,
            tracking=tracking,
            name=conf.model,
            gate=Gate(at_least={"silhouette": conf.min_silhouette}),
            input_versions=run.inputs,
            search=SegmentSearch.of(conf),
            currency=reporting_currency(run.read(silver.ORDERS)),
        )
        run.lake.upsert(gold.SEGMENTS, gold.SEGMENTS.frame(run.spark, *trained.rows))
        run.count(version=trained.version, promoted=trained.promoted)
        run.note(*(f"not promoted: {reason}" for reason in trained.reasons))


if __name__ == "__main__":
    run_job(main)
