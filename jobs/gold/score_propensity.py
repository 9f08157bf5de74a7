"""Score every person with the champion propensity model."""

from collections.abc import Sequence

from kinfold.core.settings.command_line import parse_options
from kinfold.gold.features.moments import newest_moment, rows_at
from kinfold.gold.propensity.scoring import propensity_scores
from kinfold.models.placement import tracking_of
from kinfold.models.registry import get_champion, load_model
from kinfold.runtime.job import open_job, run_job
from kinfold.tables import gold

JOB = "gold/score_propensity"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_options(JOB, argv, description=__doc__)
    tracking = tracking_of(options.settings)
    champion = get_champion(tracking, name=options.settings.propensity.model)
    with open_job(
        JOB,
        options,
        reads=[gold.FEATURES],
        writes=[gold.PROPENSITY_SCORES],
        depends_on=[str(champion)],
        rules=["kinfold.gold.propensity.scoring"],
    ) as run:
        if run.is_up_to_date:
            return
        features = run.read(gold.FEATURES)
        as_of = newest_moment(features)
        scores = propensity_scores(
            rows_at(features, as_of),
            model=load_model(tracking, champion),
            model_name=champion.name,
            model_version=champion.version,
        )
        run.lake.replace(gold.PROPENSITY_SCORES, scores, as_of=as_of, model=champion.name)
        run.count(scores=rows_at(run.lake.read(gold.PROPENSITY_SCORES), as_of).count())


if __name__ == "__main__":
    run_job(main)
