"""When people visit the shop, and what they do there."""

from datetime import date

import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS
from kinfold.synthetic.behaviour.visits import person_days, visits
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people.population import population

pytestmark = pytest.mark.xdist_group("synthetic")

DRAWS = Draws(4)
START_ON = date(2026, 1, 1)


@pytest.fixture(scope="module")
def residents(spark: SparkSession) -> DataFrame:
    return population(spark, people=400, draws=DRAWS, sharing_ratio=0.0).cache()


def test_people_visit_only_between_their_first_and_last_day(residents: DataFrame) -> None:
    days = person_days(residents, days=60, start_on=START_ON)
    outside = (F.col("day") < F.col("first_day")) | (F.col("day") > F.col("last_day"))
    assert days.where(outside | (F.col("day") > 59)).count() == 0


def test_a_fading_person_visits_less_every_week(residents: DataFrame) -> None:
    leaving = person_days(residents, days=400, start_on=START_ON).where("last_day < 400")
    by_distance = leaving.groupBy((F.col("last_day") - F.col("day")).alias("left"))
    rows = by_distance.agg(F.avg("activity").alias("activity")).collect()
    activity = {row.left: row.activity for row in rows}
    assert activity[1] < activity[8] < activity[16] < activity[30]


def test_a_product_is_viewed_and_put_into_the_cart_before_it_is_bought(
    residents: DataFrame,
) -> None:
    shop_visits = visits(person_days(residents, days=60, start_on=START_ON), draws=DRAWS)
    row = shop_visits.agg(
        F.count_if("buys").alias("orders"),
        F.count_if(F.col("buys") & (F.col("carts") == 0)).alias("orders_of_nothing"),
        F.count_if(F.col("carts") > F.col("views")).alias("carts_of_unseen"),
        F.count_if(F.col("is_logged_in") & F.col("registered_day").isNull()).alias(
            "logins_without_account"
        ),
        F.count_if(F.col("start_ms") < F.col("day").cast("long") * DAY_MS).alias("early"),
    ).first()
    assert row is not None
    assert row.orders > 0
    assert row.asDict() == {
        "orders": row.orders,
        "orders_of_nothing": 0,
        "carts_of_unseen": 0,
        "logins_without_account": 0,
        "early": 0,
    }


def test_a_longer_calendar_does_not_change_the_visits_of_earlier_days(residents: DataFrame) -> None:
    def early_visits(days: int) -> list[object]:
        shop_visits = visits(person_days(residents, days=days, start_on=START_ON), draws=DRAWS)
        return shop_visits.where("day < 20").orderBy("visit").collect()

    assert early_visits(20) == early_visits(35)
