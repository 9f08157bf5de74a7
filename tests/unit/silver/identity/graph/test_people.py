"""The laws of people in the identity graph.

Nodes are numbers; the namespace is the number modulo 3: 0 user_id, 1 email, 2 cookie_id.
"""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.graph.handovers import MICROSECONDS_PER_DAY as DAY
from made_graphs import COOKIE, EMAIL, USER, MadeGraph, rules

UNGUARDED = rules(limits={}, shared_by={})
SIGHTINGS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 23), st.integers(0, 23), st.integers(0, 23)),
    min_size=1,
    max_size=25,
)


def grown(batches, *, guards=None):
    graph = MadeGraph(guards or rules())
    for batch in batches:
        graph.see(*batch)
    return graph


def people(graph):
    groups = {}
    for node, key in graph.person.items():
        groups.setdefault(key, set()).add(node)
    return {frozenset(group) for group in groups.values()}


def test_identifiers_seen_together_are_one_person_under_the_earliest_ones_key():
    graph = grown([[(5, 0, 1), (9, 2, 1), (7, 3, 4)]])
    assert people(graph) == {frozenset({0, 1, 2}), frozenset({3, 4})}
    assert graph.person[2] == 0, "of two seen at the same time the smaller node"
    assert graph.person[4] == 3


def test_on_a_merge_the_older_person_survives():
    graph = grown([[(5, 3, 1)], [(2, 2, 4)], [(9, 1, 2)]])
    assert set(graph.person.values()) == {2}


def test_a_device_of_two_people_stays_with_the_first_one():
    graph = grown([[(1, 0, 2), (2, 3, 2)]])
    assert people(graph) == {frozenset({0, 2}), frozenset({3})}
    assert graph.blocked == {(3, 2)}


def test_a_value_that_too_many_share_belongs_to_no_person():
    graph = grown([[(1, 0, 2), (2, 3, 2), (3, 6, 2)]])
    assert graph.shared == set()
    graph.see((4, 9, 2))
    assert graph.shared == {2}
    assert 2 not in graph.person
    assert people(graph) == {frozenset({n}) for n in (0, 3, 6, 9)}
    graph.see((5, 12, 2))
    assert people(graph) == {frozenset({n}) for n in (0, 3, 6, 9, 12)}


def test_a_released_value_joins_again():
    guards = rules(released=np.array([2]), limits={})
    assert people(grown([[(i, 3 * i, 2) for i in range(6)]], guards=guards)) == {
        frozenset({0, 3, 6, 9, 12, 15, 2})
    }


def test_two_accounts_that_an_alias_links_count_as_one():
    graph = grown([[(1, 0, 3), (2, 0, 2), (3, 3, 5)]])
    assert people(graph) == {frozenset({0, 3, 2, 5})}
    graph.see((4, 6, 5))
    assert graph.blocked == {(6, 5)}


def test_a_previous_account_of_more_accounts_than_allowed_belongs_to_no_person():
    graph = MadeGraph(rules(limits={USER: 1}, shared_by={(USER, USER): 1}))
    graph.see((1, 0, 1))
    graph.see((2, 3, 4))
    graph.alias(0, previous=6, at=3)
    assert people(graph) == {frozenset({0, 1, 6}), frozenset({3, 4})}
    graph.alias(3, previous=6, at=4)
    assert graph.shared == {6}
    assert people(graph) == {frozenset({0, 1}), frozenset({3, 4})}
    graph.alias(0, previous=9, at=5)  # one account may have several previous ones
    graph.alias(0, previous=12, at=6)
    assert frozenset({0, 1, 9, 12}) in people(graph)


def test_nodes_that_are_kept_apart_are_never_one_person():
    guards = rules(apart=np.array([[2, 5]]))
    graph = grown([[(1, 1, 2), (2, 1, 5)]], guards=guards)
    assert people(graph) == {frozenset({1, 2}), frozenset({5})}


def test_a_shared_value_that_is_deleted_may_return_as_another_ones():
    graph = grown([[(i, 3 * i, 2) for i in range(4)]])
    assert graph.shared == {2}
    graph.forget(2)
    assert graph.shared == set()
    graph.see((9, 0, 2))
    assert graph.person[2] == graph.person[0]


def test_on_a_split_the_largest_part_keeps_the_id_though_the_founder_is_in_the_other():
    graph = grown([[(0, 2), (1, 2, 1), (2, 0, 1), (3, 0, 5), (4, 0, 8)]])
    assert set(graph.person.values()) == {2}
    graph.withdraw((1, 2))
    assert people(graph) == {frozenset({2}), frozenset({0, 1, 5, 8})}
    assert graph.person[0] == 2
    assert graph.person[2] not in (0, 1, 2, 5, 8)


def test_an_id_stays_after_the_identifier_it_came_from_is_deleted():
    graph = grown([[(0, 2), (1, 2, 1), (2, 0, 1)]])
    graph.forget(2)
    assert graph.person == {0: 2, 1: 2}
    graph.see((9, 2, 4))
    assert graph.person[0] == 2
    assert graph.person[2] == graph.person[4] != 2, "an identifier that returns founds a new person"


