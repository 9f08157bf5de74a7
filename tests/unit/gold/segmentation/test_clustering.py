"""Clustering of people with similar behaviour."""

import math
from dataclasses import replace

import pytest
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.core.errors import ModelDataError
from kinfold.core.settings.loading import load_settings
from kinfold.gold.segmentation.clustering import (
    CLUSTERED_COLUMNS,
    DESCRIBED_COLUMNS,
    SegmentSearch,
    find_segments,
    silhouette_of,
    with_segment,
)
from kinfold.tables import gold
from project import HOME

pytestmark = pytest.mark.xdist_group("segmentation")  # on one worker, to share its fixtures
NOW = at("2026-03-31")
SEARCH = SegmentSearch(k_min=2, k_max=4, sample_size=1_000)


def test_each_kind_of_people_becomes_a_segment(people, clustering):
    assert clustering.chosen.k == 3
    assert [trial.k for trial in clustering.trials] == [2, 3, 4]
    assert [centroid.size for centroid in clustering.centroids] == [100, 100, 100]
    kinds = with_segment(people, model=clustering.model).selectExpr(
        "segment_id", "order_count_90d > 0 AS buys", "recency_days > 50 AS is_away"
    )
    assert_rows(
        kinds.distinct(),
        ["segment_id", "buys", "is_away"],
        [(0, True, False), (1, False, True), (2, False, False)],
    )


def test_segments_are_numbered_by_spend_with_means_in_the_unit_of_each_feature(people, clustering):
    spend = [centroid.means["spend_cents"] for centroid in clustering.centroids]
    assert spend == sorted(spend, reverse=True)
    assert [c.segment_id for c in clustering.centroids] == [0, 1, 2]
    assert set(clustering.centroids[0].means) == set(DESCRIBED_COLUMNS)
    assert set(clustering.centroids[0].deviations) == set(CLUSTERED_COLUMNS)
    rows = (
        with_segment(people, model=clustering.model).select("segment_id", "spend_cents").collect()
    )
    positive = sorted(row["spend_cents"] for row in rows if row["spend_cents"] > 0)
    cap = positive[math.ceil(0.95 * len(positive)) - 1]
    own = sorted(row["spend_cents"] for row in rows if row["segment_id"] == 0)
    assert spend[0] == pytest.approx(sum(min(value, cap) for value in own) / len(own))
    assert clustering.centroids[0].medians["spend_cents"] == own[math.ceil(len(own) / 2) - 1]
    everyone = sorted(row["spend_cents"] for row in rows)
    assert clustering.medians["spend_cents"] == everyone[math.ceil(len(everyone) / 2) - 1]


def test_one_person_who_spends_a_thousand_times_more_changes_neither_names_nor_cards(
    people, clustering
):
    richest = people.agg(F.max_by("profile_id", "spend_cents")).first()[0]
    is_whale = F.col("profile_id") == richest
    spend = F.when(is_whale, F.col("spend_cents") * 1_000).otherwise(F.col("spend_cents"))
    whale = people.withColumn("spend_cents", spend).cache()
    search = replace(SEARCH, k_min=3, k_max=3)
    with_whale = find_segments(whale, search=search)
    for one, other in zip(with_whale.centroids, clustering.centroids, strict=True):
        assert one.means == pytest.approx(other.means)
        assert one.medians == pytest.approx(other.medians)


def test_few_people_have_no_segments(spark):
    four = filled(gold.FEATURES.frame(spark, *(dict(profile_id=f"p{i}") for i in range(4))))
    search = replace(SEARCH, min_people=50)
    with pytest.raises(ModelDataError, match=r"4 people, expected at least 50 \(segmentation"):
        find_segments(four, search=search)


def test_the_order_of_people_does_not_change_the_segments(people, clustering):
    again = find_segments(
        people.orderBy("recency_days").coalesce(1).cache(),
        search=replace(SEARCH, k_min=3, k_max=3),
    )
    for one, other in zip(again.centroids, clustering.centroids, strict=True):
        assert one.means == pytest.approx(other.means)
    one = with_segment(people, model=clustering.model).select("profile_id", "segment_id")
    two = with_segment(people, model=again.model).select("profile_id", "segment_id")
    assert one.exceptAll(two).count() == 0


def test_the_number_is_chosen_on_a_sample_and_the_fit_uses_all_people(people, clustering):
    small = find_segments(people, search=replace(SEARCH, k_min=3, k_max=3, sample_size=100))
    assert small.trials[0].silhouette != clustering.trials[1].silhouette
    assert sum(centroid.size for centroid in small.centroids) == 300


def test_fewer_kinds_of_people_than_k_min_give_fewer_segments(spark):
    rows = [dict(profile_id=f"p{i}", order_count=i % 2, spend_cents=0) for i in range(20)]
    two_kinds = filled(gold.FEATURES.frame(spark, *rows))
    few = find_segments(two_kinds, search=replace(SEARCH, k_min=3))
    assert [centroid.size for centroid in few.centroids] == [10, 10]


def test_the_range_and_the_sample_come_from_the_settings():
    overrides = {
        "segmentation.k_min": 3,
        "segmentation.k_max": 5,
        "segmentation.sample_size": 2_000,
        "segmentation.seed": 9,
        "segmentation.min_people": 80,
    }
    conf = load_settings(HOME, "local", overrides).segmentation
    assert SegmentSearch.of(conf) == SegmentSearch(
        k_min=3, k_max=5, sample_size=2_000, seed=9, min_people=80
    )


@pytest.mark.parametrize("count", [2, 20])
def test_people_with_equal_features_cannot_be_clustered(spark, count):
    rows = [dict(profile_id=f"p{i}") for i in range(count)]
    equal = filled(gold.FEATURES.frame(spark, *rows))
    with pytest.raises(ModelDataError, match=f"{count} people have 1 distinct behaviour"):
        find_segments(equal, search=SEARCH)


def filled(features):
    return features.fillna(0).cache()


def test_an_empty_range_of_numbers_is_rejected(people):
    with pytest.raises(ValueError, match="k from 5 to 4"):
        find_segments(people, search=replace(SEARCH, k_min=5))


def test_silhouettes_of_two_models_are_compared_in_one_space(people, clustering):
    own = silhouette_of(people, model=clustering.model, scaled_by=clustering.model)
    assert own == pytest.approx(clustering.chosen.silhouette, abs=1e-6)
    coarse = find_segments(people, search=replace(SEARCH, k_max=2))
    assert silhouette_of(people, model=coarse.model, scaled_by=clustering.model) < own


def test_a_model_with_all_people_in_one_segment_has_the_worst_silhouette(people, clustering):
    visitors = people.where("order_count = 0")
    assert silhouette_of(visitors, model=clustering.model, scaled_by=clustering.model) == -1.0
