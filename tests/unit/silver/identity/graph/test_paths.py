"""Widest paths and bridges, against networkx."""

import networkx as nx
import numpy as np
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.graph.paths import bridges, widest_path

GRAPHS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.2, 0.5, 0.8])),
    min_size=1,
    max_size=25,
)


def path_of(edges, source, target, order=None):
    order = list(range(len(edges))) if order is None else order
    left = np.array([edges[i][0] for i in order], np.int64)
    right = np.array([edges[i][1] for i in order], np.int64)
    trust = np.array([edges[i][2] for i in order])
    path = widest_path(left, right, trust, tie=np.array(order), source=source, target=target)
    return None if path is None else [order[index] for index in path]


def widest_by_networkx(edges, source, target):
    """The best of all paths: the strength of its weakest edge, its number of edges."""
    graph = nx.MultiGraph()
    graph.add_nodes_from([source, target])
    for a, b, trust in edges:
        graph.add_edge(a, b, trust=trust)
    for level in (0.8, 0.5, 0.2):
        part = nx.Graph([(a, b) for a, b, d in graph.edges(data=True) if d["trust"] >= level])
        part.add_nodes_from([source, target])
        if nx.has_path(part, source, target):
            return level, nx.shortest_path_length(part, source, target)
    return None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(GRAPHS, st.integers(0, 9), st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_path_is_the_widest_and_then_the_shortest_in_any_order(edges, source, target, random):
    path = path_of(edges, source, target)
    if source == target:
        assert path == []
        return
    expected = widest_by_networkx(edges, source, target)
    if expected is None:
        assert path is None
        return
    assert path is not None
    assert (min(edges[e][2] for e in path), len(path)) == expected
    node = source
    for edge in path:
        a, b, _ = edges[edge]
        assert node in (a, b)
        node = b if node == a else a
    assert node == target
    order = list(range(len(edges)))
    random.shuffle(order)
    assert path_of(edges, source, target, order) == path


@settings(max_examples=300, deadline=None, derandomize=True)
@given(GRAPHS)
def test_bridges_are_those_of_networkx_with_the_smaller_side(edges):
    left, right = (np.array([e[side] for e in edges], np.int64) for side in (0, 1))
    sides = bridges(left, right)
    graph = nx.MultiGraph([(a, b) for a, b, _ in edges])
    simple = nx.Graph(graph)
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    of_simple = {frozenset(e) for e in nx.bridges(simple)}
    for (a, b, _), side in zip(edges, sides.tolist(), strict=True):
        is_bridge = frozenset((a, b)) in of_simple and graph.number_of_edges(a, b) == 1
        assert (side > 0) == is_bridge
        if is_bridge:
            separated = simple.copy()
            separated.remove_edge(a, b)
            parts = [len(nx.node_connected_component(separated, end)) for end in (a, b)]
            assert side == min(parts)


def test_a_graph_without_edges_has_no_bridges():
    no_edges = np.empty(0, np.int64)
    assert bridges(no_edges, no_edges).tolist() == []
