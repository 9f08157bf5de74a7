"""The people of a world."""

import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people.population import population

pytestmark = pytest.mark.xdist_group("synthetic")

DRAWS = Draws(11)


@pytest.fixture(scope="module")
def residents(spark: SparkSession) -> DataFrame:
    return population(spark, people=3_000, draws=DRAWS, sharing_ratio=0.5)


def test_no_two_people_have_the_same_identifier(residents: DataFrame) -> None:
    names = ("user_id", "email", "other_email", "phone", "other_phone", "crm_id")
    row = residents.agg(
        *(F.count(name).alias(name) for name in names),
        *(F.count_distinct(name).alias(f"distinct_{name}") for name in names),
    ).first()
    assert row is not None
    assert all(row[name] == row[f"distinct_{name}"] > 0 for name in names)
    assert row.email == 3_000
    assert row.user_id < 3_000, "some people never register"


def test_more_people_do_not_change_the_first_ones(spark: SparkSession) -> None:
    few = population(spark, people=20, draws=DRAWS, sharing_ratio=0.5)
    more = population(spark, people=40, draws=DRAWS, sharing_ratio=0.5).where("person < 20")
    assert few.orderBy("person").collect() == more.orderBy("person").collect()
