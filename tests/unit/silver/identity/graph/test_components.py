"""Connected components, against networkx."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.graph.components import (
    component_labels,
    dense,
    positions,
    spanning_forest,
)

GRAPHS = {
    "chain": nx.path_graph(500),
    "star": nx.star_graph(500),
    "clique": nx.complete_graph(40),
    "many small": nx.disjoint_union_all([nx.path_graph(3) for _ in range(100)]),
    "one giant": nx.gnm_random_graph(1000, 3000, seed=7),
    "isolated": nx.empty_graph(10),
}
SMALL_GRAPH = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)))
# Small numbers collide often; the others are at the limits of 64 bits.
ID = st.integers(-5, 25) | st.sampled_from([-(2**63), -(2**63) + 1, 2**62, 2**63 - 1])
ID_GRAPH = st.lists(st.tuples(ID, ID))


def ends(edges):
    columns = np.array(list(edges), dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]


def partition(labels):
    groups = {}
    for node, label in enumerate(labels):
        groups.setdefault(int(label), set()).add(node)
    return {frozenset(group) for group in groups.values()}


def expected(graph):
    return {frozenset(component) for component in nx.connected_components(graph)}


def shuffled_ends(graph):
    left, right = ends(graph.edges)
    order = np.random.default_rng(7).permutation(len(left))
    return left[order], right[order]


def test_components_of_known_shapes_are_those_of_networkx():
    for name, graph in GRAPHS.items():
        labels = component_labels(len(graph), *shuffled_ends(graph))
        assert partition(labels) == expected(graph), name


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), SMALL_GRAPH)
def test_components_of_any_graph_are_those_of_networkx_labelled_by_the_smallest_node(size, edges):
    graph = nx.empty_graph(size)
    graph.add_edges_from((a % size, b % size) for a, b in edges)
    labels = component_labels(len(graph), *ends(graph.edges))
    assert partition(labels) == expected(graph)
    assert all(labels[node] == min(c) for c in nx.connected_components(graph) for node in c)


def test_no_nodes_are_no_components():
    assert len(component_labels(0, *ends([]))) == 0


def test_nodes_without_edges_are_components_of_their_own():
    assert component_labels(3, *ends([])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("edge", [(0, 3), (-1, 0)])
def test_an_edge_whose_end_is_not_a_node_is_refused(edge):
    with pytest.raises(ValueError, match=r"Edges end at .*, expected 0 to 2"):
        component_labels(3, *ends([edge]))


def test_ends_without_a_partner_are_refused():
    left, right = ends([(0, 1), (1, 2)])
    with pytest.raises(ValueError, match="2 left ends and 1 right ends"):
        component_labels(3, left, right[:1])


def test_more_nodes_than_can_be_numbered_are_refused():
    with pytest.raises(ValueError, match="2147483648 nodes, at most 2147483647"):
        component_labels(2**31, *ends([]))


@settings(max_examples=150, deadline=None)
@given(ID_GRAPH)
def test_nodes_are_numbered_in_the_order_of_their_ids(edges):
    left, right = ends(edges)
    node_ids, left_index, right_index = dense(left, right)
    assert node_ids.tolist() == sorted({node for edge in edges for node in edge})
    assert node_ids[left_index].tolist() == left.tolist()
    assert node_ids[right_index].tolist() == right.tolist()
    assert left_index.dtype == right_index.dtype == np.int32


@settings(max_examples=150, deadline=None)
@given(st.sets(ID), st.lists(ID))
def test_positions_are_those_of_a_plain_list(ids, wanted):
    known = sorted(ids)
    (indices,) = positions(np.array(known, dtype=np.int64), np.array(wanted, dtype=np.int64))
    assert indices.tolist() == [known.index(w) if w in known else -1 for w in wanted]


def test_clustered_ids_are_found():
    known = np.concatenate([np.arange(1000), 2**60 + np.arange(1000), [2**62]])
    (indices,) = positions(known, known[::-1].copy())
    assert indices.tolist() == list(range(len(known)))[::-1]


@settings(max_examples=150, deadline=None)
@given(ID_GRAPH)
def test_a_forest_connects_what_the_edges_connect_without_a_cycle(edges):
    left, right = ends(edges)
    kept = spanning_forest(left, right)
    graph, forest = nx.MultiGraph(edges), nx.MultiGraph()
    forest.add_nodes_from(graph)
    forest.add_edges_from(edge for edge, is_kept in zip(edges, kept, strict=True) if is_kept)
    assert expected(forest) == expected(graph)
    assert len(forest) == 0 or nx.is_forest(forest)


def test_of_the_edges_of_a_cycle_the_last_one_is_dropped():
    assert spanning_forest(*ends([(9, 8), (8, 9), (8, 7), (7, 9), (7, 7)])).tolist() == [
        *(True, False, True, False, False)
    ]
