"""model: weights, and the way to JSON and back."""

import numpy as np
import pytest

from kinfold.core.errors import ContractError
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.model.parameters import (
    AttributeModel,
    MatchModel,
    probability,
    weight_at,
)

GENDER = AttributeModel("sex", Kind.GENDER, (0.125, 0.875), (0.5, 0.4375), 0.4)
MODEL = MatchModel(-3.0, (GENDER,), 12)


def test_agreement_is_worth_the_logarithm_of_the_odds():
    # Pattern 0 is missing, 1 disagreement (1/8 to 1/2: -2 bits), 2 equality (2 to 1: +1 bit).
    assert MODEL.pattern_weights(np.array([0, 1, 2])) == pytest.approx([-3.0, -5.0, -2.0])


def test_the_evidence_of_a_missing_value_is_nothing_and_not_known():
    bits, known = MODEL.pattern_evidence(np.array([0, 2]))
    assert bits[:, 0] == pytest.approx([0.0, 1.0])
    assert list(known[:, 0]) == [False, True]


def test_a_model_survives_json():
    again = MatchModel.from_json(MODEL.to_json())
    assert again == MODEL
    assert again.version == MODEL.version


def test_another_text_is_refused():
    with pytest.raises(ContractError, match="is no 'kinfold matching model 1'"):
        MatchModel.from_json('{"format": "else"}')


def test_even_odds_are_zero_bits():
    assert weight_at(0.5) == 0
    assert probability(np.array([0.0, 3.0])) == pytest.approx([0.5, 8 / 9])
    assert (weight_at(0), weight_at(1)) == (float("-inf"), float("inf"))
