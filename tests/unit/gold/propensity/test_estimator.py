"""Estimator: from features to the probability of an act."""

import pytest

from frames import at
from kinfold.gold.propensity.estimator import (
    FEATURE_COLUMNS,
    baseline_score,
    feature_importance,
    with_probability,
)
from kinfold.tables import gold

pytestmark = pytest.mark.xdist_group("propensity")  # on one worker, for what they share
NOW = at("2026-03-31")


def test_every_feature_that_is_declared_is_used():
    assert set(FEATURE_COLUMNS) == set(gold.FEATURES.columns) - {"profile_id", "as_of"}


def test_who_buys_often_is_likelier_to_buy_than_who_left(people, model):
    scored = with_probability(people, model=model)
    assert scored.columns == [*people.columns, "probability"]
    frequent = scored.where("order_count >= 10").agg({"probability": "min"}).first()[0]
    lapsed = scored.where("recency_days > 50").agg({"probability": "max"}).first()[0]
    assert 0.0 <= lapsed < frequent <= 1.0


def test_who_never_bought_is_not_taken_for_an_average_buyer(people, model):
    never, long_ago = (
        with_probability(people.limit(1).selectExpr(*_with(days)), model=model).first()
        for days in ("cast(null as double)", "36500D")
    )
    assert never["probability"] == long_ago["probability"]
    assert never["days_since_purchase"] is None


def _with(days):
    return [f"{days} AS {c}" if c == "days_since_purchase" else c for c in gold.FEATURES.columns]


def test_importance_is_shared_out_among_all_features_largest_first(model):
    shares = feature_importance(model)
    assert set(shares) == set(FEATURE_COLUMNS)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_the_rule_puts_frequent_buyers_first_and_of_equals_who_was_here_last(spark):
    rows = [("twice", 2, 90.0), ("once, lately", 1, 1.0), ("once", 1, 80.0), ("never", 0, 0.5)]
    people = spark.createDataFrame(rows, "who string, order_count bigint, recency_days double")
    ordered = people.orderBy(baseline_score().desc()).collect()
    assert [row["who"] for row in ordered] == ["twice", "once, lately", "once", "never"]
