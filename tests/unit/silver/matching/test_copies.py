"""copies: records with equal values."""

import numpy as np
import pytest

from kinfold.silver.matching.copies import EqualRecords, prior_of_copies


def equal_records(spark, *rows):
    return EqualRecords.of(spark.createDataFrame(list(rows), "record_no long, record_key string"))


@pytest.fixture
def equal(spark):
    """Five records; `a`, `c` and `e` are equal."""
    return equal_records(spark, (9, "c"), (5, "b"), (9, "e"), (9, "a"), (7, "d"))


def test_records_are_sorted_by_key_and_distinct_records_by_number(equal):
    assert list(equal.keys) == ["a", "b", "c", "d", "e"]
    assert list(equal.numbers) == [5, 7, 9]
    assert list(equal.firsts) == [1, 3, 0]
    assert list(equal.counts) == [1, 1, 3]
    assert list(equal.copied) == [2]


def test_copies_are_linked_to_the_first_of_them(equal):
    first, other, place = equal.star(np.array([2]))
    assert (list(first), list(other), list(place)) == ([0, 0], [2, 4], [0, 0])


def test_copies_are_one_person_if_the_model_says_so(equal):
    alone = np.array([0, 1, 2])
    assert list(equal.labels(alone, np.array([False, False, True]))) == [0, 1, 0, 3, 0]
    assert list(equal.labels(alone, np.zeros(3, bool))) == [0, 1, 2, 3, 4]


def test_copies_follow_a_group_that_their_values_join(equal):
    assert list(equal.labels(np.array([0, 1, 1]), np.zeros(3, bool))) == [0, 1, 0, 0, 0]


def test_copies_that_chance_explains_have_a_low_prior():
    # A thousand records, of which 50 are equal in a value with a chance of one in twenty.
    by_chance = prior_of_copies(np.array([4.3]), np.array([50]), matched_pairs=0.0, records=1_000)
    assert by_chance + 4.3 < 0


def test_copies_of_rich_records_have_the_share_of_copies_as_prior():
    # Twenty people with a hundred records each: 99,000 of 1,999,000 pairs match.
    prior = prior_of_copies(np.full(20, 40.0), np.full(20, 100), matched_pairs=0.0, records=2_000)
    assert prior == pytest.approx(np.log2(99_000 / 1_900_000), abs=0.01)


def test_a_file_of_one_person_has_even_odds():
    assert prior_of_copies(np.array([5.0]), np.array([4]), matched_pairs=0, records=4) == 0
