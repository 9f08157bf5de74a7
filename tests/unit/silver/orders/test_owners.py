"""The person of an order event."""

from frames import assert_rows
from kinfold.silver.orders.owners import with_owner


def owners(spark, *events):
    rows = [(f"e{i}", *event) for i, event in enumerate(events)]
    schema = "event_id string, order_group string, event_type string, profile_id string"
    return with_owner(spark.createDataFrame(rows, schema))


def test_an_event_belongs_to_the_buyer_of_its_order_whomever_it_names(spark):
    actual = owners(
        spark,
        ("one buyer", "purchase", "ann"),
        ("one buyer", "return", None),
        ("one buyer", "return", "the server of the shop"),
        ("one buyer", "purchase", None),
        ("two buyers", "purchase", "ann"),
        ("two buyers", "purchase", "ben"),
        ("two buyers", "return", "ben"),
        ("two buyers", "order_cancel", None),
        ("two buyers", "order_cancel", "cleo"),
        ("not bought", "return", "ann"),
        ("not bought", "return", None),
        ("bought by nobody known", "purchase", None),
        ("bought by nobody known", "return", None),
    )
    expected = [
        ("e0", "ann", False),
        ("e1", "ann", False),
        ("e2", "ann", False),
        ("e3", "ann", False),
        ("e4", "ann", False),
        ("e5", "ben", False),
        ("e6", "ben", False),
        ("e7", None, True),
        ("e8", "cleo", False),
        ("e9", "ann", False),
        ("e10", None, False),
        ("e11", None, False),
        ("e12", None, False),
    ]
    assert_rows(actual, ["event_id", "profile_id", "is_contested"], expected)
