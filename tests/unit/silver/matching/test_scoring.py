"""scoring: patterns of pairs, and the weight of rarity."""

import numpy as np
import pytest

from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.scoring import pair_levels, rarity_bits


def column(*values):
    return np.array(values, dtype=object)


def test_names_that_changed_places_count_as_close():
    kinds = [Kind.GIVEN_NAME, Kind.SURNAME]
    left = [column("ann", "ann", "ann"), column("lee", "lee", None)]
    right = [column("lee", "zoe", "lee"), column("ann", "ann", "ann")]
    given, surname = pair_levels(left, right, kinds=kinds)
    assert list(given) == [3, 0, 0]
    assert list(surname) == [3, 0, -1]


def test_a_rare_value_adds_and_a_common_one_takes():
    # Two values are equal by chance in 1/8 of pairs; rare 1/32 adds 2 bits, common 1/4 takes 1.
    levels = np.array([4, 4, 3, 0], dtype=np.int8)
    left = np.array([1 / 32, 1 / 4, 1 / 64, 0.5])
    right = np.array([1 / 32, 1 / 4, 1 / 32, 0.5])
    found = rarity_bits(levels, left, right, equal=4, chance_of_equal=1 / 8)
    assert found == pytest.approx([2.0, -1.0, 1.0, 0.0])
