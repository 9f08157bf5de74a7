"""Identifiers and links observed in events."""

from itertools import combinations

from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.core.settings.models import IdentityConf, NamespaceConf
from kinfold.silver.identity.graph.nodes import Namespaces, comparison_hash
from kinfold.silver.identity.links.observed import (
    new_identifiers,
    record_sightings,
    seen_beside_shared,
    seen_identifiers,
    seen_together,
    sightings,
    widened,
)
from kinfold.tables import silver
from lakes import keyed_hash

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


def together(spark, *events, **options):
    seen = sightings(silver.EVENTS.frame(spark, *events), None)
    return seen_together(seen, NAMESPACES, keyed_hash(spark), **options)


def event(event_id, moment, *identifiers):
    return dict(
        event_id=event_id,
        occurred_at=at(moment),
        identifiers=[dict(namespace=n, value=v) for n, v in identifiers],
    )


COOKIE, USER, EMAIL = ("cookie_id", "c"), ("user_id", "u"), ("email", "a@b.org")


def test_an_identifier_is_first_seen_in_its_earliest_event(spark):
    events = silver.EVENTS.frame(
        spark, event("1", "10:00", COOKIE), event("2", "09:00", COOKIE, USER)
    )
    assert_rows(
        seen_identifiers(sightings(events, None), keyed_hash(spark)),
        ["namespace", "value", "first_seen_at"],
        [("cookie_id", "c", at("09:00")), ("user_id", "u", at("09:00"))],
    )


def test_an_identifier_is_not_first_seen_at_a_made_up_date(spark):
    epoch = dict(is_before_earliest=True, received_at=at("11:00"))
    events = silver.EVENTS.frame(spark, event("1", "1970-01-01", COOKIE, USER) | epoch)
    crm = dict(source="crm", record_id="7", identifiers=[], changed_at=at("1970-01-01"))
    records = silver.RECORDS.frame(
        spark, crm | dict(is_before_earliest=True, ingested_at=at("12:00"))
    )
    assert_rows(
        seen_identifiers(sightings(events, records), keyed_hash(spark)),
        ["namespace", "first_seen_at"],
        [("cookie_id", at("11:00")), ("user_id", at("11:00")), ("record", at("12:00"))],
    )


