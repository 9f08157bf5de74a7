"""Generates the visits that people make to the shop.

A mission is a search for something to buy that takes a few visits. Whether a day starts a mission
depends only on that person and day, never on the length of the world: the first days of a longer
world equal those of a shorter one.
"""

from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS
from kinfold.synthetic.catalogue import CATEGORIES
from kinfold.synthetic.draws import Draws, value_at

_WEEKDAY_WEIGHTS = (0.95, 0.88, 0.90, 0.95, 1.02, 1.16, 1.24)
_NEWCOMER_DAYS = 10
_FADING_DAYS = 25
_CASUAL_CONVERSION_RATIO = 0.08
"""Probability that a casual visit ends in an order, relative to a mission."""


def person_days(people: DataFrame, *, days: int, start_on: date) -> DataFrame:
    """The days on which people may visit the shop.

    Args:
        people: see `population.population`.
        days: length of the world; later days are left out.

    Returns:
        One row per person and day from first_day to last_day: the columns of `people`, `day` (int,
        from 0) and `activity`, a factor for that day's rates. It depends on the weekday and on the
        stage of the customer's life cycle (new, active, fading).
    """
    last_day = F.least(F.col("last_day"), F.lit(days - 1))
    weekday = (F.col("day") + F.lit(start_on.weekday())) % 7
    is_newcomer = (F.col("first_day") > 0) & (F.col("day") - F.col("first_day") < _NEWCOMER_DAYS)
    fading = F.least(
        F.lit(1.0), (F.col("last_day") - F.col("day") + 1) / F.lit(float(_FADING_DAYS))
    )
    stage = F.when(is_newcomer, F.lit(1.5)).otherwise(F.lit(1.0)) * fading
    return (
        people.where(F.col("first_day") < days)
        .withColumn("day", F.explode(F.sequence("first_day", last_day)))
        .withColumn("activity", stage * value_at(_WEEKDAY_WEIGHTS, weekday))
    )


def visits(days: DataFrame, *, draws: Draws) -> DataFrame:
    """Every visit to the shop, casual or part of a mission.

    One path computes both kinds, because Spark would compile and compute each side of a union
    separately.

    Args:
        days: see `person_days`.

    Returns:
        One row per visit: the traits of the person, `visit` and `interest` (longs; visits of one
        mission share the interest), `day`, `focus` (category number of a mission, else null), the
        number of `pages`, `views` and `carts`, `buys` (the cart is ordered), `is_logged_in`,
        `is_identified` (the person fills in their traits), `device_no` and `start_ms`
        (milliseconds since the start of the world).
    """
    activity = F.col("activity")
    is_casual = draws.uniform("casual", "person", "day") < F.least(
        F.lit(0.9), F.col("casual_per_day") * activity
    )
    starts = draws.uniform("mission", "person", "day") < F.col("missions_per_day") * activity
    kinds = F.array_compact(F.array(F.when(is_casual, F.lit(False)), F.when(starts, F.lit(True))))
    return (
        days.where(is_casual | starts)
        .withColumn("is_mission", F.explode(kinds))
        .drop("first_day", "last_day", "activity")
        .transform(_with_schedule, draws=draws)
        .transform(_with_intent, draws=draws)
        .transform(_with_circumstances, draws=draws)
        .drop("is_mission", "is_last", "progress")
    )


