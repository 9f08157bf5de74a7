"""scored_pairs: what a run leaves to the next one."""

import numpy as np
import pytest

from kinfold.silver.matching.model.parameters import MatchModel
from kinfold.silver.matching.records import Terms
from kinfold.silver.matching.scored_pairs import MatchMemory, ScoredPairs, positions_of
from kinfold.silver.matching.settings import MatchingSettings, TrainingConf


@pytest.fixture
def memory():
    """Ten records; pairs of the records 30, 10 and 20."""
    nothing = np.empty(0)
    return MatchMemory(
        MatchModel(0.0, (), 0),
        Terms(nothing, nothing, (), ()),
        10,
        np.array([20, 10, 10]),
        np.array([30, 30, 10]),
        np.array([7, 8, 9]),
        np.array([0.5, 0.25, 0.0], np.float32),
    )


@pytest.mark.parametrize(("records", "fits"), [(4, False), (5, True), (15, True), (16, False)])
def test_a_model_fits_while_the_number_of_records_is_about_the_same(memory, records, fits):
    settings = MatchingSettings(training=TrainingConf(relearn_at=0.5))
    assert memory.fits(records, settings) is fits


def test_pairs_of_existing_records_are_sorted_by_their_positions(memory):
    found = memory.pairs_of(np.array([10, 15, 30]))
    assert (found.left.tolist(), found.right.tolist()) == ([0, 0], [0, 2])
    assert (found.pattern.tolist(), found.rarity.tolist()) == ([9, 8], [0.0, 0.25])


def test_a_memory_without_pairs_keeps_its_model(memory):
    bare = memory.without_pairs()
    assert (len(bare.left), bare.model, bare.records) == (0, memory.model, 10)
    assert len(bare.pairs_of(np.array([10])).left) == 0


def test_numbers_have_positions():
    wanted = np.array([5, 6, 9, 1, 99])
    assert positions_of(np.array([5, 9]), wanted).tolist() == [0, -1, 1, -1, -1]


def test_no_pairs():
    assert len(ScoredPairs.none().codes) == 0
