"""Behaviour features of each person as of a moment."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from frames import assert_rows, at
from kinfold.gold.features.behaviour import features_as_of
from kinfold.tables import gold

SCHEMA = (
    "profile_id string, event_id string, event_type string, occurred_at timestamp, "
    "received_at timestamp, is_before_earliest boolean, order_id string, "
    "category string, amount_cents bigint"
)
COLUMNS = [part.split()[0] for part in SCHEMA.split(", ")]
NOW = at("2026-03-31")
DAY = timedelta(days=1)


def event(occurred_at, event_type="page_view", **more):
    row = dict(profile_id="p", event_id="e", event_type=event_type, occurred_at=occurred_at)
    return {**row, "received_at": occurred_at, **more}


def frame(spark, *events):
    return spark.createDataFrame([tuple(e.get(c) for c in COLUMNS) for e in events], SCHEMA)


def features(spark, *events, as_ofs=(NOW,)):
    return features_as_of(frame(spark, *events), as_ofs=as_ofs).cache()


def test_an_event_counts_only_if_it_occurred_and_arrived_before_the_moment(spark):
    actual = features(
        spark,
        event(NOW - DAY),
        event(NOW),
        event(NOW + DAY),
        event(NOW - DAY, received_at=NOW),
        event(NOW - 2 * DAY, received_at=NOW - timedelta(microseconds=1)),
    )
    assert_rows(actual, ["event_count_7d", "tenure_days", "recency_days"], [(2, 2.0, 1.0)])


def test_an_event_of_a_made_up_date_counts_in_no_period_and_its_person_was_seen_at_its_arrival(
    spark,
):
    epoch = dict(received_at=NOW - 10 * DAY, is_before_earliest=True)
    actual = features(
        spark,
        event(at("1970-01-01"), "purchase", amount_cents=700, **epoch),
        event(NOW - 5 * DAY),
    )
    columns = [
        "tenure_days",
        "recency_days",
        "days_since_purchase",
        "event_count_90d",
        "spend_cents",
    ]
    assert_rows(actual, columns, [(10.0, 5.0, None, 1, 700)])


def test_the_last_n_days_start_exactly_n_days_before_the_moment(spark):
    just_outside = timedelta(days=30, microseconds=1)
    actual = features(spark, event(NOW - 30 * DAY), event(NOW - just_outside))
    columns = ["event_count_7d", "event_count_30d", "event_count_90d"]
    assert_rows(actual, columns, [(0, 1, 2)])


def test_an_active_day_is_a_period_of_24_hours_and_counts_once(spark):
    hour = timedelta(hours=1)
    ages = [hour, 23 * hour, 24 * hour, 25 * hour, 30 * DAY, 59.5 * DAY, 60.5 * DAY, 90 * DAY]
    actual = features(spark, *(event(NOW - age) for age in ages), event(NOW - 91 * DAY))
    # Of 30 days: 0-24 h (three events, one of them exactly 24 hours old), 24-48 h, and the day that
    # starts exactly 30 days before. Of 90: also the days 59, 60 and 89.
    assert_rows(actual, ["active_day_count_30d", "active_day_count_90d"], [(3, 6)])


def test_lines_of_one_order_are_one_order_and_add_up_to_its_spend(spark):
    actual = features(
        spark,
        event(NOW - DAY, "purchase", order_id="o1", category="shoes", amount_cents=1000),
        event(NOW - DAY, "purchase", order_id="o1", category="hats", amount_cents=500),
        event(NOW - 40 * DAY, "purchase", order_id="o2", amount_cents=300),
        event(NOW - 100 * DAY, "purchase", order_id="o3", amount_cents=200),
        event(NOW - DAY, "return", order_id="o2", amount_cents=300),
    )
    assert_rows(
        actual,
        ["order_count_30d", "order_count_90d", "order_count", "return_count_90d"],
        [(1, 2, 3, 1)],
    )
    assert_rows(
        actual,
        ["spend_cents_30d", "spend_cents_90d", "spend_cents", "average_order_cents"],
        [(1500, 1800, 2000, 2000 / 3)],
    )
    assert_rows(actual, ["category_count_90d", "days_since_purchase"], [(2, 1.0)])


def test_a_purchase_without_order_id_is_a_separate_order_and_without_amount_adds_nothing(spark):
    actual = features(
        spark,
        event(NOW - DAY, "purchase", event_id="a", amount_cents=100),
        event(NOW - DAY, "purchase", event_id="b"),
    )
    assert_rows(actual, ["order_count", "spend_cents"], [(2, 100)])


def test_a_person_who_never_bought_has_null_days_since_purchase_and_average_order_zero(spark):
    actual = features(spark, event(NOW - DAY, "product_view"))
    columns = ["days_since_purchase", "average_order_cents", "product_view_count_7d"]
    assert_rows(actual, columns, [(None, 0.0, 1)])


def test_events_without_a_person_are_ignored_and_no_events_give_an_empty_frame(spark):
    actual = features(spark, event(NOW - DAY, profile_id=None))
    assert actual.columns == list(gold.FEATURES.columns)
    assert actual.count() == 0
    assert features(spark).count() == 0


def test_a_duplicate_moment_is_ignored(spark):
    later = NOW + DAY
    actual = features(spark, event(NOW - DAY), as_ofs=(later, NOW, NOW))
    assert sorted(row["recency_days"] for row in actual.collect()) == [1.0, 2.0]


@pytest.mark.parametrize(
    ("as_ofs", "message"), [((), "as_ofs is empty"), ((datetime(2026, 3, 1),), "has no time zone")]
)
def test_missing_moments_and_moments_without_a_time_zone_are_rejected(spark, as_ofs, message):
    with pytest.raises(ValueError, match=message):
        features(spark, as_ofs=as_ofs)


# ---------------------------------------------------------------------------------------- laws

TYPES = ("page_view", "product_view", "add_to_cart", "purchase", "return", "email_open", "login")


def random_events(seed, count=600):
    draw = random.Random(seed)
    # Whole hours, so that many events fall exactly on the edge of a window.
    return [
        event(
            (moment := NOW + timedelta(hours=draw.randint(-24 * 130, 24 * 5))),
            draw.choice(TYPES),
            profile_id=draw.choice("abcd"),
            event_id=f"e{i}",
            received_at=moment + timedelta(hours=draw.choice((0, 0, 0, 1, 48, 24 * 20))),
            order_id=draw.choice((None, "o1", "o2", "o3", "o4")),
            category=draw.choice((None, "x", "y", "z")),
            amount_cents=draw.choice((None, 0, 99, 12_345)),
        )
        for i in range(count)
    ]


def reference(events, as_of):
    """The same features, computed with a plain loop over people."""
    rows = {}
    for person in sorted({e["profile_id"] for e in events}):
        known = [
            e
            for e in events
            if e["profile_id"] == person and e["occurred_at"] < as_of and e["received_at"] < as_of
        ]
        if known:
            rows[person, as_of] = _of_person(known, as_of)
    return rows


def _of_person(known, as_of):
    def last(days, *types):
        start = as_of - timedelta(days=days)
        return [
            e for e in known if e["occurred_at"] >= start and e["event_type"] in (types or TYPES)
        ]

    def orders(events):
        return len({e["order_id"] or ("event", e["event_id"]) for e in events})

    def spend(events):
        return sum(e["amount_cents"] or 0 for e in events)

    def active(days):
        return len({math.ceil((as_of - e["occurred_at"]) / DAY) for e in last(days)})

    def days_ago(moment):
        return (as_of - moment) / DAY

    bought = last(10_000, "purchase")
    row = {
        "tenure_days": days_ago(min(e["occurred_at"] for e in known)),
        "recency_days": days_ago(max(e["occurred_at"] for e in known)),
        "days_since_purchase": days_ago(max(e["occurred_at"] for e in bought)) if bought else None,
        **{f"event_count_{d}d": len(last(d)) for d in (7, 30, 90)},
        **{f"active_day_count_{d}d": active(d) for d in (30, 90)},
        **{f"product_view_count_{d}d": len(last(d, "product_view")) for d in (7, 30)},
        **{f"add_to_cart_count_{d}d": len(last(d, "add_to_cart")) for d in (7, 30)},
        "email_open_count_30d": len(last(30, "email_open")),
        "category_count_90d": len({e["category"] for e in last(90)} - {None}),
        **{f"order_count_{d}d": orders(last(d, "purchase")) for d in (30, 90)},
        "order_count": orders(bought),
        "return_count_90d": orders(last(90, "return")),
        **{f"spend_cents_{d}d": spend(last(d, "purchase")) for d in (30, 90)},
        "spend_cents": spend(bought),
    }
    row["average_order_cents"] = row["spend_cents"] / row["order_count"] if bought else 0.0
    return row


def collected(frame):
    rows = {}
    for row in frame.collect():
        values = row.asDict()
        person, as_of = values.pop("profile_id"), values.pop("as_of").replace(tzinfo=UTC)
        rows[person, as_of] = values
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_features_agree_with_a_plain_loop(spark, seed):
    events = random_events(seed)
    moments = [NOW, NOW - 30 * DAY, NOW - 75 * DAY, NOW - 127 * DAY]
    expected = {}
    for moment in moments:
        expected |= reference(events, moment)
    assert collected(features(spark, *events, as_ofs=moments)) == expected


def test_events_that_occur_or_arrive_at_the_moment_or_later_change_nothing(spark):
    past = random_events(11, count=200)
    draw = random.Random(12)
    unknown = []
    for e in random_events(13, count=400):
        later = NOW + timedelta(microseconds=draw.choice((0, 1, 86_400_000_000)))
        if draw.random() < 0.5:
            unknown.append({**e, "occurred_at": later})
        else:
            unknown.append({**e, "received_at": later})
    assert collected(features(spark, *past, *unknown)) == collected(features(spark, *past))
