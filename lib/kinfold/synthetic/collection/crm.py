"""Generates the CRM extract: one row per customer, with typing errors."""

from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS, timestamp_text
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.people.identifiers import COUNTRY, typed_email, typed_phone

_TYPO_FIELDS = {"first_name": 0.4, "last_name": 0.4, "email": 0.2}


def customer_cards(
    population: DataFrame, *, days: int, draws: Draws, typos_rate: float
) -> DataFrame:
    """The customers who are in the CRM at the end of the world.

    Args:
        population: see `population.population`.
        typos_rate: share of rows with a typing error in a name or in the e-mail.

    Returns:
        One row per customer: person, crm_id, first_name, last_name, email, phone (normalised; null
        = unknown), city, country, updated_ms and typo_in (the field with the error, else null).
    """
    field = draws.index(list(_TYPO_FIELDS.values()), "typo_field", "person")
    has_typo = draws.uniform("has_typo", "person") < typos_rate
    typo_in = F.when(has_typo, F.get(F.array(*(F.lit(name) for name in _TYPO_FIELDS)), field))
    knows_email = draws.uniform("crm_knows_email", "person") < 0.95
    knows_phone = draws.uniform("crm_knows_phone", "person") < 0.9
    opened = F.col("registered_day").cast("long") * DAY_MS + draws.below(
        DAY_MS, "crm_moment", "person"
    )
    return (
        population.where(F.col("crm_id").isNotNull() & (F.col("registered_day") < days))
        .withColumn("typo_in", typo_in)
        .withColumn(
            "typo_in", F.when((F.col("typo_in") != "email") | knows_email, F.col("typo_in"))
        )
        .select(
            "person",
            "crm_id",
            _mistyped(draws, "first_name").alias("first_name"),
            _mistyped(draws, "last_name").alias("last_name"),
            F.when(knows_email, _mistyped(draws, "email")).alias("email"),
            F.when(knows_phone, F.col("phone")).alias("phone"),
            "city",
            F.lit(COUNTRY).alias("country"),
            opened.alias("updated_ms"),
            "typo_in",
        )
    )


def _mistyped(draws: Draws, field: str) -> Column:
    """The field; where it has the typing error, two adjacent letters are swapped or one is missing.

    Only the first four letters change. The number in an e-mail stays, so that the result is never
    the address of another person.
    """
    text, position = F.col(field), 1 + draws.below(3, "typo_at", "person")
    one, other = F.substring(text, position, F.lit(1)), F.substring(text, position + 1, F.lit(1))
    before = F.substring(text, F.lit(1), position - 1)
    after = F.substring(text, position + 2, F.length(text))
    is_missing = (draws.uniform("typo_kind", "person") < 0.5) | (one == other)
    wrong = F.when(is_missing, F.concat(before, other, after)).otherwise(
        F.concat(before, other, one, after)
    )
    return F.when(F.col("typo_in") == field, wrong).otherwise(text)


def extract_rows(cards: DataFrame, *, draws: Draws, start_on: date) -> DataFrame:
    """The rows of the extract, with e-mails and phones spelt as people type them."""
    return cards.select(
        "crm_id",
        "first_name",
        "last_name",
        typed_email(draws, F.col("email"), "person").alias("email"),
        typed_phone(draws, F.col("phone"), "person").alias("phone"),
        "city",
        "country",
        timestamp_text(F.col("updated_ms"), start_on=start_on).alias("updated_at"),
    )
