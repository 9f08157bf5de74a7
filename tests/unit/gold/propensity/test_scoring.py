"""Scoring: purchase probability and decile of each person."""

import pytest

from frames import assert_rows, at
from kinfold.gold.propensity.scoring import propensity_scores
from kinfold.tables import gold

pytestmark = pytest.mark.xdist_group("propensity")  # on one worker, to share its fixtures
NOW = at("2026-03-31")


def test_there_is_one_score_per_person_and_deciles_have_equal_sizes(spark, people, model):
    scores = propensity_scores(people, model=model, model_name="m", model_version=4)
    assert scores.columns == list(gold.PROPENSITY_SCORES.columns)
    sizes = scores.groupBy("decile", "model", "model_version").count()
    expected = [(decile, "m", 4, 30) for decile in range(1, 11)]
    assert_rows(sizes, ["decile", "model", "model_version", "count"], expected)


def test_deciles_are_computed_per_moment_and_ties_are_broken_by_id(spark, people, model):
    equal = people.withColumns({c: people[c] * 0 for c in ("order_count", "spend_cents")})
    two = people.unionByName(people.selectExpr(*_at("2026-04-30")))
    scores = propensity_scores(two, model=model, model_name="m", model_version=1)
    first = scores.where("decile = 1").groupBy("as_of").count()
    assert_rows(first, ["count"], [(30,), (30,)])
    once = propensity_scores(equal, model=model, model_name="m", model_version=1)
    again = propensity_scores(equal.repartition(3), model=model, model_name="m", model_version=1)
    assert once.exceptAll(again).count() == 0


def _at(day):
    return [f"timestamp '{day}' AS as_of" if c == "as_of" else c for c in gold.FEATURES.columns]
