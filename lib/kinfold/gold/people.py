"""One row per person with identifiers, traits, segment and score, for notebooks and exports."""

from pyspark.sql import DataFrame, functions as F

from kinfold.runtime.lake.lake import Lake
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import gold, silver


def people(lake: Lake) -> DataFrame:
    """`people_view` of a lake. Columns of gold tables that do not exist yet are null."""
    return people_view(
        lake.read(silver.PROFILES),
        lake.read(silver.IDENTITY_MAP),
        lake.read_or_empty(gold.SEGMENT_MEMBERS),
        lake.read_or_empty(gold.SEGMENTS),
        lake.read_or_empty(gold.PROPENSITY_SCORES),
    )


def people_view(
    profiles: DataFrame,
    identity_map: DataFrame,
    members: DataFrame,
    segments: DataFrame,
    scores: DataFrame,
) -> DataFrame:
    """One row per person, with everything the lake knows about them.

    Args:
        profiles: silver.profiles.
        identity_map: silver.identity_map; only today's rows count.
        members: gold.segment_members.
        segments: gold.segments.
        scores: gold.propensity_scores; only the newest `as_of` of the table counts. If several
            models have scored at that moment, the first by name counts.

    Returns:
        One row per row of `profiles`:

        - profile_id;
        - identifiers: map from namespace to the sorted values. The values of the namespace `record`
          are JSON arrays `["source","record_id"]`;
        - traits, consent, top_categories, first_seen_at, last_seen_at, event_count, order_count,
          return_count, revenue, revenue_cents and currency of silver.profiles;
        - segment_id, segment_name, segment_since: null for a person without a segment;
        - score_model, probability, decile, scored_as_of: null for a person without a score.
    """
    return (
        profiles.join(_identifiers(identity_map), "profile_id", how="left")
        .join(_segments_of(members, segments), "profile_id", how="left")
        .join(_newest_scores(scores), "profile_id", how="left")
        .select(
            "profile_id",
            F.coalesce("identifiers", F.create_map().cast("map<string,array<string>>")).alias(
                "identifiers"
            ),
            "traits",
            "consent",
            "top_categories",
            "first_seen_at",
            "last_seen_at",
            "event_count",
            "order_count",
            "return_count",
            "revenue",
            "revenue_cents",
            "currency",
            "segment_id",
            "segment_name",
            "segment_since",
            "score_model",
            "probability",
            "decile",
            "scored_as_of",
        )
    )


def _identifiers(identity_map: DataFrame) -> DataFrame:
    """profile_id, identifiers."""
    by_namespace = (
        current(identity_map)
        .groupBy("profile_id", "namespace")
        .agg(F.array_sort(F.collect_set("value")).alias("values"))
    )
    entries = F.array_sort(F.collect_list(F.struct("namespace", "values")))
    return by_namespace.groupBy("profile_id").agg(F.map_from_entries(entries).alias("identifiers"))


def _segments_of(members: DataFrame, segments: DataFrame) -> DataFrame:
    """profile_id, segment_id, segment_name, segment_since."""
    names = segments.select("model_version", "segment_id", F.col("name").alias("segment_name"))
    return members.join(names, ["model_version", "segment_id"], how="left").select(
        "profile_id", "segment_id", "segment_name", F.col("since").alias("segment_since")
    )


def _newest_scores(scores: DataFrame) -> DataFrame:
    """profile_id, score_model, probability, decile, scored_as_of."""
    newest = scores.agg(F.max("as_of").alias("as_of"))
    first_model = F.min_by(F.struct("model", "probability", "decile", "as_of"), "model")
    return (
        scores.join(newest, "as_of", how="inner")
        .groupBy("profile_id")
        .agg(first_model.alias("score"))
        .select(
            "profile_id",
            F.col("score.model").alias("score_model"),
            "score.probability",
            "score.decile",
            F.col("score.as_of").alias("scored_as_of"),
        )
    )
