"""Generates newsletter openings and consent decisions."""

from collections.abc import Callable
from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS, as_events
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people import identifiers


def email_opens(days: DataFrame, *, draws: Draws, start_on: date) -> DataFrame:
    """Newsletter openings, as events. Subscribers get a newsletter on Tuesdays and Fridays."""
    weekday = (F.col("day") + F.lit(start_on.weekday())) % 7
    is_subscribed = _agrees(draws, "email") & (F.col("day") > _asked_day(draws, "email"))
    is_subscribed = is_subscribed & (F.col("day") < _withdrawal_day(draws, "email"))
    interest = F.col("newsletter_interest") * F.least(F.col("activity"), F.lit(1.0))
    opens = draws.uniform("opens", "person", "day") < interest
    delay = F.floor(
        F.least(draws.exponential(5.0, "opens_after", "person", "day"), F.lit(40.0)) * 3_600_000
    )
    campaign = F.concat(F.lit("news-"), F.date_add(F.lit(start_on), F.col("day")).cast("string"))
    return (
        days.where(weekday.isin(1, 4) & is_subscribed & opens)
        .withColumn("visit", draws.number("email_open", "person", "day"))
        .withColumn("event_no", F.lit(0))
        .withColumn("event_type", F.lit("email_open"))
        .withColumn(
            "occurred_ms", F.col("day").cast("long") * DAY_MS + 7 * 3_600_000 + delay.cast("long")
        )
        .transform(
            as_events,
            draws=draws,
            identifiers={"email": F.col("email")},
            properties={"campaign_id": campaign},
        )
    )


def consent_decisions(population: DataFrame, *, draws: Draws) -> DataFrame:
    """Consent decisions about e-mail and personalization, and later withdrawals, as events."""
    purpose, is_withdrawal = F.col("purpose"), F.col("event_no") >= 2
    is_email = purpose == "email"

    def of_purpose(answer: Callable[[Draws, str], Column]) -> Column:
        return F.when(is_email, answer(draws, "email")).otherwise(answer(draws, "personalization"))

    agrees = of_purpose(_agrees)
    day = F.when(is_withdrawal, of_purpose(_withdrawal_day)).otherwise(of_purpose(_asked_day))
    ms_of_day = 6 * 3_600_000 + draws.below(15 * 3_600_000, "consent_hour", "visit", "event_no")
    has_account = F.coalesce(F.col("registered_day") <= F.col("day"), F.lit(False))
    cookie = identifiers.cookie_id(draws, number=F.lit(0), day=F.col("day"))
    decision = F.when(~is_withdrawal & agrees, F.lit("granted")).otherwise(F.lit("withdrawn"))
    return (
        population.withColumn("visit", draws.number("consent", "person"))
        .withColumn("event_no", F.explode(F.sequence(F.lit(0), F.lit(3))))
        .withColumn("event_type", F.lit("consent"))
        .withColumn(
            "purpose",
            F.when(F.col("event_no") % 2 == 0, F.lit("email")).otherwise(F.lit("personalization")),
        )
        .withColumn("day", day)
        .where((F.col("day") <= F.col("last_day")) & (agrees | ~is_withdrawal))
        .withColumn("occurred_ms", F.col("day").cast("long") * DAY_MS + ms_of_day)
        .transform(
            as_events,
            draws=draws,
            identifiers={
                "cookie_id": F.when(~has_account | (F.col("event_no") < 2), cookie),
                "user_id": F.when(has_account, F.col("user_id")),
                "email": F.when(is_email, F.col("email")),
            },
            properties={"purpose": purpose, "decision": decision},
        )
    )


def _agrees(draws: Draws, purpose: str) -> Column:
    return draws.uniform(f"agrees_{purpose}", "person") < (0.58 if purpose == "email" else 0.72)


def _asked_day(draws: Draws, purpose: str) -> Column:
    """The day of arrival; earlier customers see the consent form within the first three weeks."""
    renewal = draws.below(21, f"asked_{purpose}", "person")
    return F.when(F.col("first_day") > 0, F.col("first_day")).otherwise(renewal)


def _withdrawal_day(draws: Draws, purpose: str) -> Column:
    wait = 1 + F.floor(draws.exponential(260.0, f"withdraws_{purpose}", "person")).cast("int")
    return _asked_day(draws, purpose) + wait
