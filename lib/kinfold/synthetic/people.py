"""People: who lives in a generated world, how each of them behaves and what identifies them.

All of it is a function of the person's number and the seed, so that no table of people is ever
joined.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession, functions as F

from kinfold.synthetic.draws import Draws, looked_up, padded_hex

FIRST_NAMES = (
    *("Adela", "Bram", "Celia", "Dario", "Edda", "Farid", "Greta", "Hamza", "Ilse", "Jonas"),
    *(
        "Kaya",
        "Linus",
        "Mirela",
        "Nadim",
        "Oona",
        "Pavel",
        "Quentin",
        "Rosalie",
        "Sunniva",
        "Tariq",
    ),
    *("Ulla", "Viggo", "Wanda", "Xenia", "Yusuf", "Zelda", "Anouk", "Bela", "Corin", "Delphine"),
)
LAST_NAMES = (
    *("Ashgrove", "Birkdale", "Calloway", "Dunmere", "Elsworth", "Fenwright", "Garrowby", "Hollin"),
    *("Inverley", "Jarrow", "Kestleton", "Larkham", "Marlowe", "Netherby", "Oakhurst", "Penhale"),
    *(
        "Quarrington",
        "Rathmell",
        "Silverdale",
        "Thornbury",
        "Underhay",
        "Varley",
        "Wexcombe",
        "Yarrow",
    ),
)
CITIES = (
    *("Aldermoor", "Brackenford", "Cinderbridge", "Dunhallow", "Eastmere", "Foxhaven", "Glenwick"),
    *("Harrowgate Bay", "Ivybridge Cross", "Kingsferry", "Lowenthorpe", "Millbrook Sands"),
)
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "post.example", "mail.example")
COUNTRY = "GB"
"""Where phone numbers belong: their national form ("07400 ...") needs it to be read."""


@dataclass(frozen=True)
class BehaviourGroup:
    """A kind of customer. Rates are per day of an average member; probabilities in [0, 1].

    A mission is a search for something to buy: a few visits within two weeks that may end in an
    order.
    """

    name: str
    share: float
    casual_per_day: float
    missions_per_day: float
    conversion_probability: float
    return_probability: float
    price_tier: int
    lifetime_days: float
    registers_probability: float
    login_probability: float
    extra_quantity: int = 0
    discount_percent: int = 0


GROUPS = (
    BehaviourGroup("window_shopper", 0.28, 0.175, 0.038, 0.07, 0.05, 1, 150.0, 0.60, 0.35),
    BehaviourGroup("regular", 0.27, 0.080, 0.034, 0.58, 0.06, 1, 320.0, 0.92, 0.60),
    BehaviourGroup("big_spender", 0.06, 0.090, 0.040, 0.66, 0.04, 2, 420.0, 0.96, 0.70, 2),
    BehaviourGroup("bargain_hunter", 0.17, 0.105, 0.036, 0.55, 0.38, 0, 210.0, 0.85, 0.50, 0, 20),
    BehaviourGroup("occasional", 0.22, 0.040, 0.013, 0.36, 0.07, 1, 60.0, 0.60, 0.30),
)
_PRESENT_AT_START = 0.62
_MEAN_ARRIVAL_DAYS = 45.0
_CATEGORY_COUNT = 10


def of_group(attribute: str) -> Column:
    """A group's attribute for the row's person."""
    return looked_up([getattr(group, attribute) for group in GROUPS], F.col("group"))


def population(
    spark: SparkSession, *, people: int, draws: Draws, sharing_ratio: float
) -> DataFrame:
    """Everyone who lives in the world, those included who arrive after its last day.

    Args:
        people: how many.
        sharing_ratio: share of the pairs of neighbours in which both use one device.

    Returns:
        One row per person: `person` (number from 0) with lifecycle (first_day, last_day: days
        since the start of the world), rates, tastes and how many devices, e-mails and phones they
        have. registered_day is null for people who never register.
    """
    return (
        spark.range(people)
        .withColumnRenamed("id", "person")
        .withColumn("group", draws.index([group.share for group in GROUPS], "group", "person"))
        .transform(_with_lifecycle, draws=draws)
        .transform(_with_tastes, draws=draws)
        .transform(_with_belongings, draws=draws, sharing_ratio=sharing_ratio)
    )


def _with_lifecycle(people: DataFrame, *, draws: Draws) -> DataFrame:
    arrival = F.ceil(draws.exponential(_MEAN_ARRIVAL_DAYS, "arrival", "person")).cast("int")
    is_present = draws.uniform("present", "person") < _PRESENT_AT_START
    lifetime = F.ceil(draws.exponential(of_group("lifetime_days"), "lifetime", "person")).cast(
        "int"
    )
    hesitation = F.floor(draws.exponential(12.0, "hesitation", "person")).cast("int")
    was_registered = is_present & (draws.uniform("registered_before", "person") < 0.7)
    registers = draws.uniform("registers", "person") < of_group("registers_probability")
    first_day = F.col("first_day")
    return (
        people.withColumn("first_day", F.when(is_present, F.lit(0)).otherwise(arrival))
        .withColumn("last_day", first_day + lifetime)
        .withColumn(
            "registered_day", F.when(was_registered, F.lit(0)).otherwise(first_day + hesitation)
        )
        .withColumn("registered_day", F.when(registers, F.col("registered_day")))
    )


def _with_tastes(people: DataFrame, *, draws: Draws) -> DataFrame:
    eagerness = draws.normal("eagerness", "person")
    curiosity = draws.normal("curiosity", "person")
    conversion = of_group("conversion_probability") * (
        0.6 + 0.8 * draws.uniform("resolve", "person")
    )
    return (
        people.withColumn(
            "missions_per_day", of_group("missions_per_day") * F.exp(0.75 * eagerness - 0.28)
        )
        .withColumn(
            "casual_per_day",
            of_group("casual_per_day") * F.exp(0.45 * eagerness + 0.6 * curiosity - 0.28),
        )
        .withColumn("conversion_probability", F.least(conversion, F.lit(0.95)))
        .withColumn("usual_hour", 9.0 + 12.0 * draws.uniform("usual_hour", "person"))
        .withColumn("first_category", draws.below(_CATEGORY_COUNT, "first_category", "person"))
        .withColumn("second_category", draws.below(_CATEGORY_COUNT, "second_category", "person"))
    )


def _with_belongings(people: DataFrame, *, draws: Draws, sharing_ratio: float) -> DataFrame:
    household = F.shiftright("person", 1)
    is_second_of_pair = F.col("person") % 2 == 1
    is_sharing = is_second_of_pair & (draws.uniform("shared_device", household) < sharing_ratio)
    has_crm_id = F.col("registered_day").isNotNull() & (draws.uniform("has_crm_id", "person") < 0.6)
    return (
        people.withColumn("is_sharing_device", is_sharing)
        .withColumn(
            "device_count", 1 + draws.index([0.45, 0.35, 0.15, 0.05], "device_count", "person")
        )
        .withColumn("email_count", 1 + draws.index([0.75, 0.25], "email_count", "person"))
        .withColumn("phone_count", draws.index([0.35, 0.5, 0.15], "phone_count", "person"))
        .withColumn("has_crm_id", has_crm_id)
    )


def person_id() -> Column:
    """The name of the person in the truth; no event carries it."""
    return F.concat(F.lit("p"), F.lpad(F.col("person").cast("string"), 8, "0"))


def first_name(draws: Draws) -> Column:
    """The person's first name."""
    return draws.choice(FIRST_NAMES, "first_name", "person")


