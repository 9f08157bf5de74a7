"""What events say about identifiers."""

from itertools import combinations

from frames import assert_rows, at
from kinfold.silver.identity.links import seen_identifiers, seen_together, widened
from kinfold.tables import silver


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
        seen_identifiers(events),
        ["namespace", "value", "first_seen_at", "last_seen_at"],
        [
            ("cookie_id", "c", at("09:00"), at("10:00")),
            ("user_id", "u", at("09:00"), at("09:00")),
        ],
    )


def test_n_identifiers_of_an_event_make_a_star_of_n_minus_1_links(spark):
    links = seen_together(silver.EVENTS.frame(spark, event("1", "09:00", COOKIE, EMAIL, USER)))
    assert_rows(
        links,
        ["left_namespace", "left_value", "right_namespace", "right_value", "rule"],
        [
            ("cookie_id", "c", "email", "a@b.org", "seen_together"),
            ("cookie_id", "c", "user_id", "u", "seen_together"),
        ],
    )


def test_a_pair_seen_twice_is_one_link_over_both_moments(spark):
    events = silver.EVENTS.frame(
        spark, event("1", "09:00", COOKIE, USER), event("2", "11:00", COOKIE, USER)
    )
    assert_rows(
        seen_together(events),
        ["left_value", "right_value", "first_seen_at", "last_seen_at"],
        [("c", "u", at("09:00"), at("11:00"))],
    )


def test_events_with_fewer_than_two_identifiers_link_nobody(spark):
    events = silver.EVENTS.frame(spark, event("1", "09:00"), event("2", "09:00", COOKIE))
    assert seen_together(events).count() == 0


def test_shifted_and_empty_parts_never_share_a_link_id(spark):
    pairs = [("a", "bc"), ("ab", "c"), ("a", "b\nc"), ("a\nb", "c"), ('a"', ',"b'), ("a", '",",b')]
    ids = set()
    for left, right in pairs:
        identifiers = sorted([("x", left), ("y", right)])
        link = seen_together(silver.EVENTS.frame(spark, event("1", "09:00", *identifiers)))
        ids.add(link.collect()[0]["link_id"])
    assert len(ids) == len(pairs)
    assert all(a != b for a, b in combinations(sorted(ids), 2))


def test_first_and_last_seen_only_ever_widen(spark):
    key = ("namespace", "value")

    def seen(value, first, last):
        return dict(
            namespace="user_id", value=value, first_seen_at=at(first), last_seen_at=at(last)
        )

    new = silver.IDENTIFIERS.frame(spark, seen("u", "09:00", "10:00"), seen("v", "09:00", "10:00"))
    known = silver.IDENTIFIERS.frame(
        spark, seen("u", "08:00", "09:30"), seen("w", "07:00", "07:00")
    )
    assert_rows(
        widened(new, known, key=key),
        ["value", "first_seen_at", "last_seen_at"],
        [("u", at("08:00"), at("10:00")), ("v", at("09:00"), at("10:00"))],
    )
