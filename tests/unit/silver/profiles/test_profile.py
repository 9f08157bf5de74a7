"""Profiles: activity, traits, consent and identifiers of each person."""

from frames import assert_rows, at
from kinfold.silver.profiles.profile import (
    activity,
    identifier_lists,
    latest_consent,
    profiles,
    top_categories,
)
from kinfold.tables import silver


def events_of(spark, *rows):
    """Events of silver with a profile_id (default p), numbered in order."""
    frame = silver.EVENTS.frame(
        spark,
        *(
            dict(event_id=f"e{i:02}", event_type="page_view", occurred_at=at("09:00"))
            | {k: v for k, v in row.items() if k != "profile_id"}
            for i, row in enumerate(rows)
        ),
    )
    people = spark.createDataFrame(
        [
            (row.get("event_id", f"e{i:02}"), row.get("profile_id", "p"))
            for i, row in enumerate(rows)
        ],
        "event_id string, profile_id string",
    )
    return frame.join(people, "event_id")


def purchase(cents, order="o1", **more):
    return dict(event_type="purchase", amount_cents=cents, order_id=order, **more)


def test_revenue_is_purchases_minus_returns_and_lines_of_one_order_are_one_order(spark):
    events = events_of(
        spark,
        purchase(1000),
        purchase(500),
        purchase(200, order="o2"),
        dict(event_type="return", amount_cents=300, order_id="o1"),
        purchase(None, order="o3"),
        dict(amount_cents=9999),
    )
    assert_rows(
        activity(events),
        ["profile_id", "event_count", "order_count", "return_count", "revenue_cents"],
        [("p", 6, 3, 1, 1400)],
    )


def test_people_are_not_first_seen_at_a_made_up_date(spark):
    epoch = dict(occurred_at=at("1970-01-01"), is_before_earliest=True)
    events = events_of(
        spark,
        dict(occurred_at=at("2026-03-02")),
        dict(**epoch, received_at=at("2026-03-03")),
        dict(**epoch, received_at=at("2026-03-04"), profile_id="only"),
    )
    expected = [
        ("p", at("2026-03-02"), at("2026-03-03")),
        ("only", at("2026-03-04"), at("2026-03-04")),
    ]
    assert_rows(activity(events), ["profile_id", "first_seen_at", "last_seen_at"], expected)


def test_a_purchase_without_an_order_id_is_a_separate_order(spark):
    events = events_of(spark, purchase(1, order=None), purchase(1, order=None))
    assert_rows(activity(events), ["order_count"], [(2,)])


def test_the_three_most_frequent_categories_are_listed_in_order_ties_by_name(spark):
    names = ["toys", "toys", "toys", "books", "art", "garden", "garden", None]
    events = events_of(spark, *(dict(category=name) for name in names))
    assert_rows(top_categories(events), ["top_categories"], [(["toys", "garden", "art"],)])


def test_the_latest_decision_per_purpose_wins_and_a_tie_goes_to_the_larger_event_id(spark):
    def decision(moment, purpose, value):
        return dict(
            event_type="consent",
            occurred_at=at(moment),
            consent_purpose=purpose,
            consent_decision=value,
        )

    events = events_of(
        spark,
        decision("10:00", "email", "withdrawn"),
        decision("09:00", "email", "granted"),
        decision("09:00", "ads", "granted"),
        decision("09:00", "ads", "withdrawn"),
    )
    assert_rows(
        latest_consent(events), ["consent"], [({"email": "withdrawn", "ads": "withdrawn"},)]
    )


def test_identifiers_are_listed_and_counted_by_namespace(spark):
    identity_map = silver.IDENTITY_MAP.frame(
        spark,
        dict(namespace="email", value="b@x.org", profile_id="p"),
        dict(namespace="email", value="a@x.org", profile_id="p"),
        dict(namespace="cookie_id", value="c", profile_id="p"),
    )
    assert_rows(
        identifier_lists(identity_map),
        ["emails", "phones", "identifier_counts"],
        [(["a@x.org", "b@x.org"], [], {"cookie_id": 1, "email": 2})],
    )


def test_a_profile_without_traits_consent_or_categories_has_empty_ones(spark):
    identity_map = silver.IDENTITY_MAP.frame(
        spark, dict(namespace="cookie_id", value="c", profile_id="p")
    )
    rows = silver.PROFILES.conform(profiles(events_of(spark, {}), identity_map))
    assert_rows(
        rows,
        ["profile_id", "event_count", "top_categories", "traits", "trait_sources", "consent"],
        [("p", 1, [], {}, {}, {})],
    )
