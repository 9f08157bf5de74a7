"""parameters: match weights, and the model as JSON."""

import json

import numpy as np
import pytest

from kinfold.core.errors import ContractError
from kinfold.silver.matching.model.em import Mixture
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import (
    AttributeModel,
    MatchModel,
    learnt_model,
    probability,
    weight_at,
    weight_table,
)

GENDER = AttributeModel("sex", Kind.GENDER, (0.125, 0.875), (0.5, 0.4375), 0.4)
MODEL = MatchModel(-3.0, (GENDER,), 12)


def test_the_weight_of_a_level_is_the_logarithm_of_m_over_u():
    # Pattern 0 is missing, 1 is disagreement (1/8 to 1/2: -2 bits), 2 is equality (2 to 1: +1).
    assert MODEL.pattern_weights(np.array([0, 1, 2])) == pytest.approx([-3.0, -5.0, -2.0])


def test_a_missing_value_has_no_weight_and_is_not_known():
    bits, known = MODEL.pattern_evidence(np.array([0, 2]))
    assert bits[:, 0] == pytest.approx([0.0, 1.0])
    assert list(known[:, 0]) == [False, True]


def test_a_model_survives_json():
    again = MatchModel.from_json(MODEL.to_json())
    assert again == MODEL
    assert again.version == MODEL.version


def test_the_json_has_stable_keys_because_the_version_is_its_hash():
    content = json.loads(MODEL.to_json())
    assert list(content) == ["format", "prior", "attributes", "pairs"]
    assert list(content["attributes"][0]) == [
        *("name", "kind", "matched", "strangers", "chance_of_equal"),
    ]
    assert MODEL.version == "54071166ae0f"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting property name"),
        ("3", "not subscriptable"),
        ('{"format": "kinfold matching model 2"}', "'format'"),
        ('{"format": "kinfold matching model 1"}', "'attributes'"),
        (MODEL.to_json().replace('"gender"', '"age"'), "'age' is not a valid Kind"),
        (MODEL.to_json().replace('"gender"', '"surname"'), "'sex' does not have 5 levels"),
    ],
)
def test_a_text_that_is_not_a_model_of_this_version_is_refused(text, problem):
    message = f"^here: is not a 'kinfold matching model 1' .problem: .*{problem}"
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


def test_a_report_shows_the_weight_of_each_level_by_its_label():
    assert weight_table(MODEL) == {"sex": {"else": -2.0, "equal": 1.0}}


def test_even_odds_are_zero_bits():
    assert weight_at(0.5) == 0
    assert probability(np.array([0.0, 3.0])) == pytest.approx([0.5, 8 / 9])
    assert (weight_at(0), weight_at(1)) == (float("-inf"), float("inf"))
