"""Clustering: people who behave alike."""

import pytest

from frames import assert_rows, at
from kinfold.core.errors import ModelDataError
from kinfold.gold.segmentation.clustering import (
    CLUSTERED_COLUMNS,
    DESCRIBED_COLUMNS,
    Trial,
    best_trial,
    find_segments,
    silhouette_of,
    with_segment,
)
from kinfold.gold.segmentation.projection import segment_map
from kinfold.tables import gold

pytestmark = pytest.mark.xdist_group("segmentation")  # on one worker, for what they share
NOW = at("2026-03-31")
SETTINGS = dict(k_min=2, k_max=4, sample_size=1_000, smallest_share=0.02, seed=7)


def test_the_kinds_of_people_that_there_are_become_the_segments(people, found):
    assert found.chosen.k == 3
    assert [trial.k for trial in found.trials] == [2, 3, 4]
    assert [centroid.size for centroid in found.centroids] == [100, 100, 100]
    kinds = with_segment(people, model=found.model).selectExpr(
        "segment_id", "order_count_90d > 0 AS buys", "recency_days > 50 AS is_away"
    )
    assert_rows(
        kinds.distinct(),
        ["segment_id", "buys", "is_away"],
        [(0, True, False), (1, False, True), (2, False, False)],
    )


def test_segments_are_numbered_by_spend_and_described_in_real_units(people, found):
    spend = [centroid.means["spend_cents"] for centroid in found.centroids]
    assert spend == sorted(spend, reverse=True)
    assert [c.segment_id for c in found.centroids] == [0, 1, 2]
    assert set(found.centroids[0].means) == set(DESCRIBED_COLUMNS)
    assert set(found.centroids[0].deviations) == set(CLUSTERED_COLUMNS)
    own = with_segment(people, model=found.model).where("segment_id = 0")
    expected = own.agg({"spend_cents": "avg"}).first()[0]
    assert spend[0] == pytest.approx(expected)


def test_people_in_any_order_get_the_same_segments(people, found):
    again = find_segments(
        people.orderBy("recency_days").coalesce(1).cache(), **{**SETTINGS, "k_min": 3, "k_max": 3}
    )
    for one, other in zip(again.centroids, found.centroids, strict=True):
        assert one.means == pytest.approx(other.means)
    one = with_segment(people, model=found.model).select("profile_id", "segment_id")
    two = with_segment(people, model=again.model).select("profile_id", "segment_id")
    assert one.exceptAll(two).count() == 0


def test_the_number_is_chosen_on_a_sample_and_the_segments_found_on_everyone(people, found):
    small = find_segments(people, **{**SETTINGS, "k_min": 3, "k_max": 3, "sample_size": 100})
    assert small.trials[0].silhouette != found.trials[1].silhouette
    assert sum(centroid.size for centroid in small.centroids) == 300


def test_fewer_kinds_of_people_than_asked_for_give_fewer_segments(spark):
    rows = [dict(profile_id=f"p{i}", order_count=i % 2, spend_cents=0) for i in range(20)]
    two_kinds = filled(gold.FEATURES.frame(spark, *rows))
    few = find_segments(two_kinds, **{**SETTINGS, "k_min": 3})
    assert [centroid.size for centroid in few.centroids] == [10, 10]


@pytest.mark.parametrize("count", [0, 1, 20])
def test_people_who_do_not_differ_cannot_be_told_apart(spark, count):
    rows = [dict(profile_id=f"p{i}") for i in range(count)]
    alike = filled(gold.FEATURES.frame(spark, *rows))
    with pytest.raises(ModelDataError, match=f"{count} people with {min(count, 1)} kind"):
        find_segments(alike, **SETTINGS)


def filled(features):
    return features.fillna(0).cache()


def test_the_range_of_numbers_is_checked(people):
    with pytest.raises(ValueError, match="k from 5 to 4"):
        find_segments(people, **{**SETTINGS, "k_min": 5})


def test_a_number_that_leaves_a_tiny_segment_is_avoided_unless_all_do():
    tiny, usable, worse = Trial(2, 0.9, 0.01), Trial(3, 0.5, 0.2), Trial(4, 0.4, 0.2)
    assert best_trial([tiny, usable, worse], smallest_share=0.02) is usable
    assert best_trial([tiny], smallest_share=0.02) is tiny
    assert best_trial([Trial(5, 0.5, 0.2), usable], smallest_share=0.02) is usable
    assert best_trial([Trial(2, 0.99, 0.0), tiny], smallest_share=0.02) is tiny


def test_two_models_are_compared_in_one_space(people, found):
    own = silhouette_of(people, model=found.model, judged_in=found.model)
    assert own == pytest.approx(found.chosen.silhouette, abs=1e-6)
    coarse = find_segments(people, **{**SETTINGS, "k_max": 2})
    assert silhouette_of(people, model=coarse.model, judged_in=found.model) < own


def test_a_model_that_sees_no_difference_has_the_worst_silhouette(people, found):
    lookers = people.where("order_count = 0")
    assert silhouette_of(lookers, model=found.model, judged_in=found.model) == -1.0


def test_the_map_shows_a_bounded_sample_with_its_segments(people, found):
    shown = segment_map(people, model=found.model, sample_size=90, seed=1)
    assert len(shown.points) == 90
    assert {segment_id for _, _, segment_id in shown.points} == {0, 1, 2}
    assert shown == segment_map(people.repartition(2), model=found.model, sample_size=90, seed=1)
