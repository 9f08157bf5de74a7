"""Stored rows as the arrays of a graph. Which rows are read is proven by tests/jobs."""

import numpy as np

from kinfold.silver.identity.resolution.stored_graph import graph_of


def ints(*values):
    return np.array(values, np.int64)


def flags(*values):
    return np.array(values, np.bool_)


def graph(*, links=(), known_map=(), id_reassignments=(), inside=None):
    """Nodes 30, 10, 20 (namespaces 2, 0, 1), and other rows as tuples."""
    ends = np.array(links, np.int64).reshape(-1, 2)
    stored = np.array(known_map, np.int64).reshape(-1, 3)
    keys = np.array(id_reassignments, np.int64).reshape(-1, 2)
    none = np.zeros(len(ends), np.bool_)
    return graph_of(
        dict(node_id=ints(30, 10, 20), namespace=ints(2, 0, 1), first_seen=ints(3, 1, 2)),
        dict(
            link_id=np.arange(len(ends)) + 100,
            left_node=ends[:, 0],
            right_node=ends[:, 1],
            trust=np.ones(len(ends), np.float32),
            seen=np.arange(len(ends)),
            is_alias=none,
            last_day=np.zeros(len(ends), np.int32),
            is_sighting=none,
            is_observed=none,
            is_blocked=none,
            is_ended=none,
        ),
        dict(node_id=stored[:, 0], person_key=stored[:, 1], component_id=stored[:, 2]),
        dict(node_id=keys[:, 0], birth_key=keys[:, 1]),
        inside=inside,
    )


def test_nodes_are_sorted_and_the_ends_of_links_are_their_indices():
    made = graph(links=[(30, 10), (10, 20)])
    assert made.node_id.tolist() == [10, 20, 30]
    assert made.namespace.tolist() == [0, 1, 2]
    assert made.first_seen.tolist() == [1, 2, 3]
    assert (made.left.tolist(), made.right.tolist()) == ([2, 0], [0, 1])


def test_links_to_nodes_that_do_not_exist_are_left_out():
    made = graph(links=[(10, 99), (10, 20), (98, 20)])
    assert made.link_id.tolist() == [101]
    assert (made.left.tolist(), made.right.tolist()) == ([0], [1])


def test_nodes_of_the_map_that_do_not_exist_are_deleted_nodes():
    made = graph(known_map=[(20, 7, 10), (99, 8, 10), (98, 9, 10)], id_reassignments=[(98, 5)])
    assert made.is_known.tolist() == [False, True, False]
    assert made.person_key.tolist() == [0, 7, 0]
    assert made.deleted_node.tolist() == [99, 98]
    assert made.deleted_person.tolist() == [8, 9]
    assert made.deleted_founder_key.tolist() == [99, 5]


def test_a_node_founds_a_person_under_its_own_id_or_the_reassigned_key():
    assert graph(id_reassignments=[(20, 77)]).founder_key.tolist() == [10, 77, 30]


def test_nodes_are_inside_if_all_their_links_are():
    assert graph(inside=ints(10, 30)).is_inside.tolist() == [True, False, True]
    assert graph().is_inside.all()


def test_indices_of_nodes_leave_out_those_the_graph_does_not_have():
    assert graph().indices_of(ints(30, 99, 10)).tolist() == [2, 0]
