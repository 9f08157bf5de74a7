"""Values that pass from one person to another.

Ten nodes each are records (R), users (U), e-mail addresses (E) and phone numbers (P).
"""

import numpy as np
import pytest

from kinfold.silver.identity.graph.handovers import (
    MICROSECONDS_PER_DAY as DAY,
    ObservedLinks,
    day_of,
    handovers,
    most_at_once,
)

RECORD, USER, EMAIL, PHONE = 0, 1, 2, 3
NAMESPACE = np.repeat(np.array([RECORD, USER, EMAIL, PHONE], np.uint8), 10)
R, U, E, P = (list(range(start, start + 10)) for start in (0, 10, 20, 30))


def ended(*links, shared=(), decided=(), after=None, owners=(USER,)):
    """The indices of links that have ended; a link is (one end, other end, first day, last day)."""
    left, right, first, last = np.array(links, np.int64).T
    is_assigned = ~np.isin(np.arange(len(NAMESPACE)), shared)
    result = handovers(
        ObservedLinks(
            left.astype(np.int32),
            right.astype(np.int32),
            first * DAY,
            last.astype(np.int32),
            ~np.isin(np.arange(len(links)), decided),
        ),
        NAMESPACE,
        is_assigned,
        after_days={PHONE: 30} if after is None else after,
        owners=owners,
    )
    assert set(result.edge.tolist()) == set(np.flatnonzero(result.is_ended).tolist())
    return np.flatnonzero(result.is_ended).tolist()


def test_a_link_ends_if_its_value_is_first_seen_with_another_owner_long_enough_after_it():
    assert ended((U[0], P[0], 0, 10), (U[1], P[0], 40, 50)) == [0]
    assert ended((U[0], P[0], 0, 10), (U[1], P[0], 39, 50)) == []
    assert ended((U[1], P[0], 40, 50), (P[0], U[0], 0, 10)) == [1], "whichever end is left"


def test_a_value_that_two_use_at_the_same_time_stays_with_both():
    assert ended((U[0], P[0], 0, 100), (U[1], P[0], 40, 50)) == []


def test_a_value_that_only_pauses_passes_to_nobody():
    assert ended((U[0], P[0], 0, 10), (U[0], P[1], 200, 300), (U[0], E[0], 100, 300)) == []


def test_a_value_passes_on_several_times():
    assert ended((U[0], P[0], 0, 1), (U[1], P[0], 50, 51), (U[2], P[0], 100, 101)) == [0, 1]


def test_the_owner_of_a_record_or_an_address_is_the_only_one_that_it_has():
    old, new = (U[0], R[0], 0, 0), (U[1], R[1], 100, 100)
    assert ended(old, new, (R[0], P[0], 0, 10), (R[1], P[0], 40, 50)) == [2]
    assert ended((U[0], E[0], 0, 0), (E[0], P[0], 0, 10), (U[1], P[0], 40, 50)) == [1]
    two = [(U[0], E[0], 0, 0), (U[1], E[0], 0, 0), (E[0], P[0], 0, 10), (U[1], P[0], 40, 50)]
    assert ended(*two) == [], "an address of two owners has none"
    same = [(U[0], E[0], 0, 0), (E[0], P[0], 0, 10), (U[0], P[0], 40, 50)]
    assert ended(*same) == [], "it stays with its owner"


def test_a_link_without_owner_ends_with_the_last_one_that_it_was_seen_before():
    links = [(U[0], P[0], 0, 10), (U[1], P[0], 40, 50), (E[0], P[0], 0, 5), (E[1], P[0], 0, 11)]
    assert ended(*links) == [0, 2]


def test_a_shared_owner_takes_no_value_and_a_shared_value_passes_to_nobody():
    links = [(U[0], P[0], 0, 10), (U[1], P[0], 40, 50)]
    assert ended(*links, shared=[U[1]]) == []
    assert ended(*links, shared=[P[0]]) == []


def test_decisions_and_other_namespaces_do_not_end():
    assert ended((U[0], P[0], 0, 10), (U[1], P[0], 40, 50), decided=[0]) == []
    assert ended((U[0], E[0], 0, 10), (U[1], E[0], 40, 50)) == []
    assert ended((U[0], P[0], 0, 10), (U[1], P[0], 40, 50), after={}) == []
    assert ended((U[0], P[0], 0, 10), (U[1], P[0], 40, 50), owners=[]) == []


def test_days_are_counted_in_utc_before_1970_too():
    assert day_of(np.array([-1, 0, DAY - 1, DAY])).tolist() == [-1, 0, 0, 1]


@pytest.mark.parametrize(
    ("links", "most"),
    [
        ([(0, 10), (40, 50), (80, 90)], 1),  # each ends 30 days after it was seen last
        ([(0, 10), (39, 50), (80, 90)], 2),
        ([(0, 90), (10, 20), (60, 70), (65, 66)], 3),
    ],
)
def test_only_links_at_the_same_time_count_as_shared(links, most):
    first, last = np.array(links, np.int32).T
    node = np.full(len(links), 7)
    assert most_at_once(node, first, last, after=30).tolist() == [most]
    both = [np.concatenate([one, one]) for one in (first, last)]
    assert most_at_once(np.concatenate([node, node - 1]), *both, after=30).tolist() == [most, most]
