"""Assign every person to a segment of the champion model."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.gold.features.moments import newest_moment, rows_at
from kinfold.gold.segmentation.membership import segment_members
from kinfold.models.placement import tracking_of
from kinfold.models.registry import get_champion, load_model
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import gold

JOB = "gold/assign_segments"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    tracking = tracking_of(options.settings)
    champion = get_champion(tracking, name=options.settings.segmentation.model)
    with open_job(
        JOB,
        options,
        reads=[gold.FEATURES],
        writes=[gold.SEGMENT_MEMBERS],
        depends_on=[str(champion)],
        rules=["kinfold.gold.segmentation.membership"],
    ) as run:
        if run.is_up_to_date:
            return
        features = run.read(gold.FEATURES)
        members = segment_members(
            rows_at(features, newest_moment(features)),
            run.lake.read_or_empty(gold.SEGMENT_MEMBERS),
            model=load_model(tracking, champion),
            version=champion.version,
        )
        run.lake.replace(gold.SEGMENT_MEMBERS, members)
        run.count(members=run.lake.read(gold.SEGMENT_MEMBERS).count())


if __name__ == "__main__":
    run_job(main)
