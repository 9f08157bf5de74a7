"""What events say about identifiers."""

from itertools import combinations

from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.core.conf import IdentityConf, NamespaceConf
from kinfold.silver.identity.links import (
    clashing,
    seen_identifiers,
    seen_together,
    sightings,
    widened,
)
from kinfold.silver.identity.nodes import Namespaces, node_id
from kinfold.tables import silver

NAMESPACES = Namespaces.of(
    IdentityConf(
        placeholders=(),
        phone_region="GB",
        namespaces={
            "user_id": NamespaceConf(trust=0.9),
            "email": NamespaceConf(trust=0.8),
            "cookie_id": NamespaceConf(trust=0.6),
        },
    )
)


def together(spark, *events, **given):
    seen = sightings(silver.EVENTS.frame(spark, *events), None)
    return seen_together(seen, NAMESPACES, **given)


def event(event_id, moment, *identifiers):
    return dict(
        event_id=event_id,
        occurred_at=at(moment),
        identifiers=[dict(namespace=n, value=v) for n, v in identifiers],
    )


COOKIE, USER, EMAIL = ("cookie_id", "c"), ("user_id", "u"), ("email", "a@b.org")


def test_an_identifier_is_seen_from_its_first_event_to_its_last(spark):
    events = silver.EVENTS.frame(
        spark, event("1", "10:00", COOKIE), event("2", "09:00", COOKIE, USER)
    )
    assert_rows(
        seen_identifiers(sightings(events, None)),
        ["namespace", "value", "first_seen_at", "last_seen_at"],
        [
            ("cookie_id", "c", at("09:00"), at("10:00")),
            ("user_id", "u", at("09:00"), at("09:00")),
        ],
    )


def test_n_identifiers_of_an_event_make_a_star_of_n_minus_1_links_around_the_strongest(spark):
    assert_rows(
        together(spark, event("1", "09:00", COOKIE, EMAIL, USER)),
        ["left_namespace", "left_value", "right_namespace", "right_value", "rule", "trust"],
        [
            ("user_id", "u", "cookie_id", "c", "seen_together", 0.6),
            ("user_id", "u", "email", "a@b.org", "seen_together", 0.8),
        ],
    )


def test_kinds_that_are_not_declared_come_last_and_are_believed_by_half(spark):
    assert_rows(
        together(spark, event("1", "09:00", ("a_tag", "t"), COOKIE)),
        ["left_namespace", "right_namespace", "trust"],
        [("cookie_id", "a_tag", 0.5)],
    )


def test_two_of_one_kind_in_an_event_are_an_alias(spark):
    assert_rows(
        together(spark, event("1", "09:00", USER, ("user_id", "v"))),
        ["left_value", "right_value", "rule", "trust"],
        [("u", "v", "alias", 1.0)],
    )


def test_a_value_that_was_set_aside_is_passed_over(spark):
    user = spark.range(1).select(node_id(F.lit("user_id"), F.lit("u"))).collect()[0][0]
    found = together(
        spark, event("1", "09:00", COOKIE, EMAIL, USER), rule="seen_beside", without=[user]
    )
    assert_rows(
        found,
        ["left_value", "right_value", "rule"],
        [("a@b.org", "c", "seen_beside")],
    )


def test_a_pair_seen_twice_is_one_link_over_both_moments(spark):
    events = [event("2", "11:00", COOKIE, USER), event("1", "09:00", COOKIE, USER)]
    assert_rows(
        together(spark, *events),
        ["left_value", "right_value", "first_seen_at", "last_seen_at", "source_event_id"],
        [("u", "c", at("09:00"), at("11:00"), "1")],
    )


def test_events_with_fewer_than_two_identifiers_link_nobody(spark):
    assert together(spark, event("1", "09:00"), event("2", "09:00", COOKIE)).count() == 0


def test_shifted_and_empty_parts_never_share_a_link_id(spark):
    pairs = [("a", "bc"), ("ab", "c"), ("a", "b\nc"), ("a\nb", "c"), ('a"', ',"b'), ("a", '",",b')]
    ids = set()
    for left, right in pairs:
        identifiers = sorted([("x", left), ("y", right)])
        link = together(spark, event("1", "09:00", *identifiers))
        ids.add(link.collect()[0]["link_id"])
    assert len(ids) == len(pairs)
    assert all(a != b for a, b in combinations(sorted(ids), 2))


def test_first_and_last_seen_only_ever_widen_and_the_first_keeps_its_event(spark):
    def seen(link_id, first, last, event_id):
        return dict(
            link_id=link_id,
            first_seen_at=at(first),
            last_seen_at=at(last),
            source="s",
            source_event_id=event_id,
        )

    new = silver.IDENTITY_LINKS.frame(
        spark, seen(1, "09:00", "10:00", "new"), seen(2, "09:00", "10:00", "new")
    )
    known = silver.IDENTITY_LINKS.frame(
        spark, seen(1, "08:00", "09:30", "old"), seen(3, "07:00", "07:00", "old")
    )
    assert_rows(
        widened(new, known, key="link_id"),
        ["link_id", "first_seen_at", "last_seen_at", "source_event_id"],
        [(1, at("08:00"), at("10:00"), "old"), (2, at("09:00"), at("10:00"), "new")],
    )


def test_a_known_value_of_another_name_under_the_same_node_clashes(spark):
    """Two values of one hash; the same value seen again does not clash."""
    moment = dict(first_seen_at=at("09:00"), last_seen_at=at("09:00"))
    known = silver.IDENTIFIERS.frame(
        spark,
        dict(node_id=1, namespace="email", value="a@b.org", **moment),
        dict(node_id=2, namespace="email", value="c@d.org", **moment),
        dict(node_id=3, namespace="email", value="e@f.org", **moment),
    )
    new = silver.IDENTIFIERS.frame(
        spark,
        dict(node_id=1, namespace="email", value="a@b.org", **moment),
        dict(node_id=2, namespace="user_id", value="c@d.org", **moment),
    )
    assert [row.node_id for row in clashing(new, known).collect()] == [2]
