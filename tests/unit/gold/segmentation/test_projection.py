"""Projection of people in two dimensions."""

import numpy as np
import pytest

from kinfold.gold.segmentation.clustering import CLUSTERED_COLUMNS
from kinfold.gold.segmentation.projection import projected, segment_map

pytestmark = pytest.mark.xdist_group("segmentation")  # on one worker, to share its fixtures
WIDTH = len(CLUSTERED_COLUMNS)


def vector(**coordinates):
    return [coordinates.get(column, 0.0) for column in CLUSTERED_COLUMNS]


def test_the_first_axis_has_the_largest_variance():
    shown = projected(
        [
            vector(spend_cents=4.0),
            vector(spend_cents=-4.0),
            vector(recency_days=1.0),
            vector(recency_days=-1.0),
        ],
        [0, 1, 2, 3],
    )
    assert shown.points == ((4.0, 0.0, 0), (-4.0, 0.0, 1), (0.0, 1.0, 2), (0.0, -1.0, 3))
    first, second = shown.axes
    assert first.loadings[0] == ("spend_cents", pytest.approx(1.0))
    assert second.loadings[0] == ("recency_days", pytest.approx(1.0))
    assert first.variance_ratio == pytest.approx(32 / 34)
    assert second.variance_ratio == pytest.approx(2 / 34)


def test_coordinates_agree_with_scikit_learn():
    from sklearn.decomposition import PCA

    vectors = np.random.default_rng(3).normal(size=(60, WIDTH)) * np.arange(1, WIDTH + 1)
    shown = projected(vectors.tolist(), [0] * 60)
    oracle = PCA(2).fit(vectors)
    assert [a.variance_ratio for a in shown.axes] == pytest.approx(oracle.explained_variance_ratio_)
    ours = np.abs([point[:2] for point in shown.points])
    assert ours == pytest.approx(np.abs(oracle.transform(vectors)), abs=1e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_people_with_equal_features_lie_at_the_origin(count):
    shown = projected([vector(spend_cents=1.0)] * count, [0] * count)
    assert set(shown.points) == {(0.0, 0.0, 0)}
    assert [axis.variance_ratio for axis in shown.axes] == [0.0, 0.0]


def test_the_map_has_a_bounded_sample_and_does_not_depend_on_the_order(people, clustering):
    shown = segment_map(people, model=clustering.model, sample_size=90, seed=1)
    assert len(shown.points) == 90
    assert {segment_id for _, _, segment_id in shown.points} == {0, 1, 2}
    assert shown == segment_map(
        people.repartition(2), model=clustering.model, sample_size=90, seed=1
    )
