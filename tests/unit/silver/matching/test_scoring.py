"""scoring: agreement levels of pairs, and the weight of rarity."""

import numpy as np
import pytest

from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.scoring import pair_levels, rarity_bits


def column(*values):
    return np.array(values, dtype=object)


def test_swapped_names_count_as_close():
    kinds = [Kind.GIVEN_NAME, Kind.SURNAME]
    left = [column("ann", "ann", "ann"), column("lee", "lee", None)]
    right = [column("lee", "zoe", "lee"), column("ann", "ann", "ann")]
    given, surname = pair_levels(left, right, kinds=kinds)
    assert list(given) == [3, 0, 0]
    assert list(surname) == [3, 0, -1]


def test_a_rare_value_adds_weight_and_a_common_one_takes_weight():
    # 1/8 of random pairs are equal: a value of 1/32 adds 2 bits, one of 1/4 takes 1 bit.
    levels = np.array([4, 4, 3, 0], dtype=np.int8)
    left = np.array([1 / 32, 1 / 4, 1 / 64, 0.5])
    right = np.array([1 / 32, 1 / 4, 1 / 32, 0.5])
    bits = rarity_bits(levels, left, right, equal=4, chance_of_equal=1 / 8)
    assert bits == pytest.approx([2.0, -1.0, 1.0, 0.0])
