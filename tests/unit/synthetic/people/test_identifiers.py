"""Identifiers and their spellings."""

import phonenumbers
import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people.identifiers import (
    COUNTRY,
    cookie_id,
    device_id,
    typed_email,
    typed_phone,
)
from kinfold.synthetic.people.population import population

pytestmark = pytest.mark.xdist_group("synthetic")

DRAWS = Draws(11)


@pytest.fixture(scope="module")
def residents(spark: SparkSession) -> DataFrame:
    return population(spark, people=3_000, draws=DRAWS, sharing_ratio=0.5)


def test_only_the_second_of_two_neighbours_uses_the_device_of_the_other(
    residents: DataFrame,
) -> None:
    first_device = device_id(DRAWS, number=F.lit(0))
    rows = (
        residents.select("person", "is_sharing_device", first_device.alias("device"))
        .orderBy("person")
        .collect()
    )
    devices = [row.device for row in rows]
    sharing = [row.person for row in rows if row.is_sharing_device]
    assert sharing
    assert all(person % 2 == 1 and devices[person] == devices[person - 1] for person in sharing)
    assert len(set(devices)) == 3_000 - len(sharing)


def test_a_device_gets_a_new_cookie_over_time(residents: DataFrame) -> None:
    day = F.explode(F.sequence(F.lit(0), F.lit(300)))
    cookies = (
        residents.limit(50)
        .withColumn("day", day)
        .select("person", cookie_id(DRAWS, number=F.lit(0), day=F.col("day")).alias("cookie"))
        .groupBy("person")
        .agg(F.count_distinct("cookie").alias("count"))
        .collect()
    )
    assert len(cookies) == 50
    assert all(2 <= row["count"] <= 22 for row in cookies)


def test_every_spelling_of_a_phone_is_read_back_as_the_same_valid_number(
    residents: DataFrame,
) -> None:
    spelt = residents.where("phone is not null").limit(300)
    spellings = spelt.select("phone", typed_phone(DRAWS, F.col("phone"), "person").alias("typed"))
    rows = spellings.collect()
    assert len(rows) == 300
    for row in rows:
        number = phonenumbers.parse(row.typed, COUNTRY)
        assert phonenumbers.is_valid_number(number)
        form = phonenumbers.PhoneNumberFormat.E164
        assert phonenumbers.format_number(number, form) == row.phone
    assert len({row.typed[:2] for row in rows}) >= 4, "numbers are spelt in several ways"


def test_a_typed_email_differs_only_in_case_and_spaces(residents: DataFrame) -> None:
    typed = typed_email(DRAWS, F.col("email"), "person")
    rows = residents.select("email", typed.alias("typed")).limit(500).collect()
    assert all(row.typed.strip().lower() == row.email for row in rows)
    assert any(row.typed != row.email for row in rows)
