"""The person whom an order event belongs to: the buyer of the order."""

from pyspark.sql import DataFrame, Window, functions as F

from kinfold.silver.orders.events import PURCHASE


def with_owner(events: DataFrame) -> DataFrame:
    """Order events with the person of their order.

    A purchase belongs to the person that it names. Any other event belongs to the person that it
    names if that person bought the order; else to the only buyer of the order. So a refund that
    names only the order, or a server in place of a person, takes effect. A purchase that names
    nobody is one more of the only buyer. If the order has no buyer, or several (two shops with the
    same order numbers), the event belongs to whom it names.

    Args:
        events: all events of some order groups: order_group, event_type and profile_id (the person
            that the event names; null = nobody).

    Returns:
        The columns of `events`, with the owner as `profile_id` (null = nobody), and is_contested:
        the event names nobody, and several people bought an order of this id.
    """
    is_purchase = F.col("event_type") == PURCHASE
    of_group = Window.partitionBy("order_group")
    of_person = Window.partitionBy("order_group", "profile_id")
    buyer = F.when(is_purchase, F.col("profile_id"))
    has_bought = F.max(buyer).over(of_person).isNotNull()
    is_only_buyer = F.col("_first_buyer") == F.col("_last_buyer")
    owner = (
        F.when(F.col("_has_bought"), F.col("profile_id"))
        .when(is_only_buyer, F.col("_first_buyer"))
        .otherwise(F.col("profile_id"))
    )
    is_contested = owner.isNull() & F.col("_first_buyer").isNotNull()
    return (
        events.withColumn("_has_bought", has_bought)
        .withColumns(
            {
                "_first_buyer": F.min(buyer).over(of_group),
                "_last_buyer": F.max(buyer).over(of_group),
            }
        )
        .withColumns({"_owner": owner, "is_contested": is_contested})
        .withColumn("profile_id", F.col("_owner"))
        .drop("_has_bought", "_first_buyer", "_last_buyer", "_owner")
    )
