"""parameters: match weights, and the model as JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kinfold.core.errors import ContractError
from kinfold.silver.matching.model.em import Mixture
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import (
    AttributeModel,
    MatchModel,
    household_facts,
    household_weight_table,
    learnt_model,
    probability,
    weight_at,
    weight_table,
)

GENDER = AttributeModel("sex", Kind.GENDER, (0.125, 0.875), (0.5, 0.4375), 0.4)
MODEL = MatchModel(-3.0, (GENDER,), 12)


def test_the_weight_of_a_level_is_the_logarithm_of_m_over_u():
    # Pattern 0 is missing, 1 is disagreement (1/8 to 1/2: -2 bits), 2 is equality (2 to 1: +1).
    weights = MODEL.pair_weights(np.array([0, 1, 2, 2]), np.array([0.0, 0.0, 0.0, 1.5]))
    assert weights == pytest.approx([-3.0, -5.0, -2.0, -0.5])


def test_a_missing_value_has_no_weight_and_is_not_known():
    evidence = MODEL.pair_evidence(np.array([0, 2]), np.array([0.0, 0.5]))
    assert evidence.match.tolist() == [[0.0, 0.0], [1.0, 0.5]]  # the last column is rarity
    assert evidence.known.tolist() == [[False, True], [True, True]]
    assert evidence.household.shape == (2, 0)


def test_what_one_household_explains_as_well_is_little_evidence_for_one_person():
    """Of two people in one household: the same name 1/8, random people 1/8; the same phone 7/8,
    random people 7/256. Both are likely for one person."""
    name = AttributeModel("name", Kind.GENDER, (1 / 8, 7 / 8), (7 / 8, 1 / 8), 0.1, (7 / 8, 1 / 8))
    phone = AttributeModel(
        "phone", Kind.GENDER, (1 / 8, 7 / 8), (249 / 256, 7 / 256), 0.1, (1 / 8, 7 / 8)
    )
    model = MatchModel(-5.0, (name, phone), 12, household_prior=-6.0)
    # Pattern 6: no name, equal phone. Odds of a person 2^(-5 + 5), of a household 2^(-6 + 5).
    # Pattern 8: equal name too, 2^log2(7) for a person, 1 for a household.
    # Pattern 7: another name, 1/7 for a person, 1 for a household.
    odds = 2 ** model.pair_weights(np.array([6, 8, 7]), np.zeros(3))
    assert odds == pytest.approx([1 / 1.5, 7 / 1.5, 1 / 7 / 1.5])
    # A rare phone is as rare in a household as with a person.
    assert 2 ** model.pair_weights(np.array([6]), np.array([3.0])) == pytest.approx([8 / 5])
    evidence = model.pair_evidence(np.array([6, 8]), np.array([3.0, 0.0]))
    assert evidence.household == pytest.approx(np.array([[0, 5, 3], [0, 5, 0]]))
    assert MatchModel.from_json(model.to_json()) == model


def test_a_household_is_known_if_two_of_its_facts_and_one_of_a_person_are():
    couple = [Kind.SURNAME, Kind.PHONE, Kind.GIVEN_NAME]
    assert household_facts(couple) == [True, True, False]
    assert household_facts(couple[:2]) == [], "nothing tells two members apart"
    assert household_facts(couple[1:]) == [], "one fact is not more than a candidate's"


def test_a_model_survives_json():
    again = MatchModel.from_json(MODEL.to_json())
    assert again == MODEL
    assert again.version == MODEL.version


def test_the_json_has_stable_keys_because_the_version_is_its_hash():
    content = json.loads(MODEL.to_json())
    assert list(content) == ["format", "prior", "household_prior", "attributes", "pairs"]
    assert list(content["attributes"][0]) == [
        *("name", "kind", "matched", "strangers", "chance_of_equal", "household"),
    ]
    assert MODEL.version == "5358cb1ba97c"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting property name"),
        ("3", "not subscriptable"),
        ('{"format": "kinfold matching model 1"}', "'format'"),
        ('{"format": "kinfold matching model 2"}', "'attributes'"),
        (MODEL.to_json().replace('"household": []', '"household": [1]'), "does not have 2 levels"),
        (MODEL.to_json().replace('_prior": null', '_prior": -9'), "household_prior and the house"),
        (MODEL.to_json().replace('"gender"', '"age"'), "'age' is not a valid Kind"),
        (MODEL.to_json().replace('"gender"', '"surname"'), "'sex' does not have 5 levels"),
    ],
)
def test_a_text_that_is_not_a_model_of_this_version_is_refused(text, problem):
    message = f"^here: is not a 'kinfold matching model 2' .problem: .*{problem}"
    with pytest.raises(ContractError, match=message):
        MatchModel.from_json(text, where="here")


def test_the_prior_is_that_of_two_random_records():
    # 4 records have 6 pairs; half of 3 candidates are matches: share 1/4, odds 1 to 3.
    mixture = Mixture(0.5, (np.array([0.125, 0.875]),), 1)
    model = learnt_model(
        mixture,
        names=["sex"],
        kinds=[Kind.GENDER],
        u_probabilities=[np.array([0.5, 0.4375])],
        chances_of_equal=[0.4],
        pairs=3,
        records=4,
    )
    assert model.prior == pytest.approx(-np.log2(3))
    assert model.attributes == (GENDER,)
    assert model.household_prior is None


def test_the_prior_of_a_household_is_that_of_two_random_records_too():
    # A third of 3 candidates, of 6 pairs: share 1/6, odds 1 to 5.
    levels = (np.array([0.125, 0.875]),)
    model = learnt_model(
        Mixture(0.5, levels, 1, 1 / 3, (np.array([0.5, 0.5]),)),
        names=["sex"],
        kinds=[Kind.GENDER],
        u_probabilities=[np.array([0.5, 0.4375])],
        chances_of_equal=[0.4],
        pairs=3,
        records=4,
    )
    assert model.household_prior == pytest.approx(-np.log2(5))
    assert model.attributes[0].household_probabilities == (0.5, 0.5)


def test_a_report_shows_the_weight_of_each_level_by_its_label():
    assert weight_table(MODEL) == {"sex": {"else": -2.0, "equal": 1.0}}
    assert household_weight_table(MODEL) == {}
    known = replace(GENDER, household_probabilities=(0.25, 0.4375))
    model = replace(MODEL, attributes=(known,), household_prior=-4.0)
    assert household_weight_table(model) == {"sex": {"else": -1.0, "equal": 0.0}}


def test_even_odds_are_zero_bits():
    assert weight_at(0.5) == 0
    assert probability(np.array([0.0, 3.0])) == pytest.approx([0.5, 8 / 9])
    assert (weight_at(0), weight_at(1)) == (float("-inf"), float("inf"))
