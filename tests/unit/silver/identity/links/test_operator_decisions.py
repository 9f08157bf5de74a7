"""What operators decided, and what follows for links."""

import argparse

import pytest

from frames import assert_rows, at
from kinfold.core.errors import ConfError
from kinfold.silver.identity.links.operator_decisions import (
    active_decisions,
    decision_row,
    decision_rows,
    operator_links,
    parsed_identifier,
    with_decisions,
)
from kinfold.silver.identity.operators.commands import check_command
from kinfold.silver.identity.operators.lookup import spellings
from kinfold.tables import silver

LINK = dict(left_node=1, right_node=2, rule="seen_together", first_seen_at=at("09:00"))
MADE = dict(left_node=1, right_node=2, rule="operator", first_seen_at=at("09:00"))


def judged_rows(spark, links, *decisions, are_said=False):
    rows = [dict(decision_id=str(n), **one) for n, one in enumerate(decisions)]
    held = active_decisions(silver.IDENTITY_DECISIONS.frame(spark, *rows))
    frame = silver.IDENTITY_LINKS.frame(spark, *links)
    return with_decisions(frame, held, at=at("12:00"), are_said=are_said)


def unlink(node, moment="10:00", **changes):
    return dict(kind="unlink", left_node=node, decided_at=at(moment), **changes)


def test_what_was_seen_before_an_unlink_is_withdrawn_and_what_comes_after_is_not(spark):
    links = [
        dict(LINK, link_id=1, status="active"),
        dict(LINK, link_id=2, status="active", first_seen_at=at("11:00")),
        dict(LINK, link_id=3, status="active", left_node=7),
        dict(LINK, link_id=4, status="blocked", reason="too many user_id", left_node=7),
    ]
    assert_rows(
        judged_rows(spark, links, unlink(1)),
        ["link_id", "status", "reason", "valid_to"],
        [
            (1, "withdrawn", "an operator unlinked it", at("12:00")),
            (2, "active", None, None),
            (3, "active", None, None),
            (4, "blocked", "too many user_id", None),
        ],
    )


def test_a_withdrawn_link_keeps_its_end_and_comes_back_once_nothing_holds(spark):
    gone = dict(LINK, link_id=1, status="withdrawn", reason="an operator unlinked it")
    gone["valid_to"] = at("10:30")
    columns = ["status", "reason", "valid_to"]
    still = judged_rows(spark, [gone], unlink(2))
    assert_rows(still, columns, [("withdrawn", "an operator unlinked it", at("10:30"))])
    back = judged_rows(spark, [gone], unlink(2, withdrawn_at=at("11:00")))
    assert_rows(back, columns, [("active", None, None)])


def test_a_link_that_its_record_no_longer_says_comes_back_only_when_said_again(spark):
    unsaid = dict(LINK, link_id=1, status="withdrawn", reason="unsaid", valid_to=at("10:30"))
    columns = ["status", "reason", "valid_to"]
    for decisions in ([], [unlink(1)]):
        stays = judged_rows(spark, [unsaid], *decisions)
        assert_rows(stays, columns, [("withdrawn", "unsaid", at("10:30"))])
    again = judged_rows(spark, [unsaid], are_said=True)
    assert_rows(again, columns, [("active", None, None)])


def test_a_link_of_an_operator_lasts_as_long_as_a_decision_for_it(spark):
    made = dict(MADE, link_id=1, status="active")
    link = dict(kind="link", left_node=1, right_node=2, decided_at=at("09:00"))
    assert_rows(judged_rows(spark, [made], link), ["status"], [("active",)])
    assert_rows(judged_rows(spark, [made], link, unlink(1)), ["status"], [("active",)])
    other = dict(link, right_node=3)
    assert_rows(
        judged_rows(spark, [made], dict(link, withdrawn_at=at("11:00")), other),
        ["status", "reason", "valid_to"],
        [("withdrawn", "the operator who made it took it back", at("12:00"))],
    )


def test_a_decision_has_its_nodes_and_only_links_that_hold_become_links(spark):
    pair = ("email", "a@example.org"), ("user_id", "7")
    row = decision_row("link", *pair, reason="same", decided_at=at("09:00"))
    alone = decision_row("unlink", pair[0], None, reason="shared", decided_at=at("09:00"))
    back = dict(row, decision_id="back", withdrawn_at=at("10:00"))
    decisions = decision_rows(silver.IDENTITY_DECISIONS.rows(spark, [row, alone, back]))
    nodes = decisions.select((decisions.right_node.isNull()).alias("is_alone"), "kind")
    assert_rows(nodes, ["kind", "is_alone"], [("link", False), ("unlink", True), ("link", False)])
    assert_rows(
        operator_links(decisions),
        ["left_value", "right_value", "rule", "trust", "source_event_id"],
        [("a@example.org", "7", "operator", 2.0, row["decision_id"])],
    )


@pytest.mark.parametrize("text", ["ann", "email:", ":ann", ""])
def test_an_identifier_is_a_namespace_and_a_value(text):
    with pytest.raises(ConfError, match="--a: is not of the form NAMESPACE:VALUE"):
        parsed_identifier(text, "--a")


def test_a_value_may_hold_colons():
    assert parsed_identifier("url:http://x", "--a") == ("url", "http://x")


@pytest.mark.parametrize(
    ("namespace", "value", "expected"),
    [
        ("email", "Ann@Example.org", ["Ann@Example.org", "ann@example.org"]),
        ("phone", "020 7183 8750", ["020 7183 8750", "+442071838750"]),
        ("phone", "no", ["no"]),
        ("record", "crm:4:2", ["crm:4:2", '["crm","4:2"]']),
        ("user_id", "A1", ["A1"]),
    ],
)
def test_values_are_looked_for_as_people_and_as_the_lake_write_them(namespace, value, expected):
    assert spellings(namespace, value, phone_region="GB") == expected


def arguments(**given):
    return argparse.Namespace(**{**dict(a=None, b=None, reason=None, undo=None), **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (dict(), "--a, --b, --reason: not given"),
        (dict(a="x:1", b="x:2", reason=" "), "--reason: not given"),
        (dict(undo="d", reason="r"), "leave out --reason"),
    ],
)
def test_a_command_says_enough_and_not_too_much(given, message):
    with pytest.raises(ConfError, match=message):
        check_command(arguments(**given), needs=["a", "b"])
    check_command(arguments(a="x:1", b="x:2", reason="r"), needs=["a", "b"])
    check_command(arguments(undo="d"), needs=["a", "b"])
