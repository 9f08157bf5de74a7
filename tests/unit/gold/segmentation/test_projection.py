"""Projection: a map of people in two dimensions."""

import numpy as np
import pytest

from kinfold.gold.segmentation.clustering import CLUSTERED_COLUMNS
from kinfold.gold.segmentation.projection import projected

WIDTH = len(CLUSTERED_COLUMNS)


def place(**coordinates):
    return [coordinates.get(column, 0.0) for column in CLUSTERED_COLUMNS]


def test_the_first_direction_is_the_one_in_which_people_differ_most():
    shown = projected(
        [
            place(spend_cents=4.0),
            place(spend_cents=-4.0),
            place(recency_days=1.0),
            place(recency_days=-1.0),
        ],
        [0, 1, 2, 3],
    )
    assert shown.points == ((4.0, 0.0, 0), (-4.0, 0.0, 1), (0.0, 1.0, 2), (0.0, -1.0, 3))
    first, second = shown.axes
    assert first.loadings[0] == ("spend_cents", pytest.approx(1.0))
    assert second.loadings[0] == ("recency_days", pytest.approx(1.0))
    assert first.variance_ratio == pytest.approx(32 / 34)
    assert second.variance_ratio == pytest.approx(2 / 34)


def test_distances_agree_with_scikit_learn():
    from sklearn.decomposition import PCA

    places = np.random.default_rng(3).normal(size=(60, WIDTH)) * np.arange(1, WIDTH + 1)
    shown = projected(places.tolist(), [0] * 60)
    oracle = PCA(2).fit(places)
    assert [a.variance_ratio for a in shown.axes] == pytest.approx(oracle.explained_variance_ratio_)
    ours = np.abs([point[:2] for point in shown.points])
    assert ours == pytest.approx(np.abs(oracle.transform(places)), abs=1e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_people_who_are_all_the_same_lie_in_the_middle(count):
    shown = projected([place(spend_cents=1.0)] * count, [0] * count)
    assert set(shown.points) == {(0.0, 0.0, 0)}
    assert [axis.variance_ratio for axis in shown.axes] == [0.0, 0.0]
