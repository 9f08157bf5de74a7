"""Membership: the segment of each person, and since when."""

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, functions as F

from kinfold.gold.segmentation.clustering import with_segment
from kinfold.tables import gold


def segment_members(
    features: DataFrame, previous: DataFrame | None = None, *, model: PipelineModel, version: int
) -> DataFrame:
    """Assigns each person to a segment.

    Args:
        features: gold.features of one moment.
        previous: the existing rows of gold.segment_members; None on the first run. A person who
            stays in the same segment of the same model version keeps their `since`. A new version
            resets `since` for all people, because its segment ids have a new meaning.
        version: registered version of `model`.

    Returns:
        gold.segment_members: one row per person of `features`.
    """
    members = with_segment(features, model=model).select(
        "profile_id", F.lit(version).cast("long").alias("model_version"), "segment_id", "as_of"
    )
    if previous is None:
        return gold.SEGMENT_MEMBERS.conform(members.withColumn("since", F.col("as_of")))
    stayed = ["profile_id", "model_version", "segment_id"]
    kept = members.join(previous.select(*stayed, "since"), on=stayed, how="left")
    # F.least covers a run for an earlier moment than the previous run.
    return gold.SEGMENT_MEMBERS.conform(
        kept.withColumn("since", F.least(F.col("since"), F.col("as_of")))
    )
