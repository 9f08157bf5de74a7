"""Today's people compared with the people under other settings."""

import numpy as np
import pytest

from frames import assert_rows
from kinfold.core.errors import ConfError
from kinfold.core.settings.models import NamespaceConf
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import people_of, shared_identifiers
from kinfold.silver.identity.operators.what_if import (
    check_overrides,
    check_rule,
    compared_people,
    what_if_text,
    with_current_trust,
)
from kinfold.tables import silver
from made_graphs import MadeGraph, rules


def result_of(made, changed):
    """The people under changed rules (nodes: 0 mod 3 users, 1 e-mails, 2 cookies)."""
    graph = made.resolution().graph
    shared = shared_identifiers(graph, changed).node
    new = tuple(set(graph.node_id[shared].tolist()) - made.shared)
    return compared_people(
        graph,
        people_of(graph, shared, changed),
        newly_shared=new,
        blocked_today=len(made.blocked),
    )


def test_the_same_rules_change_nothing():
    made = MadeGraph()
    made.see((1, 0, 4), (2, 3, 4), (3, 6, 7))
    result = result_of(made, rules())
    assert (result.merges, result.splits, result.to_nobody, result.from_nobody) == ((), (), 0, 0)
    assert result.people_today == result.people_then == 3
    assert (result.blocked_today, result.blocked_then) == (1, 1)
    assert "no person would merge or split" in what_if_text(result, top=5)


def test_a_looser_limit_merges():
    made = MadeGraph()
    made.see((1, 0, 4, 7), (2, 3, 4))
    result = result_of(made, rules(limits={0: 2}))
    assert [one.parts for one in result.merges] == [(3, 1)]
    assert (result.people_today, result.people_then) == (2, 1)
    assert (result.blocked_today, result.blocked_then) == (1, 0)
    assert "merge of people" in what_if_text(result, top=5)


def test_a_tighter_limit_splits():
    made = MadeGraph(rules=rules(limits={0: 2}))
    made.see((1, 0, 4, 7), (2, 3, 4))
    result = result_of(made, rules())
    assert [one.parts for one in result.splits] == [(3, 1)]
    assert "into 2 with 3, 1 identifiers" in what_if_text(result, top=5)


def test_a_value_that_becomes_shared_loses_its_person():
    made = MadeGraph(rules=rules(limits={}))
    made.see((1, 0, 5), (2, 3, 5))
    result = result_of(made, rules(limits={}, shared_by={(2, 0): 1}))
    assert result.set_aside == (5,)
    assert result.to_nobody == 1
    assert [one.parts for one in result.splits] == [(1, 1)]
    back = MadeGraph(rules=rules(limits={}, shared_by={(2, 0): 1}))
    back.see((1, 0, 5), (2, 3, 5))
    result = result_of(back, rules(limits={}))
    assert result.from_nobody == 1
    assert [one.parts for one in result.merges] == [(1, 1)]


def test_only_sightings_get_their_trust_from_the_settings(spark):
    ends = dict(left_namespace="user_id", right_namespace="email", trust=0.1)
    links = silver.IDENTITY_LINKS.frame(
        spark,
        dict(ends, link_id=1, rule="seen_together"),
        dict(ends, link_id=2, rule="matched"),
    )
    kinds = {"user_id": NamespaceConf(trust=0.9), "email": NamespaceConf(trust=0.7)}
    namespaces = Namespaces(("record", *kinds), kinds)
    assert_rows(with_current_trust(links, namespaces), ["link_id", "trust"], [(1, 0.7), (2, 0.1)])


def test_settings_that_need_a_rebuild_are_refused():
    check_overrides(["lake.root=x", "identity.max_person_size=5"])
    with pytest.raises(ConfError, match=r"--set identity\.placeholders: decides which identif"):
        check_overrides(["identity.placeholders=[x]"])


def test_an_unknown_rule_is_refused_with_a_hint():
    check_rule(None)
    check_rule("matched")
    with pytest.raises(ConfError, match="Did you mean 'alias'"):
        check_rule("allias")


def test_an_empty_graph_has_no_changes():
    result = result_of(MadeGraph(), rules())
    assert (result.people_today, result.people_then, result.merges) == (0, 0, ())
    assert np.array(result.splits).size == 0
