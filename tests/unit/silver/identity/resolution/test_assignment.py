"""Differences between a resolved graph and the stored map.

Nodes are numbers; the namespace is the number modulo 3: 0 user_id, 1 email, 2 cookie_id. The laws
of people and ids are in ../graph/test_people.py.
"""

import numpy as np
from pyspark.sql import Row

from kinfold.core.settings.models import IdentityConf, NamespaceConf
from kinfold.silver.identity.resolution.assignment import guard_rules
from made_graphs import MadeGraph, rules

NO_NODES = np.empty(0, np.int64)


def moved(made):
    rows = made.resolution().changes(NO_NODES).moved.to_pylist()
    return [(r["kind"], r["from_key"], r["to_key"], r["identifier_count"]) for r in rows]


def reasons(made):
    """The reason of each link that is blocked, by link."""
    made.blocked = set()
    rows = made.resolution().changes(NO_NODES).links.to_pylist()
    return {divmod(row["link_id"], 1_000): row["reason"] for row in rows}


def test_a_graph_that_is_stored_has_no_changes():
    made = MadeGraph()
    made.see((1, 0, 1), (2, 3, 1), (3, 6, 2))
    changes = made.resolution().changes(NO_NODES)
    assert (changes.nodes.num_rows, changes.links.num_rows, changes.moved.num_rows) == (0, 0, 0)
    assert (changes.people_count, changes.blocked_count) == (3, 1)


def test_a_first_run_opens_a_row_per_node():
    made = MadeGraph(first_seen={0: 1, 1: 2}, links={(0, 1): 2})
    rows = made.resolution().changes(NO_NODES).nodes.to_pylist()
    common = dict(person_key=0, component_id=0, is_move=True, is_known=False)
    assert rows == [dict(node_id=0, **common), dict(node_id=1, **common)]


def test_changes_between_people_have_a_kind():
    stored = dict(first_seen={1: 1, 4: 2, 7: 3}, component={1: 1, 4: 1, 7: 1})
    merged = MadeGraph(**stored, links={(1, 4): 1, (1, 7): 1}, person={1: 1, 4: 4, 7: 4})
    assert moved(merged) == [("merge", 4, 1, 2)]
    separate = MadeGraph(**stored, links={(1, 4): 1}, person={1: 1, 4: 1, 7: 1})
    assert moved(separate) == [("split", 1, 7, 1)]
    renamed = MadeGraph(**stored, links={(1, 4): 1, (1, 7): 1}, person={4: 4, 7: 4})
    assert moved(renamed) == [("rename", 4, 1, 2)]
    partly = MadeGraph(**stored, links={(1, 4): 1}, person={1: 1, 4: 7, 7: 7})
    assert moved(partly) == [("move", 7, 1, 1)]


def test_a_blocked_link_has_the_reason_of_its_guard():
    two_users = {(0, 4): 1, (3, 4): 2}
    seen = {0: 1, 3: 2, 4: 3}
    assert reasons(MadeGraph(first_seen=seen, links=two_users)) == {(3, 4): "too many user_id"}
    small = MadeGraph(rules(limits={}, max_person_size=2), seen, two_users)
    assert reasons(small) == {(3, 4): "a person would have too many identifiers"}
    apart = MadeGraph(rules(limits={}, apart=np.array([[0, 3]])), seen, two_users)
    assert reasons(apart) == {(3, 4): "an operator keeps them apart"}
    shared = MadeGraph(rules(shared_by={(1, 0): 1}), seen, two_users)
    assert set(reasons(shared).values()) == {"a value that too many share"}
    assert len(reasons(shared)) == 2


def test_a_shared_value_counts_the_merges_that_it_would_have_made():
    made = MadeGraph(rules(limits={}, shared_by={(2, 0): 2}))
    made.see((1, 0, 2), (2, 3, 2), (3, 6, 2), (4, 0, 1), (5, 3, 1))
    row = made.resolution().changes(NO_NODES).shared.to_pylist()[0]
    assert (row["node_id"], row["evidence"]) == (2, "user_id")
    assert (row["shared_by"], row["most"]) == (3, 2)
    assert row["merges_prevented"] == 1, "0 and 3 are one person by 1, 6 is another"
    assert sorted(row["people"]) == ["0", "6"]


def test_a_value_is_no_longer_shared_once_few_share_it():
    made = MadeGraph(rules(limits={}, shared_by={(2, 0): 2}))
    made.see((1, 0, 2), (2, 3, 2), (3, 6, 2))
    made.withdrawn = {(6, 2)}
    changes = made.resolution().changes(np.array([2]))
    assert changes.no_longer_shared.tolist() == [2]
    assert changes.shared.num_rows == 0


def test_settings_and_decisions_become_guards():
    conf = IdentityConf(
        placeholders=(),
        phone_region="GB",
        max_person_size=9,
        namespaces={
            "user_id": NamespaceConf(per_person=1),
            "cookie_id": NamespaceConf(shared_by={"user_id": 3}),
        },
    )
    decisions = [
        Row(kind="release", left_node=5, right_node=None),
        Row(kind="keep_apart", left_node=6, right_node=7),
        Row(kind="link", left_node=8, right_node=9),
    ]
    guards = guard_rules(conf, decisions)
    assert (guards.limits, guards.shared_by) == ({1: 1}, {(2, 1): 3})
    assert guards.max_person_size == 9
    assert guards.released.tolist() == [5]
    assert guards.apart.tolist() == [[6, 7]]
