"""Components in Spark, against networkx and the driver's union-find."""

import networkx as nx
import numpy as np
import pytest
from pyspark.errors import PythonException

from frames import assert_rows
from kinfold.silver.identity.graph.contraction import (
    ContractionError,
    contracted_components,
    forest,
)

CYCLE = [(1, 2), (2, 3), (3, 1)]


def edges_of(spark, pairs, *, partitions=1):
    return spark.createDataFrame(list(pairs), "left bigint, right bigint").repartition(partitions)


def shuffled(graph, seed=7):
    """The graph under 64-bit ids in random order, negative ones among them."""
    ids = np.random.default_rng(seed).integers(-(2**63), 2**63 - 1, len(graph))
    return nx.relabel_nodes(graph, {node: int(ids[at]) for at, node in enumerate(graph)})


def test_a_forest_drops_redundant_edges_and_keeps_other_columns(spark):
    rows = [(*pair, f"link {number}") for number, pair in enumerate(CYCLE)]
    edges = spark.createDataFrame(rows, "left bigint, right bigint, link_id string").coalesce(1)
    assert_rows(forest(edges), ["left", "right", "link_id"], [(1, 2, "link 0"), (2, 3, "link 1")])


def test_an_empty_frame_is_an_empty_forest(spark):
    assert forest(edges_of(spark, [])).count() == 0


def test_an_edge_without_an_end_is_refused(spark):
    with pytest.raises(PythonException, match="1 edges have no right end"):
        forest(edges_of(spark, [(1, None)])).count()


def test_components_are_those_of_networkx_named_by_their_smallest_node(spark, tmp_path):
    """Chain, star, clique, small and random ones in one frame, with duplicate edges and loops."""
    shapes = [
        nx.path_graph(20),
        nx.star_graph(20),
        nx.complete_graph(12),
        *(nx.path_graph(4) for _ in range(20)),
        nx.gnm_random_graph(40, 35, seed=7),
    ]
    graph = nx.disjoint_union_all(shapes)
    graph.remove_nodes_from(list(nx.isolates(graph)))
    graph = shuffled(graph)
    pairs = [*graph.edges, *((b, a) for a, b in list(graph.edges)[::5]), (6, 6), (7, 8), (8, 8)]
    graph.add_edges_from([(6, 6), (7, 8)])
    components = contracted_components(edges_of(spark, pairs, partitions=3), scratch=str(tmp_path))
    expected = [(node, min(c)) for c in nx.connected_components(graph) for node in c]
    assert_rows(components, ["node", "component"], expected)


def test_no_edges_are_no_components(spark, tmp_path):
    assert contracted_components(edges_of(spark, []), scratch=str(tmp_path)).count() == 0


def test_components_that_still_change_in_the_last_round_are_an_error(spark, tmp_path):
    edges = edges_of(spark, shuffled(nx.path_graph(30)).edges)
    with pytest.raises(ContractionError, match="still change after 1 rounds"):
        contracted_components(edges, scratch=str(tmp_path), max_rounds=1)
