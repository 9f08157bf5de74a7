"""Profiles: activity, traits, consent and identifiers of each person."""

from frames import assert_rows, at
from kinfold.silver.profiles.profile import (
    activity,
    identifier_lists,
    latest_consent,
    order_totals,
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


def test_orders_add_up_by_currency_and_in_the_reporting_currency(spark):
    def order(profile_id, status, currency, cents, reporting=None, returned_at=None):
        return dict(
            profile_id=profile_id,
            status=status,
            currency=currency,
            revenue_cents=cents,
            reporting_cents=reporting,
            reporting_currency="EUR",
            returned_at=returned_at,
        )

    orders = silver.ORDERS.frame(
        spark,
        order("p", "completed", "EUR", 1000, 1000),
        order("p", "partly_refunded", "EUR", 700, 700, at("10:00")),
        order("p", "completed", "JPY", 5000, 3050),
        order("p", "completed", "SEK", 900),
        order("p", "cancelled", "DKK", 0, None, at("10:00")),
        order("p", "unknown", "EUR", -300, -300, at("11:00")),
        order("p", "completed", None, 0),
        order("rich", "completed", "EUR", 2**62, 2**62),
        order("rich", "completed", "EUR", 2**62, 2**62),
        order("rich", "unknown", "EUR", -5, -5, at("11:00")),
    )
    most = 2**63 - 1
    expected = [
        ("p", 5, 2, {"EUR": 1400, "JPY": 5000, "SEK": 900}, 4450, "EUR"),
        ("rich", 2, 1, {"EUR": most - 5}, most - 5, "EUR"),
    ]
    columns = ["order_count", "return_count", "revenue", "revenue_cents", "currency"]
    assert_rows(order_totals(orders), ["profile_id", *columns], expected)


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


def test_the_three_most_frequent_categories_are_listed_in_order_ties_by_name(spark):
    seen = ["toys", "books", "art", "garden", "garden", None]
    events = events_of(
        spark,
        *(dict(category=name) for name in seen),
        dict(event_type="purchase", category="books"),  # counts by the lines of its order
    )
    bought = (dict(profile_id="p", category=name) for name in ["toys", "toys", None])
    lines = silver.ORDER_LINES.frame(spark, *bought)
    assert_rows(top_categories(events, lines), ["top_categories"], [(["toys", "garden", "art"],)])


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


def test_a_profile_without_orders_traits_consent_or_categories_has_empty_ones(spark):
    identity_map = silver.IDENTITY_MAP.frame(
        spark, dict(namespace="cookie_id", value="c", profile_id="p")
    )
    orders, lines = silver.ORDERS.frame(spark), silver.ORDER_LINES.frame(spark)
    rows = silver.PROFILES.conform(
        profiles(events_of(spark, {}), identity_map, orders=orders, lines=lines)
    )
    assert_rows(
        rows,
        ["profile_id", "event_count", "top_categories", "traits", "trait_sources", "consent"],
        [("p", 1, [], {}, {}, {})],
    )
    columns = ["order_count", "return_count", "revenue", "revenue_cents", "currency"]
    assert_rows(rows, columns, [(0, 0, {}, 0, None)])