def last_name(draws: Draws) -> Column:
    """The person's last name."""
    return draws.choice(LAST_NAMES, "last_name", "person")


def city(draws: Draws) -> Column:
    """The city the person lives in."""
    return draws.choice(CITIES, "city", "person")


def birth_on(draws: Draws) -> Column:
    """The person's date of birth, as ISO text."""
    return F.date_add(
        F.lit("1948-01-01").cast("date"), draws.below(20_000, "birth_on", "person")
    ).cast("string")


def user_id(draws: Draws) -> Column:
    """The id of the person's account, used from registered_day on."""
    return F.concat(F.lit("u-"), F.substring(padded_hex(draws.number("user_id", "person")), 1, 14))


def crm_id() -> Column:
    """The number of the person's card in the CRM, for those with has_crm_id."""
    return F.concat(F.lit("C"), F.lpad((F.col("person") * 7 + 100_003).cast("string"), 9, "0"))


def email(draws: Draws, *, number: Column) -> Column:
    """The person's e-mail of this number (0 or 1), lower case; no two people have the same."""
    name = F.lower(
        F.concat(first_name(draws), F.lit("."), last_name(draws), F.col("person").cast("string"))
    )
    private = F.concat(F.lower(last_name(draws)), F.lit("-"), F.col("person").cast("string"))
    local = F.when(number == 0, name).otherwise(private)
    return F.concat(local, F.lit("@"), draws.choice(MAIL_DOMAINS, "mail_domain", "person", number))


