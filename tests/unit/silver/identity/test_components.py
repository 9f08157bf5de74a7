"""Connected components, against networkx."""

import networkx as nx
import numpy as np
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.components import component_labels

GRAPHS = {
    "chain": nx.path_graph(500),
    "star": nx.star_graph(500),
    "clique": nx.complete_graph(40),
    "many small": nx.disjoint_union_all([nx.path_graph(3) for _ in range(100)]),
    "one giant": nx.gnm_random_graph(1000, 3000, seed=7),
    "isolated": nx.empty_graph(10),
}


def partition(labels):
    groups = {}
    for node, label in enumerate(labels):
        groups.setdefault(int(label), set()).add(node)
    return {frozenset(group) for group in groups.values()}


def expected(graph):
    return {frozenset(component) for component in nx.connected_components(graph)}


def labels_of(graph):
    edges = np.array(list(graph.edges), dtype=np.int64).reshape(-1, 2)
    return component_labels(len(graph), edges[:, 0], edges[:, 1])


def test_known_shapes_part_as_networkx_parts_them():
    for name, graph in GRAPHS.items():
        assert partition(labels_of(graph)) == expected(graph), name


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29))))
def test_any_graph_parts_as_networkx_parts_it(size, edges):
    graph = nx.empty_graph(size)
    graph.add_edges_from((a % size, b % size) for a, b in edges)
    assert partition(labels_of(graph)) == expected(graph)


def test_no_nodes_are_no_components():
    empty = np.empty(0, dtype=np.int64)
    assert len(component_labels(0, empty, empty)) == 0