def test_a_record_and_its_links_are_as_old_as_its_identifiers_are_in_it(spark):
    record = dict(
        source="crm",
        record_id="7",
        identifiers=[
            dict(namespace="email", value="a@b.org"),
            dict(namespace="user_id", value="u"),
        ],
        identifiers_since=[at("09:00"), at("10:00")],
        changed_at=at("11:00"),
    )
    seen = record_sightings(silver.RECORDS.frame(spark, record))
    assert_rows(
        seen_identifiers(seen, keyed_hash(spark)),
        ["namespace", "first_seen_at"],
        [("email", at("09:00")), ("record", at("09:00")), ("user_id", at("10:00"))],
    )
    assert_rows(
        seen_together(seen, NAMESPACES, keyed_hash(spark)),
        ["right_namespace", "first_seen_at", "last_seen_at"],
        [("email", at("09:00"), at("11:00")), ("user_id", at("10:00"), at("11:00"))],
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


def test_namespaces_that_are_not_declared_come_last_with_a_trust_of_one_half(spark):
    assert_rows(
        together(spark, event("1", "09:00", ("a_tag", "t"), COOKIE)),
        ["left_namespace", "right_namespace", "trust"],
        [("cookie_id", "a_tag", 0.5)],
    )


def test_two_identifiers_of_one_namespace_in_an_event_are_an_alias(spark):
    assert_rows(
        together(spark, event("1", "09:00", USER, ("user_id", "v"))),
        ["left_value", "right_value", "rule", "trust"],
        [("u", "v", "alias", 1.0)],
    )


def test_the_right_end_of_an_alias_is_the_previous_account(spark):
    alias = event("1", "09:00", COOKIE, USER, ("user_id", "a")) | dict(previous_account="a")
    other = event("2", "09:00", USER, ("user_id", "v")) | dict(previous_account="u")
    assert_rows(
        together(spark, alias, other),
        ["left_value", "right_value", "rule"],
        [("u", "a", "alias"), ("u", "c", "seen_together"), ("v", "u", "alias")],
    )


def test_a_shared_value_is_skipped(spark):
    user = spark.range(1).select(comparison_hash(F.lit("user_id"), F.lit("u"))).collect()[0][0]
    links = together(
        spark, event("1", "09:00", COOKIE, EMAIL, USER), rule="seen_beside", without=[user]
    )
    assert_rows(
        links,
        ["left_value", "right_value", "rule"],
        [("a@b.org", "c", "seen_beside")],
    )


def test_beside_a_shared_value_events_without_identifiers_give_no_links(spark):
    user = spark.range(1).select(comparison_hash(F.lit("user_id"), F.lit("u"))).collect()[0][0]
    events = silver.EVENTS.frame(
        spark, event("1", "09:00", COOKIE, EMAIL, USER), event("2", "09:30")
    )
    seen = sightings(events.localCheckpoint(), None)
    beside = seen_beside_shared(seen, NAMESPACES, keyed_hash(spark), [user])
    assert_rows(beside, ["left_value", "right_value"], [("a@b.org", "c")])


def test_a_pair_seen_twice_is_one_link_over_both_times(spark):
    events = [event("2", "11:00", COOKIE, USER), event("1", "09:00", COOKIE, USER)]
    assert_rows(
        together(spark, *events),
        ["left_value", "right_value", "first_seen_at", "last_seen_at", "source_event_id"],
        [("u", "c", at("09:00"), at("11:00"), "1")],
    )


def test_events_with_fewer_than_two_identifiers_give_no_links(spark):
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


def test_the_period_only_grows_and_keeps_the_event_of_its_start(spark):
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


def identifier(node_id, namespace, value, first):
    return dict(node_id=node_id, namespace=namespace, value=value, first_seen_at=at(first))


def test_only_new_identifiers_and_those_seen_earlier_are_changes(spark):
    known = silver.IDENTIFIERS.frame(
        spark,
        identifier(1, "email", "a@b.org", "09:00"),
        identifier(2, "email", "c@d.org", "09:00"),
    )
    seen = silver.IDENTIFIERS.frame(
        spark,
        identifier(1, "email", "a@b.org", "10:00"),
        identifier(2, "email", "c@d.org", "08:00"),
        identifier(3, "email", "e@f.org", "10:00"),
    )
    assert_rows(
        new_identifiers(seen, known),
        ["node_id", "first_seen_at", "is_known"],
        [(2, at("08:00"), True), (3, at("10:00"), False)],
    )


def test_a_record_and_an_identifier_that_left_its_record_may_be_seen_later(spark):
    def identifiers(moment):
        names = ("record", "email", "phone")
        rows = [identifier(n, name, "x", moment) for n, name in enumerate(names)]
        return silver.IDENTIFIERS.frame(spark, *rows)

    later = identifiers("12:00")
    assert_rows(
        new_identifiers(
            later.where("node_id = 0"),
            identifiers("09:00"),
            seen_elsewhere=later.where("node_id = 1"),
        ),
        ["node_id", "first_seen_at", "is_known"],
        [(0, at("12:00"), True), (1, at("12:00"), True)],
    )


def test_two_values_with_the_same_node_are_both_returned(spark):
    """So they break the key of silver.identifiers, whichever was seen first."""
    known = silver.IDENTIFIERS.frame(
        spark,
        identifier(1, "email", "a@b.org", "09:00"),
        identifier(2, "email", "c@d.org", "09:00"),
        identifier(3, "email", "e@f.org", "09:00"),
    )
    seen = silver.IDENTIFIERS.frame(
        spark,
        identifier(1, "email", "a@b.org", "09:00"),
        identifier(2, "user_id", "c@d.org", "10:00"),
    )
    assert_rows(
        new_identifiers(seen, known),
        ["node_id", "namespace", "is_known"],
        [(2, "email", True), (2, "user_id", True)],
    )
