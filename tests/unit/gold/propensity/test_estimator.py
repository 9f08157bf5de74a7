"""The pipeline that turns features into a purchase probability."""

import pytest

from frames import at
from kinfold.core.settings.loading import load_settings
from kinfold.gold.propensity.estimator import (
    FEATURE_COLUMNS,
    Boosting,
    baseline_score,
    feature_importance,
    with_probability,
)
from kinfold.tables import gold
from project import HOME

pytestmark = pytest.mark.xdist_group("propensity")  # on one worker, to share its fixtures
NOW = at("2026-03-31")


def test_trees_and_depth_come_from_the_settings():
    conf = load_settings(HOME, "local", {"propensity.trees": 5, "propensity.depth": 2}).propensity
    assert Boosting.of(conf) == Boosting(trees=5, depth=2)


def test_every_declared_feature_is_used():
    assert set(FEATURE_COLUMNS) == set(gold.FEATURES.columns) - {"profile_id", "as_of"}


def test_frequent_buyers_have_a_higher_probability_than_lapsed_buyers(people, model):
    scored = with_probability(people, model=model)
    assert scored.columns == [*people.columns, "probability"]
    frequent = scored.where("order_count >= 10").agg({"probability": "min"}).first()[0]
    lapsed = scored.where("recency_days > 50").agg({"probability": "max"}).first()[0]
    assert 0.0 <= lapsed < frequent <= 1.0


def test_a_person_who_never_bought_is_scored_like_one_who_bought_100_years_ago(people, model):
    never, long_ago = (
        with_probability(people.limit(1).selectExpr(*_with(days)), model=model).first()
        for days in ("cast(null as double)", "36500D")
    )
    assert never["probability"] == long_ago["probability"]
    assert never["days_since_purchase"] is None


def _with(days):
    return [f"{days} AS {c}" if c == "days_since_purchase" else c for c in gold.FEATURES.columns]


def test_importances_add_up_to_one_over_all_features_largest_first(model):
    shares = feature_importance(model)
    assert set(shares) == set(FEATURE_COLUMNS)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_the_baseline_ranks_by_orders_and_then_by_recency(spark):
    rows = [("twice", 2, 90.0), ("once, lately", 1, 1.0), ("once", 1, 80.0), ("never", 0, 0.5)]
    people = spark.createDataFrame(rows, "who string, order_count bigint, recency_days double")
    ordered = people.orderBy(baseline_score().desc()).collect()
    assert [row["who"] for row in ordered] == ["twice", "once, lately", "once", "never"]
