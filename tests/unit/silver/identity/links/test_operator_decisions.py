"""Decisions of operators, and their effect on links."""

import pytest
from pyspark.sql import Row

from frames import assert_rows, at
from kinfold.core.errors import ConfError
from kinfold.silver.identity.links.operator_decisions import (
    active_decisions,
    decision_row,
    operator_links,
    parsed_identifier,
    with_decisions,
    with_nodes,
)
from kinfold.tables import silver
from lakes import keyed_hash

LINK = dict(left_node=1, right_node=2, rule="seen_together", first_seen_at=at("09:00"))
BY_OPERATOR = dict(left_node=1, right_node=2, rule="operator", first_seen_at=at("09:00"))


def decided_links(spark, links, *decisions, are_observed=False):
    active = [Row(**{"right_node": None, **one}) for one in decisions]
    frame = silver.IDENTITY_LINKS.frame(spark, *links)
    return with_decisions(frame, active, at=at("12:00"), are_observed=are_observed)


def unlink(node, moment="10:00", **changes):
    return dict(kind="unlink", left_node=node, decided_at=at(moment), **changes)


def test_an_unlink_withdraws_links_first_seen_before_it_and_no_later_ones(spark):
    links = [
        dict(LINK, link_id=1, status="active"),
        dict(LINK, link_id=2, status="active", first_seen_at=at("11:00")),
        dict(LINK, link_id=3, status="active", left_node=7),
        dict(LINK, link_id=4, status="blocked", reason="too many user_id", left_node=7),
    ]
    assert_rows(
        decided_links(spark, links, unlink(1)),
        ["link_id", "status", "reason", "valid_to"],
        [
            (1, "withdrawn", "an operator unlinked it", at("12:00")),
            (2, "active", None, None),
            (3, "active", None, None),
            (4, "blocked", "too many user_id", None),
        ],
    )


def test_a_withdrawn_link_keeps_its_end_and_becomes_active_when_the_decision_is_undone(spark):
    withdrawn = dict(LINK, link_id=1, status="withdrawn", reason="an operator unlinked it")
    withdrawn["valid_to"] = at("10:30")
    columns = ["status", "reason", "valid_to"]
    still = decided_links(spark, [withdrawn], unlink(2))
    assert_rows(still, columns, [("withdrawn", "an operator unlinked it", at("10:30"))])
    back = decided_links(spark, [withdrawn])
    assert_rows(back, columns, [("active", None, None)])


def test_a_link_that_left_its_record_becomes_active_only_when_observed_again(spark):
    missing = dict(
        LINK, link_id=1, status="withdrawn", reason="not in its record", valid_to=at("10:30")
    )
    columns = ["status", "reason", "valid_to"]
    for decisions in ([], [unlink(1)]):
        stays = decided_links(spark, [missing], *decisions)
        assert_rows(stays, columns, [("withdrawn", "not in its record", at("10:30"))])
    again = decided_links(spark, [missing], are_observed=True)
    assert_rows(again, columns, [("active", None, None)])


def test_a_link_of_an_operator_is_active_while_a_decision_for_it_is(spark):
    made = dict(BY_OPERATOR, link_id=1, status="active")
    link = dict(kind="link", left_node=1, right_node=2, decided_at=at("09:00"))
    assert_rows(decided_links(spark, [made], link), ["status"], [("active",)])
    assert_rows(decided_links(spark, [made], link, unlink(1)), ["status"], [("active",)])
    other = dict(link, right_node=3)
    assert_rows(
        decided_links(spark, [made], other),
        ["status", "reason", "valid_to"],
        [("withdrawn", "the operator who made it took it back", at("12:00"))],
    )


def test_a_decision_has_its_nodes_and_only_active_ones_become_links(spark):
    keyed = keyed_hash(spark)
    pair = ("email", "a@example.org"), ("user_id", "7")
    how = dict(decided_at=at("09:00"), hashed=keyed.text)
    row = decision_row("link", *pair, reason="same", **how)
    alone = decision_row("unlink", pair[0], None, reason="shared", **how)
    back = dict(row, decision_id="back", withdrawn_at=at("10:00"))
    decisions = silver.IDENTITY_DECISIONS.rows(spark, [row, alone, back])
    nodes = with_nodes(decisions, keyed)
    nodes = nodes.select((nodes.right_node.isNull()).alias("is_alone"), "kind")
    assert_rows(nodes, ["kind", "is_alone"], [("link", False), ("unlink", True), ("link", False)])
    assert {one["decision_id"] for one in active_decisions(decisions, keyed)} == {
        row["decision_id"],
        alone["decision_id"],
    }
    assert_rows(
        operator_links(decisions, keyed),
        ["left_value", "right_value", "rule", "trust", "source_event_id"],
        [("a@example.org", "7", "operator", 2.0, row["decision_id"])],
    )


@pytest.mark.parametrize("text", ["ann", "email:", ":ann", ""])
def test_an_identifier_is_a_namespace_and_a_value(text):
    with pytest.raises(ConfError, match="--a: is not of the form NAMESPACE:VALUE"):
        parsed_identifier(text, "--a")


def test_a_value_may_contain_colons():
    assert parsed_identifier("url:http://x", "--a") == ("url", "http://x")
