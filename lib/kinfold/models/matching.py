"""A matching of person records as a run of MLflow: what it took them to be, and how sure it was."""

from collections.abc import Mapping

from kinfold.models.tracking import Tracking, training_run
from kinfold.silver.matching.engine import Matching
from kinfold.silver.matching.model.parameters import as_record


def track_matching(
    tracking: Tracking,
    matching: Matching,
    *,
    name: str,
    real: Mapping[str, float] | None = None,
    input_versions: Mapping[str, int] | None = None,
) -> str:
    """Keep counts, the estimated precision and recall, the weights learnt and the settings.

    Args:
        name: of the run.
        real: precision, recall, F1 and B-cubed against the truth, where it is known; they stand
            beside the estimates of the same name.
        input_versions: version of each table that was matched.

    Returns:
        The run's id.
    """
    with training_run(tracking, name=name, input_versions=input_versions or {}) as run:
        run.tag({"kinfold.model_version": matching.model.version})
        run.describe(
            params={"kinds": matching.model.kinds, **matching.settings.model_dump()},
            metrics={
                **matching.metrics(),
                **{f"real_{score}": value for score, value in (real or {}).items()},
                **{f"seconds_{stage}": taken for stage, taken in matching.seconds.items()},
            },
        )
        run.keep(documents={"weights_in_bits": as_record(matching.model)})
        return run.run_id
