"""Behaviour features of each person as of a moment."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from frames import assert_rows, at
from kinfold.gold.features.behaviour import features_as_of
from kinfold.tables import gold, silver

SCHEMA = (
    "profile_id string, event_id string, event_type string, occurred_at timestamp, "
    "received_at timestamp, is_before_earliest boolean, category string"
)
COLUMNS = [part.split()[0] for part in SCHEMA.split(", ")]
NOW = at("2026-03-31")
DAY = timedelta(days=1)


def event(occurred_at, event_type="page_view", **more):
    row = dict(profile_id="p", event_id="e", event_type=event_type, occurred_at=occurred_at)
    return {**row, "received_at": occurred_at, **more}


def about(order, occurred_at, event_type="purchase", cents=None, *categories, **more):
    """An event about an order; its lines are of the categories."""
    lines = [(None, category, None, None, None) for category in categories] or None
    said = dict(order=order, amount_cents=cents, lines=lines, currency="EUR", rate=1.0)
    return event(occurred_at, event_type, **{"is_line": False, **said, **more})


def frame(spark, *events):
    return spark.createDataFrame([tuple(e.get(c) for c in COLUMNS) for e in events], SCHEMA)


def orders_of(spark, *events):
    """silver.orders of the events about orders."""
    names = silver.ORDER_EVENT.fieldNames()
    said = {}
    for i, e in enumerate(e for e in events if "order" in e):
        statement = {"is_before_earliest": False, **e, "event_id": f"e{i:04}"}
        person_and_order = (e["profile_id"], e["order"])
        said.setdefault(person_and_order, []).append(tuple(statement[name] for name in names))
    rows = [
        dict(profile_id=person, order_key=f"{person} {order}", events=statements)
        for (person, order), statements in said.items()
    ]
    return silver.ORDERS.frame(spark, *rows)


def features(spark, *events, as_ofs=(NOW,)):
    orders = orders_of(spark, *events)
    return features_as_of(frame(spark, *events), orders, as_ofs=as_ofs).cache()


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
        about("o", at("1970-01-01"), "purchase", 700, **epoch),
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


def test_an_order_counts_once_in_the_period_of_its_first_purchase_and_in_all_its_categories(spark):
    actual = features(
        spark,
        about("o1", NOW - DAY, "purchase", 1500, "shoes", "hats"),
        about("o2", NOW - 40 * DAY, "purchase", 300, "hats", None),
        about("o2", NOW - DAY, "purchase", 300, "hats", None),
        about("o3", NOW - 100 * DAY, "purchase", 200, "toys"),
        about("o2", NOW - DAY, "return", 100),
        about("o4", NOW - DAY, "purchase", 9000, "cars"),
        about("o4", NOW - DAY, "order_cancel"),
        about("o5", NOW - DAY, "return", 50),
        about("o6", NOW - 50 * DAY, "purchase", 800, currency="SEK", rate=None),
        event(NOW - DAY, "product_view", category="shoes"),
        event(NOW - DAY, "product_view", category="belts"),
    )
    assert_rows(
        actual,
        ["order_count_30d", "order_count_90d", "order_count", "return_count_90d"],
        [(1, 3, 4, 2)],
    )
    assert_rows(
        actual,
        ["spend_cents_30d", "spend_cents_90d", "spend_cents", "average_order_cents"],
        [(1500, 1700, 1900, 475.0)],
    )
    assert_rows(actual, ["category_count_90d", "days_since_purchase"], [(3, 1.0)])


def test_an_order_is_at_each_moment_what_its_events_had_said_by_then(spark):
    later = NOW + 20 * DAY
    actual = features(
        spark,
        about("o1", NOW - 5 * DAY, "purchase", 1000, "hats"),
        about("o1", NOW - 2 * DAY, "order_update", 600, received_at=NOW + DAY),
        about("o1", NOW + 2 * DAY, "order_cancel"),
        as_ofs=(NOW, NOW + 2 * DAY, later),
    )
    columns = ["as_of", "order_count", "spend_cents", "category_count_90d"]
    expected = [(NOW, 1, 1000, 1), (NOW + 2 * DAY, 1, 600, 1), (later, 0, 0, 0)]
    assert_rows(actual, columns, expected)


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


ORDER_TYPES = ("purchase", "return")


def random_events(seed, count=600):
    draw = random.Random(seed)
    # Whole hours, so that many events fall exactly on the edge of a window.
    events = []
    for i in range(count):
        moment = NOW + timedelta(hours=draw.randint(-24 * 130, 24 * 5))
        delay = timedelta(hours=draw.choice((0, 0, 0, 1, 48, 24 * 20)))
        who = dict(profile_id=draw.choice("abcd"), event_id=f"e{i}", received_at=moment + delay)
        event_type, category = draw.choice(TYPES), draw.choice((None, "x", "y", "z"))
        if event_type in ORDER_TYPES:
            # The amount of a purchase is its number: no purchase is a copy of another.
            order, cents = draw.choice(("o1", "o2", "o3", f"own {i}", f"own {i}")), 1000 + i
            events.append(about(order, moment, event_type, cents, category, **who))
        else:
            events.append(event(moment, event_type, category=category, **who))
    return events


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

    def active(days):
        return len({math.ceil((as_of - e["occurred_at"]) / DAY) for e in last(days)})

    def days_ago(moment):
        return (as_of - moment) / DAY

    by_order = {}
    for e in sorted(known, key=lambda e: e["occurred_at"]):
        if "order" in e:
            by_order.setdefault(e["order"], []).append(e)
    bought = [order for e in by_order.values() if (order := _of_order(e))]
    returned = [e for e in by_order.values() if any(one in last(90, "return") for one in e)]

    def orders(days):
        return [order for order in bought if order["at"] >= as_of - timedelta(days=days)]

    def spend(days):
        return sum(order["left"] for order in orders(days))

    seen = {e["category"] for e in last(90) if "order" not in e}
    row = {
        "tenure_days": days_ago(min(e["occurred_at"] for e in known)),
        "recency_days": days_ago(max(e["occurred_at"] for e in known)),
        "days_since_purchase": days_ago(max(o["at"] for o in bought)) if bought else None,
        **{f"event_count_{d}d": len(last(d)) for d in (7, 30, 90)},
        **{f"active_day_count_{d}d": active(d) for d in (30, 90)},
        **{f"product_view_count_{d}d": len(last(d, "product_view")) for d in (7, 30)},
        **{f"add_to_cart_count_{d}d": len(last(d, "add_to_cart")) for d in (7, 30)},
        "email_open_count_30d": len(last(30, "email_open")),
        "category_count_90d": len((seen | {o["category"] for o in orders(90)}) - {None}),
        **{f"order_count_{d}d": len(orders(d)) for d in (30, 90)},
        "order_count": len(bought),
        "return_count_90d": len(returned),
        **{f"spend_cents_{d}d": spend(d) for d in (30, 90)},
        "spend_cents": spend(10_000),
    }
    row["average_order_cents"] = row["spend_cents"] / row["order_count"] if bought else 0.0
    return row


def _of_order(events):
    """When an order was bought, what is left of it and its category; None if it was not bought."""
    purchases = [e for e in events if e["event_type"] == "purchase"]
    if not purchases:
        return None
    newest = max(purchases, key=lambda e: (e["occurred_at"], e["amount_cents"]))
    refunds = sum(e["amount_cents"] for e in events if e["event_type"] == "return")
    lines = newest["lines"] or [(None, None)]
    return dict(
        at=purchases[0]["occurred_at"],
        left=max(0, newest["amount_cents"] - refunds),
        category=lines[0][1],
    )


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
