"""What people agree to receive and what they open."""

from datetime import date

import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.synthetic.behaviour import person_days
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.mailings import consent_decisions, email_opens
from kinfold.synthetic.people import population

pytestmark = pytest.mark.xdist_group("synthetic")

DRAWS = Draws(8)
START_ON = date(2026, 1, 1)


@pytest.fixture(scope="module")
def residents(spark: SparkSession) -> DataFrame:
    return population(spark, people=500, draws=DRAWS, sharing_ratio=0.0).cache()


def test_a_withdrawal_follows_the_grant_it_takes_back(residents: DataFrame) -> None:
    decisions = consent_decisions(residents, draws=DRAWS).withColumns(
        {
            "purpose": F.get_json_object("properties", "$.purpose"),
            "decision": F.get_json_object("properties", "$.decision"),
        }
    )
    per_purpose = decisions.groupBy("person", "purpose").agg(
        F.sort_array(F.collect_list(F.struct("occurred_ms", "decision"))).alias("decisions")
    )
    courses = {tuple(step.decision for step in row.decisions) for row in per_purpose.collect()}
    assert courses == {("granted",), ("granted", "withdrawn"), ("withdrawn",)}


def test_only_who_agreed_opens_newsletters_and_only_until_the_withdrawal(
    residents: DataFrame,
) -> None:
    opens = email_opens(
        person_days(residents, days=120, start_on=START_ON), draws=DRAWS, start_on=START_ON
    ).select("person", "occurred_ms")
    email = F.get_json_object("properties", "$.purpose") == "email"
    decision = F.get_json_object("properties", "$.decision")
    decided = consent_decisions(residents, draws=DRAWS).where(email)
    granted = (
        decided.where(decision == "granted")
        .groupBy("person")
        .agg(F.min("occurred_ms").alias("granted_ms"))
    )
    both = opens.join(granted, "person", "left")
    assert opens.count() > 0
    assert both.where("granted_ms is null or granted_ms >= occurred_ms").count() == 0
