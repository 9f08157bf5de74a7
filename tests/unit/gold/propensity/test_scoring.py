"""Scoring: the probability of each person, and their place among all."""

import pytest

from frames import assert_rows, at
from kinfold.gold.propensity.scoring import propensity_scores
from kinfold.tables import gold

pytestmark = pytest.mark.xdist_group("propensity")  # on one worker, for what they share
NOW = at("2026-03-31")


def test_scores_have_one_row_per_person_and_deciles_of_equal_size(spark, people, model):
    scores = propensity_scores(people, model=model, model_name="m", model_version=4)
    assert scores.columns == list(gold.PROPENSITY_SCORES.columns)
    sizes = scores.groupBy("decile", "model", "model_version").count()
    expected = [(decile, "m", 4, 30) for decile in range(1, 11)]
    assert_rows(sizes, ["decile", "model", "model_version", "count"], expected)


def test_deciles_are_counted_within_a_moment_and_ties_are_settled_by_id(spark, people, model):
    alike = people.withColumns({c: people[c] * 0 for c in ("order_count", "spend_cents")})
    two = people.unionByName(people.selectExpr(*_at("2026-04-30")))
    scores = propensity_scores(two, model=model, model_name="m", model_version=1)
    first = scores.where("decile = 1").groupBy("as_of").count()
    assert_rows(first, ["count"], [(30,), (30,)])
    once = propensity_scores(alike, model=model, model_name="m", model_version=1)
    again = propensity_scores(alike.repartition(3), model=model, model_name="m", model_version=1)
    assert once.exceptAll(again).count() == 0


def _at(day):
    return [f"timestamp '{day}' AS as_of" if c == "as_of" else c for c in gold.FEATURES.columns]
