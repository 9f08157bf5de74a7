"""People within declared limits, against a plain loop."""

from collections import Counter
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.graph.components import component_labels
from kinfold.silver.identity.graph.guards import FORBIDDEN, TOO_MANY_IDENTIFIERS, guarded_components

EMAIL, CRM, DEVICE = 0, 1, 2


def guarded(nodes, edges, *, limits, max_size=None, forbidden=None):
    """`nodes`: namespace codes; `edges`: (left, right, trust, seen, tie)."""
    left, right, trust, seen, tie = (np.array(part) for part in zip(*edges, strict=True))
    return guarded_components(
        len(nodes),
        left,
        right,
        namespace=np.array(nodes, dtype=np.uint8),
        limits=limits,
        max_size=max_size,
        trust=trust.astype(np.float32),
        seen=seen,
        tie=tie,
        forbidden=None if forbidden is None else tuple(np.array(forbidden).reshape(-1, 2).T),
    )


def plain_loop(nodes, edges, *, limits, max_size, forbidden):
    """The same rule as a slow plain loop with sets: labels and reasons."""
    person = {node: frozenset([node]) for node in range(len(nodes))}
    reasons = [0] * len(edges)
    for edge in sorted(range(len(edges)), key=lambda e: (-edges[e][2], *edges[e][3:])):
        left, right = edges[edge][:2]
        if person[left] == person[right]:
            continue
        union = person[left] | person[right]
        counts = Counter(nodes[node] for node in union)
        broken = [1 + code for code in sorted(limits) if counts[code] > limits[code]]
        if any({a, b} <= union for a, b in forbidden):
            reasons[edge] = FORBIDDEN
        elif broken:
            reasons[edge] = broken[0]
        elif max_size is not None and len(union) > max_size:
            reasons[edge] = TOO_MANY_IDENTIFIERS
        else:
            person.update(dict.fromkeys(union, union))
    return [min(person[node]) for node in range(len(nodes))], reasons


@st.composite
def graphs(draw):
    nodes = draw(st.lists(st.sampled_from([EMAIL, CRM, DEVICE]), min_size=2, max_size=14))
    node = st.integers(0, len(nodes) - 1)
    # Few different trusts and instants, so that every part of the order matters somewhere.
    edge = st.tuples(node, node, st.sampled_from([0.5, 0.9, 1.0]), st.integers(1, 3))
    drawn = draw(st.lists(edge, min_size=1, max_size=30))
    ties = draw(st.permutations(range(len(drawn))))
    edges = [(*part, tie) for part, tie in zip(drawn, ties, strict=True)]
    pair = st.tuples(node, node).filter(lambda ends: ends[0] != ends[1])
    return nodes, edges, draw(st.lists(pair, max_size=4))


LIMITS = st.dictionaries(st.sampled_from([EMAIL, CRM, DEVICE]), st.integers(1, 3))
MAX_SIZE = st.none() | st.integers(1, 8)


def test_an_edge_that_would_break_a_limit_is_refused_with_the_namespace():
    chain = [(0, 1, 1.0, 1, 1), (1, 2, 0.5, 1, 2)]
    result = guarded([CRM, EMAIL, CRM], chain, limits={CRM: 1})
    assert result.labels.tolist() == [0, 0, 2]
    assert result.accepted.tolist() == [True, False]
    assert result.refused_by.tolist() == [0, 1 + CRM]


@pytest.mark.parametrize(
    ("one", "other"),
    [((0.9, 5, 5), (0.8, 1, 1)), ((0.9, 1, 5), (0.9, 2, 1)), ((0.9, 1, 1), (0.9, 1, 2))],
    ids=["trust", "first seen", "tie"],
)
def test_of_two_edges_that_break_a_limit_the_more_trusted_then_older_then_smaller_stays(one, other):
    result = guarded([CRM, EMAIL, CRM], [(1, 2, *other), (0, 1, *one)], limits={CRM: 1})
    assert result.accepted.tolist() == [False, True]


def test_a_component_within_the_limits_keeps_all_its_edges():
    edges = [(0, 1, 1.0, 1, 1), (1, 2, 0.5, 1, 2), (3, 4, 0.1, 1, 3), (3, 4, 0.1, 1, 4)]
    result = guarded([CRM, EMAIL, CRM, CRM, EMAIL], edges, limits={CRM: 1})
    assert result.labels.tolist() == [0, 0, 2, 3, 3]
    assert result.accepted.tolist() == [True, False, True, True]


def test_a_person_has_no_more_nodes_than_allowed():
    chain = [(node, node + 1, 1.0, node, node) for node in range(4)]
    result = guarded([EMAIL] * 5, chain, limits={}, max_size=2)
    assert result.labels.tolist() == [0, 0, 2, 2, 4]
    assert result.refused_by.tolist() == [0, TOO_MANY_IDENTIFIERS, 0, TOO_MANY_IDENTIFIERS]


def test_forbidden_pairs_are_never_one_person_whatever_connects_them():
    chain = [(0, 1, 1.0, 1, 1), (2, 3, 1.0, 1, 2), (1, 2, 0.5, 1, 3)]
    result = guarded([EMAIL] * 4, chain, limits={}, forbidden=[(3, 0)])
    assert result.labels.tolist() == [0, 0, 2, 2]
    assert result.refused_by.tolist() == [0, 0, FORBIDDEN]


