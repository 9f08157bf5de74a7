"""Membership: who is in which segment, and since when."""

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, functions as F

from kinfold.gold.segmentation.clustering import with_segment
from kinfold.tables import gold


def segment_members(
    features: DataFrame, previous: DataFrame | None = None, *, model: PipelineModel, version: int
) -> DataFrame:
    """The segment of each person.

    Args:
        features: gold.features of one moment.
        previous: gold.segment_members as it stands; None on the first run. Who is in the same
            segment of the same version there keeps their `since`. Numbers of different versions
            mean different things, so a new version starts everyone anew.
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
    # Least: a run for an older moment than the last one must not claim a later start.
    return gold.SEGMENT_MEMBERS.conform(
        kept.withColumn("since", F.least(F.col("since"), F.col("as_of")))
    )
