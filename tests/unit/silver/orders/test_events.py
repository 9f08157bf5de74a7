"""What an event says about its order."""

from frames import assert_rows
from kinfold.core.settings.loading import load_settings, project_home
from kinfold.silver.orders.events import (
    order_events,
    order_statements,
    usable_order_ids,
    with_order_group,
)
from kinfold.tables import silver


def test_lines_amounts_and_kinds_of_events(spark):
    def event(event_id, event_type="purchase", **more):
        return dict(event_id=event_id, event_type=event_type, **more)

    def sent(product, quantity=None, price=None):
        return dict(product_id=product, category=None, quantity=quantity, price_cents=price)

    events = silver.EVENTS.frame(
        spark,
        event("whole", amount_cents=900, order_lines=[sent("a", 2, 300), sent("b")]),
        event("own line", product_id="a", category="toys", quantity=2, amount_cents=600),
        event("indivisible", category="toys", quantity=7, amount_cents=600),
        event("lines before own", product_id="c", amount_cents=6, order_lines=[sent("a", 1, 6)]),
        event("worth its lines", "order_update", order_lines=[sent("a", 2, 300), sent("b", 1, 5)]),
        event("price missing", "return", order_lines=[sent("a", 2, 300), sent("b")]),
        event("own product back", "return", product_id="a", quantity=1),
        event("only the order", "return", order_lines=[]),
        event("no order event", "page_view", amount_cents=1),
    )
    actual = order_statements(order_events(events))
    expected = [
        ("whole", 900, [("a", None, 2, 300, 600), ("b", None, None, None, None)], False),
        ("own line", 600, [("a", "toys", 2, 300, 600)], True),
        ("indivisible", 600, [(None, "toys", 7, None, 600)], True),
        ("lines before own", 6, [("a", None, 1, 6, 6)], False),
        ("worth its lines", 605, [("a", None, 2, 300, 600), ("b", None, 1, 5, 5)], False),
        ("price missing", None, [("a", None, 2, 300, 600), ("b", None, None, None, None)], False),
        ("own product back", None, [("a", None, 1, None, None)], False),
        ("only the order", None, None, False),
    ]
    assert_rows(actual, ["event_id", "amount_cents", "lines", "is_line"], expected)


PLACEHOLDERS = [
    "undefined",
    "NULL",
    " [object Object] ",
    "(not set)",
    "0",
    "000",
    "{{order.id}}",
    "-",
]
ORDER_IDS = ["1", "10", "A-0", "undefined-1", "1001", "#7", "ä"]


def test_a_placeholder_is_no_order_id(spark):
    rows = [(order_id,) for order_id in [*PLACEHOLDERS, *ORDER_IDS, None]]
    events = spark.createDataFrame(rows, "order_id string")
    placeholders = load_settings(project_home(), "local", {}).identity.placeholders
    actual = usable_order_ids(events, placeholders=placeholders)
    assert [row["order_id"] for row in actual.where("order_id is not null").collect()] == ORDER_IDS


def test_an_event_without_an_order_id_is_a_group_of_its_own(spark):
    events = [("e1", None), ("e2", None), ("e3", "e1"), ("e4", "e1")]
    actual = with_order_group(spark.createDataFrame(events, "event_id string, order_id string"))
    groups = [row["order_group"] for row in actual.orderBy("event_id").collect()]
    assert groups == ["event e1", "event e2", "order e1", "order e1"]
