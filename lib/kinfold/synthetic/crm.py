"""CRM: the extract of customer cards that the shop's staff typed, typos included."""

from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour import DAY_MS
from kinfold.synthetic.draws import Draws
from kinfold.synthetic.events import timestamp_text
from kinfold.synthetic.people import COUNTRY, written_email, written_phone

_TYPO_FIELDS = {"first_name": 0.4, "last_name": 0.4, "email": 0.2}


def customer_cards(
    population: DataFrame, *, days: int, draws: Draws, typos_rate: float
) -> DataFrame:
    """The cards of customers who have one by the end of the world.

    Args:
        population: see `people.population`.
        typos_rate: share of cards with a typo in a name or the e-mail.

    Returns:
        One row per card: person, crm_id, first_name, last_name, email, phone (normalised; null =
        not known), city, country, updated_ms and typo_in (the field with the typo, else null).
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
    """The field, with two neighbouring letters swapped or one lost where the typo is in it.

    Only the first four letters are touched: the number in an e-mail stays, so no typo gives
    somebody else's.
    """
    text, at = F.col(field), 1 + draws.below(3, "typo_at", "person")
    one, other = F.substring(text, at, F.lit(1)), F.substring(text, at + 1, F.lit(1))
    before, after = F.substring(text, F.lit(1), at - 1), F.substring(text, at + 2, F.length(text))
    is_lost = (draws.uniform("typo_kind", "person") < 0.5) | (one == other)
    wrong = F.when(is_lost, F.concat(before, other, after)).otherwise(
        F.concat(before, other, one, after)
    )
    return F.when(F.col("typo_in") == field, wrong).otherwise(text)


def extract_rows(cards: DataFrame, *, draws: Draws, start_on: date) -> DataFrame:
    """The cards as they stand in the extract: e-mails and phones in the spelling of whoever typed
    them.
    """
    return cards.select(
        "crm_id",
        "first_name",
        "last_name",
        written_email(draws, F.col("email"), "person").alias("email"),
        written_phone(draws, F.col("phone"), "person").alias("phone"),
        "city",
        "country",
        timestamp_text(F.col("updated_ms"), start_on=start_on).alias("updated_at"),
    )
