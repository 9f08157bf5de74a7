"""Generates the people of a world: life cycle, behaviour, traits and identifiers.

Every attribute is a function of the person's number and the seed, so no join is needed.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession, functions as F

from kinfold.synthetic.catalogue import CATEGORIES
from kinfold.synthetic.draws import Draws, padded_hex, value_at
from kinfold.synthetic.people.hazards import IdentityHazards
from kinfold.synthetic.people.identifiers import phone_count, phone_number

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


@dataclass(frozen=True)
class BehaviourGroup:
    """A kind of customer. Rates are per day of an average member; probabilities in [0, 1].

    Missions: see `visits`.
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
    BehaviourGroup("window_shopper", 0.28, 0.130, 0.034, 0.12, 0.05, 1, 240.0, 0.60, 0.35),
    BehaviourGroup("regular", 0.27, 0.065, 0.029, 0.52, 0.06, 1, 330.0, 0.92, 0.60),
    BehaviourGroup("big_spender", 0.06, 0.080, 0.035, 0.60, 0.04, 2, 420.0, 0.96, 0.70, 2),
    BehaviourGroup("bargain_hunter", 0.17, 0.085, 0.031, 0.50, 0.38, 0, 260.0, 0.85, 0.50, 0, 20),
    BehaviourGroup("occasional", 0.22, 0.045, 0.015, 0.36, 0.07, 1, 85.0, 0.60, 0.30),
)
_PRESENT_AT_START = 0.62
_MEAN_ARRIVAL_DAYS = 45.0


def population(
    spark: SparkSession,
    *,
    people: int,
    draws: Draws,
    sharing_ratio: float,
    hazards: IdentityHazards | None = None,
) -> DataFrame:
    """The people of the world, including those who arrive after its last day.

    Args:
        people: number of people.
        sharing_ratio: share of the pairs of neighbours in which both use one device.
        hazards: what else people share; its shared_devices is not read.

    Returns:
        One row per person: `person` (number from 0); first_day, last_day and registered_day (days
        since the start of the world; registered_day is null for people who never register); rates
        and preferences; names; identifiers (user_id, email, other_email, phone, other_phone,
        crm_id: null = has none); shared identifiers (family_email, kiosk as a number,
        inherited_phone); inherited_day, from which the person has inherited_phone; gives_up_day,
        from which the person no longer has the first phone (both null = never).
    """
    hazards = hazards or IdentityHazards.none()
    return (
        spark.range(people)
        .withColumnRenamed("id", "person")
        .withColumn("group", draws.index([group.share for group in GROUPS], "group", "person"))
        .transform(_with_stages, draws=draws)
        .transform(_with_preferences, draws=draws)
        .transform(_with_names, draws=draws)
        .transform(_with_identifiers, draws=draws, sharing_ratio=sharing_ratio)
        .transform(_with_hazards, draws=draws, hazards=hazards)
    )


def _of_group(attribute: str) -> Column:
    return value_at([getattr(group, attribute) for group in GROUPS], F.col("group"))


def _with_stages(people: DataFrame, *, draws: Draws) -> DataFrame:
    arrival = F.ceil(draws.exponential(_MEAN_ARRIVAL_DAYS, "arrival", "person")).cast("int")
    is_present = draws.uniform("present", "person") < _PRESENT_AT_START
    lifetime = F.ceil(draws.exponential(_of_group("lifetime_days"), "lifetime", "person")).cast(
        "int"
    )
    hesitation = F.floor(draws.exponential(12.0, "hesitation", "person")).cast("int")
    was_registered = is_present & (draws.uniform("registered_before", "person") < 0.7)
    registers = draws.uniform("registers", "person") < _of_group("registers_probability")
    registered_day = F.when(was_registered, F.lit(0)).otherwise(F.col("first_day") + hesitation)
    return people.withColumn(
        "first_day", F.when(is_present, F.lit(0)).otherwise(arrival)
    ).withColumns(
        {
            "last_day": F.col("first_day") + lifetime,
            "registered_day": F.when(registers, registered_day),
        }
    )


