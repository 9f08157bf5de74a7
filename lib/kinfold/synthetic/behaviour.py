"""Behaviour: the visits people make to the shop, and with what in mind.

A day either starts a mission (a search for something to buy, a few visits long) or it does not, by a draw of
its own. Nothing waits for the end of the world, so a longer world begins with the shorter one.
"""

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from kinfold.synthetic.draws import Draws, looked_up
from kinfold.synthetic.people import of_group

DAY_MS = 86_400_000
_WEEKDAY_WEIGHTS = (0.95, 0.88, 0.90, 0.95, 1.02, 1.16, 1.24)
_NEWCOMER_DAYS = 10
_FADING_DAYS = 25
_TRAITS_OF_A_DAY = ("first_day", "last_day", "vigour")


def person_days(people: DataFrame, *, days: int, start_on: date) -> DataFrame:
    """The days on which people may come.

    Args:
        people: see `people.population`.
        days: days of the world; no later day is returned.

    Returns:
        One row per person and day from first_day to last_day: the columns of `people`, `day` (int, from 0) and
        `vigour`, the factor by which weekday and stage of life (new, active, fading) change that day's rates.
    """
    last_day = F.least(F.col("last_day"), F.lit(days - 1))
    weekday = (F.col("day") + F.lit(start_on.weekday())) % 7
    is_newcomer = (F.col("first_day") > 0) & (F.col("day") - F.col("first_day") < _NEWCOMER_DAYS)
    fading = F.least(F.lit(1.0), (F.col("last_day") - F.col("day") + 1) / F.lit(float(_FADING_DAYS)))
    stage = F.when(is_newcomer, F.lit(1.5)).otherwise(F.lit(1.0)) * fading
    return (
        people.where(F.col("first_day") < days)
        .withColumn("day", F.explode(F.sequence("first_day", last_day)))
        .withColumn("vigour", stage * looked_up(_WEEKDAY_WEIGHTS, weekday))
    )


def visits(days: DataFrame, *, draws: Draws) -> DataFrame:
    """Every visit to the shop, casual or on a mission.

    Args:
        days: see `person_days`.

    Returns:
        One row per visit: the traits of the person, `visit` and `interest` (longs; visits of one mission share
        the interest), `day`, `focus` (category number of a mission, else null), how many `pages`, `views` and
        `carts` it has, `buys` (what is in the cart is ordered), `is_logged_in`, `is_identified`, `device_no`,
        `email_no` and `start_ms` (milliseconds since the start of the world).
    """
    casual = _casual_visits(days, draws=draws)
    return casual.unionByName(_mission_visits(days, draws=draws)).transform(_with_circumstances, draws=draws)


def _casual_visits(days: DataFrame, *, draws: Draws) -> DataFrame:
    comes = draws.uniform("casual", "person", "day") < F.least(F.lit(0.9), F.col("casual_per_day") * F.col("vigour"))
    impulse = 0.045 * F.col("conversion_probability")
    return (
        days.where(comes)
        .drop(*_TRAITS_OF_A_DAY)
        .withColumn("visit", draws.number("casual_visit", "person", "day"))
        .withColumn("interest", F.col("visit"))
        .withColumn("focus", F.lit(None).cast("int"))
        .withColumn("views", 1 + draws.index([0.4, 0.3, 0.2, 0.1], "casual_views", "visit"))
        .withColumn("buys", draws.uniform("impulse", "visit") < impulse)
        .withColumn("carts", _carts(draws, buys=F.col("buys"), probability=F.lit(0.05)))
    )


def _mission_visits(days: DataFrame, *, draws: Draws) -> DataFrame:
    starts = draws.uniform("mission", "person", "day") < F.col("missions_per_day") * F.col("vigour")
    length = F.floor(F.lit(19.0) * draws.uniform("mission_days", "interest") * draws.uniform("slow", "interest"))
    more_visits = F.least(F.col("length"), draws.index([0.2, 0.25, 0.25, 0.2, 0.1], "more_visits", "interest"))
    progress = F.when(F.col("more_visits") == 0, F.lit(1.0)).otherwise(F.col("visit_no") / F.col("more_visits"))
    is_last = F.col("visit_no") == F.col("more_visits")
    succeeds = draws.uniform("succeeds", "interest") < F.col("conversion_probability")
    cart_probability = F.when(is_last, F.lit(0.3)).otherwise(0.08 + 0.4 * F.col("progress"))
    views = 1 + F.floor((2.5 + 3.0 * F.col("progress")) * draws.uniform("mission_views", "visit")).cast("int")
    return (
        days.where(starts)
        .drop(*_TRAITS_OF_A_DAY)
        .withColumn("interest", draws.number("mission_interest", "person", "day"))
        .withColumn("focus", preferred_category(draws, "mission_focus", "interest"))
        .withColumn("length", length.cast("int"))
        .withColumn("more_visits", more_visits)
        .withColumn("visit_no", F.explode(F.sequence(F.lit(0), F.col("more_visits"))))
        .withColumn("progress", progress)
        .withColumn("visit", draws.number("mission_visit", "interest", "visit_no"))
        .withColumn("day", F.col("day") + F.floor(F.col("length") * F.col("progress") + 0.5).cast("int"))
        .withColumn("buys", is_last & succeeds)
        .withColumn("views", views)
        .withColumn("carts", _carts(draws, buys=F.col("buys"), probability=cart_probability))
        .drop("length", "more_visits", "visit_no", "progress")
    )


def _carts(draws: Draws, *, buys: Column, probability: Column) -> Column:
    """Products put into the cart: at least one by who buys, else one with this probability."""
    ordered = F.least(F.col("views"), 1 + draws.index([0.74, 0.2, 0.06], "order_lines", "visit"))
    browsed = (draws.uniform("adds_to_cart", "visit") < probability).cast("int")
    return F.when(buys, ordered).otherwise(browsed)


def preferred_category(draws: Draws, salt: str, *columns: Column | str) -> Column:
    """A category number by the person's taste: half the time their first, a quarter their second."""
    kind = draws.index([0.52, 0.24, 0.24], f"{salt}_taste", *columns)
    any_category = draws.below(10, f"{salt}_category", *columns)
    return (
        F.when(kind == 0, F.col("first_category")).when(kind == 1, F.col("second_category")).otherwise(any_category)
    )


def _with_circumstances(visits: DataFrame, *, draws: Draws) -> DataFrame:
    hour = F.col("usual_hour") + 2.6 * draws.normal("hour", "visit")
    ms_of_day = F.pmod(F.floor(hour * 3_600_000).cast("long"), F.lit(DAY_MS))
    is_registered = F.coalesce(F.col("day") >= F.col("registered_day"), F.lit(False))
    login_probability = F.when(F.col("buys"), F.lit(0.82)).otherwise(of_group("login_probability"))
    device = F.floor(draws.uniform("device", "visit") * draws.uniform("device_habit", "visit") * F.col("device_count"))
    has_choice = F.col("email_count") > 1
    return (
        visits.withColumn("pages", 1 + draws.index([0.5, 0.35, 0.15], "pages", "visit"))
        .withColumn("is_logged_in", is_registered & (draws.uniform("logs_in", "visit") < login_probability))
        .withColumn("is_identified", F.col("is_logged_in") & (draws.uniform("identifies", "visit") < 0.12))
        .withColumn("device_no", device.cast("int"))
        .withColumn("email_no", (has_choice & (draws.uniform("email", "visit") < 0.35)).cast("int"))
        .withColumn("start_ms", F.col("day").cast("long") * DAY_MS + ms_of_day)
    )