@settings(max_examples=150, deadline=None)
@given(SIGHTINGS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_incremental_runs_in_any_order_give_the_people_and_ids_of_one_run(sightings, random, steps):
    shuffled = random.sample(sightings, len(sightings))
    size = -(-len(shuffled) // steps)
    batches = [shuffled[i : i + size] for i in range(0, len(shuffled), size)]
    assert grown(batches).state() == grown([sightings]).state()


@settings(max_examples=100, deadline=None)
@given(SIGHTINGS, st.randoms(use_true_random=False))
def test_without_guards_people_are_the_components_of_networkx(sightings, random):
    graph = grown([[one] for one in random.sample(sightings, len(sightings))], guards=UNGUARDED)
    oracle = nx.Graph()
    for _, *nodes in sightings:
        nx.add_path(oracle, nodes)
    assert people(graph) == {frozenset(c) for c in nx.connected_components(oracle)}


@settings(max_examples=150, deadline=None)
@given(SIGHTINGS, SIGHTINGS, st.data())
def test_after_withdrawals_and_deletions_a_rebuild_changes_nothing(before, after, data):
    graph = grown([before])
    links = sorted(graph.links)
    if links:
        graph.withdraw(*data.draw(st.lists(st.sampled_from(links), unique=True, max_size=4)))
    graph.see(*after[: len(after) // 2])
    graph.forget(*data.draw(st.lists(st.sampled_from(sorted(graph.first_seen)), max_size=3)))
    graph.see(*after[len(after) // 2 :])
    state = [dict(part) if isinstance(part, dict) else set(part) for part in graph.state()]
    graph.rebuild()
    assert state == list(graph.state())


@settings(max_examples=100, deadline=None)
@given(SIGHTINGS)
def test_repeated_sightings_change_no_id_and_no_limit_is_broken(sightings):
    graph = grown([sightings])
    before = dict(graph.person)
    graph.see(*sightings)
    assert graph.person == before
    for person in people(graph):
        users = {node for node in person if node % 3 == USER}
        aliases = nx.Graph([link for link in graph.links if link[0] % 3 == link[1] % 3 == USER])
        aliases.add_nodes_from(users)
        joined = list(nx.connected_components(aliases.subgraph(users)))
        assert len(joined) <= 1


@pytest.mark.parametrize("kind", [USER, EMAIL, COOKIE])
def test_two_people_never_share_an_id(kind):
    graph = grown([[(i, 3 * i + kind, 3 * i + 3 + kind) for i in range(6)]], guards=UNGUARDED)
    for node in sorted(graph.first_seen)[1:-1]:
        graph.forget(node)
        graph.see((50, node))
    assert len(set(graph.person.values())) == len(people(graph)) == len(graph.first_seen)


REASSIGNED = {"reassigned_after": {EMAIL: 30}, "shared_by": {(EMAIL, USER): 2}}


def days(*sightings):
    return [(day * DAY, *nodes) for day, *nodes in sightings]


def test_a_value_passes_to_the_person_it_is_seen_with_after_long_enough_without_the_old_one():
    graph = MadeGraph(rules(**REASSIGNED))
    graph.see(*days((0, 0, 1, 2), (5, 0, 1), (1, 3, 5)))
    graph.see(*days((34, 3, 1)))
    assert people(graph) == {frozenset({0, 1, 2}), frozenset({3, 5})}, "29 days are too few"
    graph = MadeGraph(rules(**REASSIGNED))
    graph.see(*days((0, 0, 1, 2), (5, 0, 1), (1, 3, 5)))
    graph.see(*days((35, 3, 1)))
    assert people(graph) == {frozenset({0, 2}), frozenset({3, 5, 1})}
    assert graph.ended == {(0, 1)}
    graph.see(*days((36, 0, 1)))
    assert people(graph) == {frozenset({0, 1, 2}), frozenset({3, 5})}, "the old one still has it"
    assert graph.ended == set()


def test_a_person_keeps_its_id_when_the_value_that_it_came_from_passes_on():
    graph = MadeGraph(rules(**REASSIGNED))
    graph.see(*days((0, 1, 2), (1, 0, 1), (1, 0, 2)))
    assert graph.person[0] == 1
    graph.see(*days((2, 3, 4), (80, 3, 1)))
    assert people(graph) == {frozenset({0, 2}), frozenset({3, 4, 1})}
    assert graph.person[0] == 1
    assert graph.person[1] == graph.person[3] == 3


def test_what_was_only_seen_with_the_old_owner_ends_with_it():
    # A cookie without an account had the address while its owner did, another one after that.
    graph = MadeGraph(rules(**REASSIGNED))
    graph.see(*days((0, 0, 1), (0, 1, 2), (80, 3, 1), (90, 1, 5)))
    assert people(graph) == {frozenset({0}), frozenset({2}), frozenset({3, 1, 5})}


def test_a_value_that_passes_on_several_times_is_not_shared_but_one_of_three_at_once_is():
    graph = MadeGraph(rules(**REASSIGNED))
    graph.see(*days((0, 0, 1), (100, 3, 1), (200, 6, 1), (300, 9, 1)))
    assert graph.shared == set()
    assert frozenset({9, 1}) in people(graph)
    graph.see(*days((301, 0, 1), (302, 3, 1)))
    assert graph.shared == {1}
    assert 1 not in graph.person


def test_without_the_setting_a_value_stays_with_the_first_one():
    graph = MadeGraph(rules(shared_by={}))
    graph.see(*days((0, 0, 1), (5_000, 3, 1)))
    assert people(graph) == {frozenset({0, 1}), frozenset({3})}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 11), st.integers(0, 11)),
        min_size=1,
        max_size=25,
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 6),
)
def test_values_pass_on_in_the_same_way_in_whatever_order_sightings_arrive(
    sightings, random, steps
):
    at_once = MadeGraph(rules(**REASSIGNED))
    at_once.see(*days(*sightings))
    shuffled = random.sample(sightings, len(sightings))
    size = -(-len(shuffled) // steps)
    increments = MadeGraph(rules(**REASSIGNED))
    for start in range(0, len(shuffled), size):
        increments.see(*days(*shuffled[start : start + size]))
    assert increments.state() == at_once.state()
    increments.rebuild()
    assert increments.state() == at_once.state()
