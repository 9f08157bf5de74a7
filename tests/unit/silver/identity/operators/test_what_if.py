"""Today's people against those that other settings would make."""

import numpy as np
import pytest

from frames import assert_rows
from kinfold.core.errors import ConfError
from kinfold.core.settings.models import NamespaceConf
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import people_of, shared_values
from kinfold.silver.identity.operators.what_if import (
    check_overrides,
    check_rule,
    compared_people,
    what_if_text,
    with_current_trust,
)
from kinfold.tables import silver
from made_graphs import MadeGraph, rules


def outlook(made, changed):
    """What changed rules would make of a graph (nodes: 0 mod 3 users, 1 e-mails, 2 cookies)."""
    graph = made.resolution().graph
    shared = shared_values(graph, changed).node
    new = tuple(set(graph.node_id[shared].tolist()) - made.set_aside)
    return compared_people(
        graph,
        people_of(graph, shared, changed),
        set_aside=new,
        blocked_today=len(made.blocked),
    )


def test_the_same_rules_change_nothing():
    made = MadeGraph()
    made.see((1, 0, 4), (2, 3, 4), (3, 6, 7))
    found = outlook(made, rules())
    assert (found.merges, found.splits, found.to_nobody, found.from_nobody) == ((), (), 0, 0)
    assert found.people_today == found.people_then == 3
    assert (found.blocked_today, found.blocked_then) == (1, 1)
    assert "nobody would merge or split" in what_if_text(found, top=5)


def test_a_looser_limit_merges():
    made = MadeGraph()
    made.see((1, 0, 4, 7), (2, 3, 4))
    found = outlook(made, rules(limits={0: 2}))
    assert [one.parts for one in found.merges] == [(3, 1)]
    assert (found.people_today, found.people_then) == (2, 1)
    assert (found.blocked_today, found.blocked_then) == (1, 0)
    assert "merge of people" in what_if_text(found, top=5)


def test_a_tighter_limit_splits():
    made = MadeGraph(rules=rules(limits={0: 2}))
    made.see((1, 0, 4, 7), (2, 3, 4))
    found = outlook(made, rules())
    assert [one.parts for one in found.splits] == [(3, 1)]
    assert "into 2 with 3, 1 identifiers" in what_if_text(found, top=5)


def test_a_value_that_is_set_aside_is_nobodys():
    made = MadeGraph(rules=rules(limits={}))
    made.see((1, 0, 5), (2, 3, 5))
    found = outlook(made, rules(limits={}, shared_by={(2, 0): 1}))
    assert found.set_aside == (5,)
    assert found.to_nobody == 1
    assert [one.parts for one in found.splits] == [(1, 1)]
    back = MadeGraph(rules=rules(limits={}, shared_by={(2, 0): 1}))
    back.see((1, 0, 5), (2, 3, 5))
    found = outlook(back, rules(limits={}))
    assert found.from_nobody == 1
    assert [one.parts for one in found.merges] == [(1, 1)]


def test_trust_follows_the_settings_where_it_comes_from_them(spark):
    ends = dict(left_namespace="user_id", right_namespace="email", trust=0.1)
    links = silver.IDENTITY_LINKS.frame(
        spark,
        dict(ends, link_id=1, rule="seen_together"),
        dict(ends, link_id=2, rule="matched"),
    )
    kinds = {"user_id": NamespaceConf(trust=0.9), "email": NamespaceConf(trust=0.7)}
    namespaces = Namespaces(("record", *kinds), kinds)
    assert_rows(with_current_trust(links, namespaces), ["link_id", "trust"], [(1, 0.7), (2, 0.1)])


def test_what_needs_the_events_read_anew_is_refused():
    check_overrides(["lake.root=x", "identity.max_person_size=5"])
    with pytest.raises(ConfError, match=r"--set identity\.placeholders: decides which identif"):
        check_overrides(["identity.placeholders=[x]"])


def test_a_rule_exists():
    check_rule(None)
    check_rule("matched")
    with pytest.raises(ConfError, match="Did you mean 'alias'"):
        check_rule("allias")


def test_an_empty_graph_has_no_outlook():
    found = outlook(MadeGraph(), rules())
    assert (found.people_today, found.people_then, found.merges) == (0, 0, ())
    assert np.array(found.splits).size == 0
