"""The strongest way between two identifiers, and the links without which there is none."""

from datetime import UTC, datetime
from itertools import pairwise

import networkx as nx
import numpy as np
from hypothesis import given, settings, strategies as st

from kinfold.silver.identity.operators.explanation import (
    IdentifierAssignment,
    bridges,
    explanation_of,
    explanation_text,
    short_hash,
    widest_path,
)

MOMENT = datetime(2026, 3, 1, 9, tzinfo=UTC)

graphs = st.lists(
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
    return None if path is None else [order[place] for place in path]


def widest_by_networkx(edges, source, target):
    """The best of all simple paths: weakest edge, then hops."""
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
@given(graphs, st.integers(0, 9), st.integers(0, 9), st.randoms(use_true_random=False))
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
@given(graphs)
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
            parted = simple.copy()
            parted.remove_edge(a, b)
            parts = [len(nx.node_connected_component(parted, end)) for end in (a, b)]
            assert side == min(parts)


def test_no_edge_has_no_bridge():
    nothing = np.empty(0, np.int64)
    assert bridges(nothing, nothing).tolist() == []


def link(link_id, left, right, trust=0.9, **changes):
    row = dict(
        link_id=link_id,
        left_node=left,
        right_node=right,
        left_namespace="email",
        left_value=f"n{left}@example.org",
        right_namespace="email",
        right_value=f"n{right}@example.org",
        rule="seen_together",
        rule_version="1",
        trust=trust,
        source="shop",
        source_event_id=f"event-{link_id}",
        first_seen_at=MOMENT,
        last_seen_at=MOMENT,
        status="active",
        reason=None,
    )
    return {**row, **changes}


def place(node, person="p"):
    since = MOMENT if person else None
    return IdentifierAssignment(("email", f"n{node}@example.org"), person, since, None)


def chain(*nodes, **changes):
    return [link(10 * a + b, a, b, **changes) for a, b in pairwise(nodes)]


def test_links_whose_removal_parts_two_identifiers_are_told():
    links = [*chain(1, 2, 3), link(90, 2, 4), link(91, 4, 3)]
    found = explanation_of(place(1), place(3), 1, 3, links)
    assert [step.link_id for step in found.path] == [12, 23]
    assert found.parting == (0,)
    assert "Taking away link 1 alone would part them." in explanation_text(
        found, shows_values=False
    )


def test_two_ways_leave_no_link_that_parts():
    found = explanation_of(place(1), place(2), 1, 2, [link(1, 1, 2), link(2, 1, 2, rule="matched")])
    assert "No single link holds them together" in explanation_text(found, shows_values=False)


def test_different_people_are_told_the_blocked_link_and_why():
    links = [*chain(1, 2), link(23, 3, 2, status="blocked", reason="too many user_id")]
    links.append(link(13, 1, 3, trust=0.99, status="withdrawn", reason="an operator unlinked it"))
    found = explanation_of(place(1, "p"), place(3, "q"), 1, 3, links)
    assert [step.link_id for step in found.path] == [12, 23], "blocked before withdrawn"
    text = explanation_text(found, shows_values=False)
    assert "are not one person" in text
    assert "blocked: too many user_id" in text


def test_nothing_may_link_them():
    text = explanation_text(
        explanation_of(place(1, "p"), place(2, None), 1, 2, []), shows_values=False
    )
    assert "nobody's" in text
    assert text.endswith("Nothing links them.")


def test_values_not_asked_about_are_hashed_unless_wanted():
    found = explanation_of(place(1), place(3), 1, 3, chain(1, 2, 3))
    hidden, shown = (explanation_text(found, shows_values=wanted) for wanted in (False, True))
    assert "n1@example.org" in hidden
    assert "n3@example.org" in hidden
    assert "n2@example.org" not in hidden
    assert "event-12" not in hidden
    assert f"email:#{short_hash('n2@example.org')}" in hidden
    assert "n2@example.org" in shown
    assert "event-12" in shown