def _with_preferences(people: DataFrame, *, draws: Draws) -> DataFrame:
    eagerness = draws.normal("eagerness", "person")
    curiosity = draws.normal("curiosity", "person")
    missions = _of_group("missions_per_day") * F.exp(0.65 * eagerness - 0.21)
    casual = _of_group("casual_per_day") * F.exp(0.45 * eagerness + 0.6 * curiosity - 0.28)
    conversion = _of_group("conversion_probability") * (
        0.6 + 0.8 * draws.uniform("resolve", "person")
    )
    return people.withColumns(
        {
            "missions_per_day": missions,
            "casual_per_day": casual,
            "conversion_probability": F.least(conversion, F.lit(0.95)),
            "return_probability": _of_group("return_probability"),
            "login_probability": _of_group("login_probability"),
            "price_tier": _of_group("price_tier"),
            "discount_percent": _of_group("discount_percent"),
            "extra_quantity": _of_group("extra_quantity"),
            "newsletter_interest": 0.55 * draws.uniform("newsletter_interest", "person"),
            "usual_hour": 9.0 + 12.0 * draws.uniform("usual_hour", "person"),
            "first_category": draws.below(len(CATEGORIES), "first_category", "person"),
            "second_category": draws.below(len(CATEGORIES), "second_category", "person"),
        }
    )


def _with_names(people: DataFrame, *, draws: Draws) -> DataFrame:
    birth_on = F.date_add(
        F.lit("1948-01-01").cast("date"), draws.below(20_000, "birth_on", "person")
    )
    return people.withColumns(
        {
            "first_name": draws.choice(FIRST_NAMES, "first_name", "person"),
            "last_name": draws.choice(LAST_NAMES, "last_name", "person"),
            "city": draws.choice(CITIES, "city", "person"),
            "birth_on": F.when(
                draws.uniform("tells_birth", "person") < 0.5, birth_on.cast("string")
            ),
        }
    )


def _with_identifiers(people: DataFrame, *, draws: Draws, sharing_ratio: float) -> DataFrame:
    """Adds the identifiers that do not depend on a device (no device_id, no cookie_id)."""
    number = F.col("person").cast("string")
    is_second_of_pair = F.col("person") % 2 == 1
    shares = draws.uniform("shared_device", F.shiftright("person", 1)) < sharing_ratio
    has_crm_id = F.col("registered_day").isNotNull() & (draws.uniform("has_crm_id", "person") < 0.6)
    crm_id = F.concat(F.lit("C"), F.lpad((F.col("person") * 7 + 100_003).cast("string"), 9, "0"))
    account = F.concat(
        F.lit("u-"), F.substring(padded_hex(draws.number("user_id", "person")), 1, 14)
    )
    domain = F.concat(F.lit("@"), draws.choice(MAIL_DOMAINS, "mail_domain", "person"))
    full_name = F.concat(F.lower("first_name"), F.lit("."), F.lower("last_name"), number, domain)
    nickname = F.concat(F.lower("last_name"), F.lit("-"), number, F.lit("@post.example"))
    phones = phone_count(draws, F.col("person"))
    return people.withColumns(
        {
            "is_sharing_device": is_second_of_pair & shares,
            "device_count": 1 + draws.index([0.45, 0.35, 0.15, 0.05], "device_count", "person"),
            "user_id": F.when(F.col("registered_day").isNotNull(), account),
            "email": full_name,
            "other_email": F.when(draws.uniform("other_email", "person") < 0.25, nickname),
            "phone": F.when(phones >= 1, phone_number(draws, F.col("person"), number=0)),
            "other_phone": F.when(phones >= 2, phone_number(draws, F.col("person"), number=1)),
            "crm_id": F.when(has_crm_id, crm_id),
        }
    )


def _with_hazards(people: DataFrame, *, draws: Draws, hazards: IdentityHazards) -> DataFrame:
    """Adds what people share other than a device.

    The next owner of a phone that was given up is the person whose number differs in the second
    bit.
    """
    person = F.col("person")
    household = F.shiftright(person, 1)
    predecessor = person.bitwiseXOR(F.lit(2).cast("bigint"))
    has_family_email = draws.uniform("family_email", household) < hazards.family_emails
    family_email = F.concat(F.lit("family-"), household.cast("string"), F.lit("@mail.example"))
    goes_to_kiosk = draws.uniform("goes_to_kiosk", person) < hazards.kiosk_users
    per_kiosk = hazards.people_per_kiosk / max(hazards.kiosk_users, 1e-9)

    def gives_up_day(owner: Column) -> Column:
        gives_up = draws.uniform("gives_up_phone", owner) < hazards.recycled_phones
        has_phone = phone_count(draws, owner) >= 1
        return F.when(gives_up & has_phone, 5 + draws.below(60, "gives_up_day", owner))

    return people.withColumns(
        {
            "family_email": F.when(has_family_email, family_email),
            "kiosk": F.when(goes_to_kiosk, F.floor(person / per_kiosk).cast("int")),
            "gives_up_day": gives_up_day(person),
            "inherited_day": gives_up_day(predecessor) + 10,
            "inherited_phone": phone_number(draws, predecessor, number=0),
        }
    )