def _with_schedule(starts: DataFrame, *, draws: Draws) -> DataFrame:
    """Spreads each mission over visits on up to 18 days; a casual visit stays one visit."""
    slowness = draws.uniform("mission_days", "interest") * draws.uniform("slow", "interest")
    length = F.when(F.col("is_mission"), F.floor(F.lit(19.0) * slowness).cast("int")).otherwise(
        F.lit(0)
    )
    more = draws.index([0.2, 0.25, 0.25, 0.2, 0.1], "more_visits", "interest")
    progress = F.when(F.col("more_visits") == 0, F.lit(1.0)).otherwise(
        F.col("visit_no") / F.col("more_visits")
    )
    focus = preferred_category(draws, "mission_focus", "interest")
    interest = draws.number("interest", "person", "day", "is_mission")
    return (
        starts.withColumn("interest", interest)
        .withColumns({"focus": F.when(F.col("is_mission"), focus), "length": length})
        .withColumn("more_visits", F.least(F.col("length"), more))
        .withColumn("visit_no", F.explode(F.sequence(F.lit(0), F.col("more_visits"))))
        .withColumns(
            {
                "visit": draws.number("visit", "interest", "visit_no"),
                "progress": progress,
                "is_last": F.col("visit_no") == F.col("more_visits"),
            }
        )
        .withColumn(
            "day", F.col("day") + F.floor(F.col("length") * F.col("progress") + 0.5).cast("int")
        )
        .drop("length", "more_visits", "visit_no")
    )


def _with_intent(visits: DataFrame, *, draws: Draws) -> DataFrame:
    """Adds views and carts, which increase towards the end of a mission; its last visit may buy."""
    is_mission, progress = F.col("is_mission"), F.col("progress")
    eagerness = F.when(is_mission, F.lit(1.0)).otherwise(F.lit(_CASUAL_CONVERSION_RATIO))
    buys = draws.uniform("succeeds", "interest") < eagerness * F.col("conversion_probability")
    most_views = F.when(is_mission, 3.5 + 3.0 * progress).otherwise(F.lit(3.2))
    cart_probability = F.when(~is_mission, F.lit(0.05)).when(F.col("is_last"), F.lit(0.3))
    cart_probability = cart_probability.otherwise(0.08 + 0.4 * progress)
    views = 1 + F.floor(most_views * draws.uniform("views", "visit")).cast("int")
    return visits.withColumns({"buys": F.col("is_last") & buys, "views": views}).withColumn(
        "carts", _carts(draws, probability=cart_probability)
    )


def _carts(draws: Draws, *, probability: Column) -> Column:
    """Number of products put into the cart: at least one if the visit buys, else 0 or 1."""
    ordered = F.least(F.col("views"), 1 + draws.index([0.74, 0.2, 0.06], "order_lines", "visit"))
    browsed = (draws.uniform("adds_to_cart", "visit") < probability).cast("int")
    return F.when(F.col("buys"), ordered).otherwise(browsed)


def preferred_category(draws: Draws, salt: str, *columns: Column | str) -> Column:
    """A category number: the person's first choice half the time, their second a quarter."""
    kind = draws.index([0.52, 0.24, 0.24], f"{salt}_taste", *columns)
    any_category = draws.below(len(CATEGORIES), f"{salt}_category", *columns)
    return (
        F.when(kind == 0, F.col("first_category"))
        .when(kind == 1, F.col("second_category"))
        .otherwise(any_category)
    )


def _with_circumstances(visits: DataFrame, *, draws: Draws) -> DataFrame:
    hour = F.col("usual_hour") + 2.6 * draws.normal("hour", "visit")
    ms_of_day = F.pmod(F.floor(hour * 3_600_000).cast("long"), F.lit(DAY_MS))
    is_registered = F.coalesce(F.col("day") >= F.col("registered_day"), F.lit(False))
    login_probability = F.when(F.col("buys"), F.lit(0.82)).otherwise(F.col("login_probability"))
    device = F.floor(
        draws.uniform("device", "visit")
        * draws.uniform("device_habit", "visit")
        * F.col("device_count")
    )
    is_logged_in = is_registered & (draws.uniform("logs_in", "visit") < login_probability)
    return visits.withColumns(
        {
            "pages": 1 + draws.index([0.34, 0.36, 0.2, 0.1], "pages", "visit"),
            "is_logged_in": is_logged_in,
            "is_identified": is_logged_in & (draws.uniform("identifies", "visit") < 0.12),
            "device_no": device.cast("int"),
            "start_ms": F.col("day").cast("long") * DAY_MS + ms_of_day,
        }
    )
