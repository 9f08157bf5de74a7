"""Consent decisions and newsletter openings."""

from datetime import date

import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.synthetic.behaviour.mailings import consent_decisions, email_opens
from kinfold.synthetic.behaviour.visits import person_days
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people.population import population

pytestmark = pytest.mark.xdist_group("synthetic")

DRAWS = Draws(8)
START_ON = date(2026, 1, 1)


@pytest.fixture(scope="module")
def residents(spark: SparkSession) -> DataFrame:
    return population(spark, people=500, draws=DRAWS, sharing_ratio=0.0).cache()


def test_a_withdrawal_follows_a_grant(residents: DataFrame) -> None:
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


def test_newsletters_are_opened_only_between_grant_and_withdrawal(
    residents: DataFrame,
) -> None:
    opens = email_opens(
        person_days(residents, days=120, start_on=START_ON), draws=DRAWS, start_on=START_ON
    ).select("person", "occurred_ms")
    email = F.get_json_object("properties", "$.purpose") == "email"
    decision = F.get_json_object("properties", "$.decision")
    decided = consent_decisions(residents, draws=DRAWS).where(email)
    consent = decided.groupBy("person").agg(
        F.min(F.when(decision == "granted", F.col("occurred_ms"))).alias("granted_ms"),
        F.max(F.when(decision == "withdrawn", F.col("occurred_ms"))).alias("withdrawn_ms"),
    )
    both = opens.join(consent, "person", "left")
    # The last newsletter is of the day before the withdrawal and is opened at most 47 hours later.
    still_open_ms = 17 * 3_600_000
    row = both.agg(
        F.count(F.lit(1)).alias("opens"),
        F.count_if(F.coalesce(F.col("granted_ms") >= F.col("occurred_ms"), F.lit(True))),
        F.count_if(F.col("occurred_ms") >= F.col("withdrawn_ms") + still_open_ms),
        F.count_if(F.col("withdrawn_ms").isNotNull()).alias("before_a_withdrawal"),
    ).first()
    assert row is not None
    assert row.opens > 0
    assert row.before_a_withdrawal > 0
    assert (row[1], row[2]) == (0, 0)
