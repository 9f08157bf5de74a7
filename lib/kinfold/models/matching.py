"""Logs a matching of person records as an MLflow run."""

from collections.abc import Mapping

from kinfold.models.tracking import Tracking, training_run
from kinfold.silver.matching.engine import Matching
from kinfold.silver.matching.model.parameters import weight_table


def track_matching(
    tracking: Tracking,
    matching: Matching,
    *,
    name: str,
    scores: Mapping[str, float] | None = None,
    input_versions: Mapping[str, int] | None = None,
) -> str:
    """Log counts, estimated precision and recall, the model's weights and the settings.

    Args:
        name: name of the run.
        scores: precision, recall, F1 and B-cubed against the truth, where it is known. Each is
            logged as `real_<name>`, beside the estimate of the same name.
        input_versions: version of each input table.

    Returns:
        The run's id.
    """
    with training_run(tracking, name=name, input_versions=input_versions or {}) as run:
        run.tag({"kinfold.model_version": matching.model.version})
        run.log(
            params={"kinds": matching.model.kinds, **matching.settings.model_dump()},
            metrics={
                **matching.metrics(),
                **{f"real_{score}": value for score, value in (scores or {}).items()},
                **{f"seconds_{stage}": taken for stage, taken in matching.seconds.items()},
            },
        )
        run.log_files(documents={"weights_in_bits": weight_table(matching.model)})
        return run.run_id
