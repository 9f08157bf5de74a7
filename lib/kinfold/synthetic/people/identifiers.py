"""Generates identifiers from the person's number and the seed, and the ways people spell them.

Columns that the functions read: person, and for devices and cookies is_sharing_device and kiosk.
They are columns of `population.population`.
"""

from pyspark.sql import Column, functions as F

from kinfold.synthetic.draws import Draws, padded_hex

COUNTRY = "GB"
"""The country of all phone numbers, needed to read their national form ("07400 ...")."""


def phone_count(draws: Draws, person: Column) -> Column:
    """How many phones the person has: 0, 1 or 2."""
    return draws.index([0.35, 0.5, 0.15], "phones", person)


def phone_number(draws: Draws, person: Column, *, number: int) -> Column:
    """The person's first or second phone (`number` 0 or 1) in E.164.

    Unique up to 50 million people.
    """
    # The factor and 10^8 have no common divisor, so no two numbers give the same digits.
    shift = draws.seed * 7_919 % 10**8
    digits = F.pmod((person * 2 + number) * F.lit(37_968_787) + shift, F.lit(10**8))
    return F.concat(F.lit("+4474"), F.lpad(digits.cast("string"), 8, "0"))


def person_id() -> Column:
    """The person's id in the truth; it is in no event."""
    return F.concat(F.lit("p"), F.lpad(F.col("person").cast("string"), 8, "0"))


def device_id(draws: Draws, *, number: Column) -> Column:
    """The id of the person's n-th device, from 0; number 0 may be the neighbour's device."""
    return F.concat(
        F.lit("d-"), padded_hex(draws.number("device_id", _device_owner(number), number))
    )


def cookie_id(draws: Draws, *, number: Column, day: Column) -> Column:
    """The cookie of the person's n-th device on a day; it changes every 15 to 150 days."""
    owner = _device_owner(number)
    lifetime = 15 + draws.below(136, "cookie_lifetime", owner, number)
    generation = F.floor((day + draws.below(150, "cookie_phase", owner, number)) / lifetime).cast(
        "int"
    )
    return F.concat(F.lit("c-"), padded_hex(draws.number("cookie_id", owner, number, generation)))


def kiosk_id(draws: Draws, letter: str) -> Column:
    """The only cookie (`letter` c) or device (d) of the kiosk that the person uses."""
    return F.concat(F.lit(f"{letter}-"), padded_hex(draws.number(f"kiosk_{letter}", "kiosk")))


def _device_owner(number: Column) -> Column:
    is_borrowed = F.col("is_sharing_device") & (number == 0)
    return F.when(is_borrowed, F.col("person") - 1).otherwise(F.col("person"))


def typed_email(draws: Draws, address: Column, *case: str) -> Column:
    """An e-mail as people type it: sometimes in capitals, sometimes with a space before it."""
    habit = draws.index([0.92, 0.05, 0.03], "email_habit", *case)
    return (
        F.when(habit == 0, address)
        .when(habit == 1, F.upper(address))
        .otherwise(F.concat(F.lit(" "), address))
    )


def typed_phone(draws: Draws, number: Column, *case: str) -> Column:
    """A phone number as people type it: one of five spellings of the E.164 number."""
    area, middle, end = (
        F.substring(number, start, length) for start, length in ((4, 4), (8, 3), (11, 3))
    )
    space = F.lit(" ")
    spelling = draws.index([0.3, 0.2, 0.2, 0.15, 0.15], "phone_habit", *case)
    return (
        F.when(spelling == 0, number)
        .when(spelling == 1, F.concat(F.lit("+44 "), area, space, middle, end))
        .when(spelling == 2, F.concat(F.lit("0"), area, space, middle, space, end))
        .when(spelling == 3, F.concat(F.lit("(0"), area, F.lit(") "), middle, F.lit("-"), end))
        .otherwise(F.concat(F.lit("0044"), area, middle, end))
    )