def phone(draws: Draws, *, number: Column) -> Column:
    """The person's phone of this number (0 or 1) in E.164; no two people share one below 50
    million people.
    """
    # A multiplication by an odd number that 5 does not divide visits every one of the 10^8 numbers
    # once.
    shift = draws.seed * 7_919 % 10**8
    digits = ((F.col("person") * 2 + number) * 37_968_787 + shift) % 10**8
    return F.concat(F.lit("+4474"), F.lpad(digits.cast("string"), 8, "0"))


def device_id(draws: Draws, *, number: Column) -> Column:
    """The person's device of this number; number 0 may be their neighbour's too."""
    return F.concat(
        F.lit("d-"), padded_hex(draws.number("device_id", _device_owner(number), number))
    )


def cookie_id(draws: Draws, *, number: Column, day: Column) -> Column:
    """The cookie on a device on a day; each device gets a new one every 15 to 150 days."""
    owner = _device_owner(number)
    lifetime = 15 + draws.below(136, "cookie_lifetime", owner, number)
    generation = F.floor((day + draws.below(150, "cookie_phase", owner, number)) / lifetime).cast(
        "int"
    )
    return F.concat(F.lit("c-"), padded_hex(draws.number("cookie_id", owner, number, generation)))


def _device_owner(number: Column) -> Column:
    is_borrowed = F.col("is_sharing_device") & (number == 0)
    return F.when(is_borrowed, F.col("person") - 1).otherwise(F.col("person"))


def written_email(draws: Draws, address: Column, *case: str) -> Column:
    """An e-mail as people type it: now and then in capitals or with blanks around it."""
    habit = draws.index([0.92, 0.05, 0.03], "email_habit", *case)
    return (
        F.when(habit == 0, address)
        .when(habit == 1, F.upper(address))
        .otherwise(F.concat(F.lit(" "), address))
    )


def written_phone(draws: Draws, number: Column, *case: str) -> Column:
    """A phone number as people type it: five spellings of one E.164 number."""
    area, middle, end = (
        F.substring(number, start, length) for start, length in ((4, 4), (8, 3), (11, 3))
    )
    blank = F.lit(" ")
    spelling = draws.index([0.3, 0.2, 0.2, 0.15, 0.15], "phone_habit", *case)
    return (
        F.when(spelling == 0, number)
        .when(spelling == 1, F.concat(F.lit("+44 "), area, blank, middle, end))
        .when(spelling == 2, F.concat(F.lit("0"), area, blank, middle, blank, end))
        .when(spelling == 3, F.concat(F.lit("(0"), area, F.lit(") "), middle, F.lit("-"), end))
        .otherwise(F.concat(F.lit("0044"), area, middle, end))
    )
