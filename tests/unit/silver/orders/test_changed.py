"""The orders that a run must compute."""

from kinfold.silver.orders.changed import events_of_orders, events_with_any
from kinfold.tables import silver


def test_the_events_of_an_order_are_those_with_its_id_or_the_one_without_an_id(spark):
    events = silver.EVENTS.frame(
        spark,
        dict(event_id="old", order_id="o1"),
        dict(event_id="new", order_id="o1"),
        dict(event_id="of another order", order_id="o2"),
        dict(event_id="old of no order"),
        dict(event_id="new of no order"),
    )
    changed = events.where("event_id like 'new%'")
    actual = {row["event_id"] for row in events_of_orders(events, changed).collect()}
    assert actual == {"old", "new", "new of no order"}


def test_events_are_found_by_any_of_their_identifiers(spark):
    def event(event_id, *values):
        identifiers = [dict(namespace="email", value=value) for value in values]
        return dict(event_id=event_id, identifiers=identifiers)

    events = silver.EVENTS.frame(
        spark, event("both", "a", "b"), event("one", "c", "b"), event("none", "c"), event("empty")
    )
    moved = spark.createDataFrame(
        [("email", "a"), ("email", "b")], "namespace string, value string"
    )
    assert [row["event_id"] for row in events_with_any(events, moved).collect()] == ["both", "one"]
