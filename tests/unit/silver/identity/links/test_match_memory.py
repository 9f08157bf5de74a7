"""match_memory: what is kept of the compared pairs. tests/jobs/test_match_records.py runs it."""

import numpy as np

from kinfold.silver.identity.links.match_memory import changed_pairs
from kinfold.silver.matching.model.parameters import MatchModel
from kinfold.silver.matching.records import Terms
from kinfold.silver.matching.scored_pairs import MatchMemory


def memory(*pairs):
    left, right = (np.array([pair[n] for pair in pairs], np.int64) for n in (0, 1))
    nothing = np.empty(0)
    terms = Terms(nothing, nothing, (), ())
    return MatchMemory(MatchModel(0.0, (), 0), terms, 3, left, right, left, left.astype(np.float32))


def test_pairs_are_new_or_gone():
    now, before = memory((-9, 5), (5, 7), (2**60, -3)), memory((5, 7), (-9, 4))
    is_new, is_gone = changed_pairs(now, before)
    assert is_new.tolist() == [True, False, True]
    assert is_gone.tolist() == [False, True]


def test_if_no_pair_is_left_all_are_gone():
    is_new, is_gone = changed_pairs(memory(), memory((5, 7)))
    assert (is_new.tolist(), is_gone.tolist()) == ([], [True])