def test_forbidden_pairs_of_different_components_break_no_limit():
    result = guarded([EMAIL] * 4, [(0, 1, 1.0, 1, 1)], limits={}, forbidden=[(2, 3), (0, 2)])
    assert result.labels.tolist() == [0, 0, 2, 3]
    assert len(result.violations.component) == 0


def test_violations_count_what_plain_components_would_join():
    nodes = [CRM, EMAIL, CRM, CRM, EMAIL, EMAIL]
    chain = [(a, b, 1.0, a, a) for a, b in pairwise(range(4))] + [(4, 5, 1.0, 9, 9)]
    result = guarded(nodes, chain, limits={CRM: 1}, max_size=3, forbidden=[(4, 5)])
    broken = result.violations
    rows = zip(broken.component, broken.code, broken.count, strict=True)
    assert sorted(rows) == [(0, CRM, 3), (0, TOO_MANY_IDENTIFIERS, 4), (4, FORBIDDEN, 1)]


def test_no_edges_are_people_of_one_node():
    empty = np.empty(0, dtype=np.int64)
    result = guarded_components(
        2,
        empty,
        empty,
        namespace=np.zeros(2, dtype=np.uint8),
        limits={EMAIL: 1},
        max_size=1,
        trust=empty.astype(np.float32),
        seen=empty,
        tie=empty,
    )
    assert result.labels.tolist() == [0, 1]


@settings(max_examples=400, deadline=None)
@given(graphs(), LIMITS, MAX_SIZE)
def test_people_and_refusals_are_those_of_a_plain_loop(graph, limits, max_size):
    nodes, edges, forbidden = graph
    result = guarded(nodes, edges, limits=limits, max_size=max_size, forbidden=forbidden)
    labels, reasons = plain_loop(
        nodes, edges, limits=limits, max_size=max_size, forbidden=forbidden
    )
    assert result.labels.tolist() == labels
    assert result.refused_by.tolist() == reasons
    assert result.accepted.tolist() == [reason == 0 for reason in reasons]


@settings(max_examples=200, deadline=None)
@given(graphs(), LIMITS, MAX_SIZE)
def test_no_person_breaks_a_limit_and_refused_edges_lie_between_people(graph, limits, max_size):
    nodes, edges, forbidden = graph
    result = guarded(nodes, edges, limits=limits, max_size=max_size, forbidden=forbidden)
    for label in set(result.labels):
        members = np.flatnonzero(result.labels == label)
        counts = Counter(nodes[node] for node in members)
        assert all(counts[code] <= limit for code, limit in limits.items())
        assert max_size is None or len(members) <= max_size
    assert all(result.labels[a] != result.labels[b] for a, b in forbidden)
    within = [result.labels[edge[0]] == result.labels[edge[1]] for edge in edges]
    assert result.accepted.tolist() == within
    kept = nx.empty_graph(len(nodes))
    kept.add_edges_from(edge[:2] for edge, ok in zip(edges, result.accepted, strict=True) if ok)
    assert len(set(result.labels)) == nx.number_connected_components(kept)


@settings(max_examples=200, deadline=None)
@given(graphs(), LIMITS, MAX_SIZE, st.randoms(use_true_random=False))
def test_neither_the_order_of_edges_nor_of_nodes_nor_of_ends_matters(
    graph, limits, max_size, random
):
    nodes, edges, forbidden = graph
    first = guarded(nodes, edges, limits=limits, max_size=max_size, forbidden=forbidden)
    new_index = random.sample(range(len(nodes)), len(nodes))
    new_nodes = [nodes[new_index.index(place)] for place in range(len(nodes))]
    order = random.sample(range(len(edges)), len(edges))
    turned = [(new_index[b], new_index[a], *rest) for a, b, *rest in (edges[e] for e in order)]
    second = guarded(
        new_nodes,
        turned,
        limits=limits,
        max_size=max_size,
        forbidden=[(new_index[b], new_index[a]) for a, b in forbidden],
    )
    assert second.refused_by.tolist() == [first.refused_by[edge] for edge in order]

    def people(labels):
        return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels)}

    moved = {frozenset(new_index[n] for n in person) for person in people(first.labels)}
    assert people(second.labels) == moved


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_without_limits_people_are_the_plain_components(graph):
    nodes, edges, _ = graph
    left, right = (np.array(part) for part in list(zip(*edges, strict=True))[:2])
    result = guarded(nodes, edges, limits={})
    assert result.labels.tolist() == component_labels(len(nodes), left, right).tolist()
    assert result.accepted.all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(limits={1: 0}), "limit 0 for namespace 1"),
        (dict(limits={253: 1}), "limit 1 for namespace 253, expected a code of 0 to 252"),
        (dict(max_size=0), "max_size 0, expected 1 or more"),
        (dict(forbidden=[(1, 1)]), "a node is forbidden to be one person with itself"),
        (dict(forbidden=[(0, 2)]), "expected 0 to 1"),
    ],
)
def test_settings_out_of_range_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        guarded([EMAIL, CRM], [(0, 1, 1.0, 1, 1)], **{"limits": {}, **changed})


def test_arrays_of_different_length_are_refused():
    empty, one = np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match=r"1 namespace codes for 2 nodes; trust, seen, tie have 0"):
        guarded_components(
            2,
            one,
            one,
            namespace=one.astype(np.uint8),
            limits={},
            max_size=None,
            trust=empty.astype(np.float32),
            seen=one,
            tie=one,
        )
