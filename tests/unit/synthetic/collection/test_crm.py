"""The CRM extract."""

import csv

import phonenumbers
import pytest
from pyspark.sql import SparkSession, functions as F

from kinfold.synthetic import World
from kinfold.synthetic.collection.crm import customer_cards
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people.identifiers import COUNTRY
from kinfold.synthetic.people.population import population

pytestmark = pytest.mark.xdist_group("synthetic")


def test_a_typing_error_changes_one_field_and_gives_no_address_of_another_person(
    spark: SparkSession,
) -> None:
    draws = Draws(2)
    residents = population(spark, people=2_000, draws=draws, sharing_ratio=0.0)
    wrong = customer_cards(residents, days=60, draws=draws, typos_rate=1.0).alias("wrong")
    right = customer_cards(residents, days=60, draws=draws, typos_rate=0.0).alias("right")
    changes = [
        F.count_if(~F.col(f"wrong.{name}").eqNullSafe(F.col(f"right.{name}"))).alias(name)
        for name in ("first_name", "last_name", "email", "phone", "city")
    ]
    row = (
        wrong.join(right, "crm_id", "inner")
        .agg(F.count("wrong.typo_in").alias("typos"), *changes)
        .first()
    )
    assert row is not None
    assert row.typos == row.first_name + row.last_name + row.email > 0
    assert min(row.first_name, row.last_name, row.email) > 0
    assert (row.phone, row.city) == (0, 0)
    emails = wrong.where("email is not null").select("email")
    assert emails.distinct().count() == emails.count()


def test_the_extract_has_the_agreed_columns_and_readable_phones(world: World) -> None:
    with (world.directory / "crm/customers.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == world.counts["crm_rows"] > 10
    assert list(rows[0]) == (
        ["crm_id", "first_name", "last_name", "email", "phone", "city", "country", "updated_at"]
    )
    assert [row["crm_id"] for row in rows] == sorted({row["crm_id"] for row in rows})
    phones = [row["phone"] for row in rows if row["phone"]]
    assert phones
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(text, COUNTRY)) for text in phones)
