"""Events: what visits, mailings and consent forms leave behind, before anything goes wrong on the way.

One row per event with its identifiers in normalised form. Every frame here has the columns of `EVENT_COLUMNS`.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from kinfold.synthetic import people
from kinfold.synthetic.behaviour import DAY_MS, preferred_category, visits
from kinfold.synthetic.catalogue import CURRENCY, category_name, price_cents, product_id, product_no_for_tier
from kinfold.synthetic.draws import Draws, padded_hex
from kinfold.synthetic.people import of_group

NAMESPACES = ("cookie_id", "device_id", "user_id", "email", "phone", "crm_id")
_PROPERTIES = {
    "url": "string",
    "referrer": "string",
    "order_id": "string",
    "product_id": "string",
    "category": "string",
    "quantity": "int",
    "price_cents": "int",
    "amount_cents": "long",
    "currency": "string",
    "campaign_id": "string",
    "method": "string",
    "first_name": "string",
    "last_name": "string",
    "city": "string",
    "country": "string",
    "birth_on": "string",
    "purpose": "string",
    "decision": "string",
}
EVENT_COLUMNS = ("person", "event_key", "event_id", "event_type", "occurred_ms", "identifiers", "properties")
_REFERRERS = ("https://search.example/", "https://social.example/feed", "https://blog.example/gift-ideas")


def all_events(days: DataFrame, population: DataFrame, *, draws: Draws, start_on: date) -> DataFrame:
    """Everything that happens on these days.

    Args:
        days: see `behaviour.person_days`.
        population: see `people.population`.

    Returns:
        One row per event: person (number), event_key (long, for further draws), event_id, event_type,
        occurred_ms (since the start of the world), identifiers and properties (structs; absent = null).
        Visits that start on the last day may end, and returns and missions may fall, on later ones.
    """
    shop = shop_events(visits(days, draws=draws), draws=draws)
    mail = email_opens(days, draws=draws, start_on=start_on)
    return shop.unionByName(mail).unionByName(consent_decisions(population, draws=draws))


def shop_events(visits: DataFrame, *, draws: Draws) -> DataFrame:
    """What the shop sees of visits, and the returns that follow their orders.

    A visit is: a page; a login and the person's traits, if they log in; more pages; product views; carts; order
    lines. Each order line has a place for its return, used when the person sends it back.
    """
    return (
        visits.withColumn("is_login", F.col("is_logged_in").cast("int"))
        .withColumn("lines", F.when(F.col("buys"), F.col("carts")).otherwise(F.lit(0)))
        .withColumn("first_view", F.col("pages") + F.col("is_login") + F.col("is_identified").cast("int"))
        .withColumn("first_cart", F.col("first_view") + F.col("views"))
        .withColumn("first_line", F.col("first_cart") + F.col("carts"))
        .withColumn("first_return", F.col("first_line") + F.col("lines"))
        .withColumn("place", F.explode(F.sequence(F.lit(0), F.col("first_return") + F.col("lines") - 1)))
        .withColumn("event_type", _event_type())
        .where((F.col("event_type") != "return") | _is_sent_back(draws))
        .transform(_with_product, draws=draws)
        .withColumn("occurred_ms", _shop_moment(draws))
        .transform(_as_events, draws=draws, identifiers=_shop_identifiers(draws), properties=_shop_properties(draws))
    )


def _event_type() -> Column:
    place = F.col("place")
    return (
        F.when(place >= F.col("first_return"), F.lit("return"))
        .when(place >= F.col("first_line"), F.lit("purchase"))
        .when(place >= F.col("first_cart"), F.lit("add_to_cart"))
        .when(place >= F.col("first_view"), F.lit("product_view"))
        .when((place == 1) & F.col("is_logged_in"), F.lit("login"))
        .when((place == 2) & F.col("is_identified"), F.lit("identify"))
        .otherwise(F.lit("page_view"))
    )


def _is_sent_back(draws: Draws) -> Column:
    return draws.uniform("sent_back", "visit", "place") < of_group("return_probability")


def _with_product(events: DataFrame, *, draws: Draws) -> DataFrame:
    """The product of views, carts, lines and returns: carts hold the products viewed last, in order."""
    of_cart = F.col("first_cart") - F.col("first_view") - F.col("carts")
    item = (
        F.when(F.col("event_type") == "return", of_cart + F.col("place") - F.col("first_return"))
        .when(F.col("event_type") == "purchase", of_cart + F.col("place") - F.col("first_line"))
        .when(F.col("event_type") == "add_to_cart", of_cart + F.col("place") - F.col("first_cart"))
        .when(F.col("event_type") == "product_view", F.col("place") - F.col("first_view"))
    )
    # Five products per interest, so that the visits of one mission come back to the same ones.
    strays = draws.uniform("strays", "interest", "item") < 0.12
    wanted = preferred_category(draws, "item", "interest", "item")
    category_no = F.when(strays | F.col("focus").isNull(), wanted).otherwise(F.col("focus"))
    position = draws.uniform("product", "interest", "item")
    pieces = 1 + F.floor(
        draws.uniform("pieces", "interest", "item") ** 3 * (1.3 + of_group("extra_quantity"))
    ).cast("int")
    return (
        events.withColumn("item", item % 5)
        .withColumn("category_no", F.when(F.col("item").isNotNull(), category_no))
        .withColumn("product_no", product_no_for_tier(of_group("price_tier"), position))
        .withColumn("pieces", pieces)
    )


def _shop_moment(draws: Draws) -> Column:
    pace = 12_000 + draws.below(55_000, "pace", "visit")
    jitter = draws.below(9_000, "jitter", "visit", "place")
    back_after = F.floor((2.0 + 18.0 * draws.uniform("back_after", "visit", "place")) * DAY_MS).cast("long")
    wait = F.when(F.col("event_type") == "return", back_after).otherwise(F.lit(0).cast("long"))
    return F.col("start_ms") + F.col("place") * pace + jitter + wait


def _shop_identifiers(draws: Draws) -> Mapping[str, Column]:
    kind = F.col("event_type")
    is_order, is_return = kind == "purchase", kind == "return"
    is_named = F.col("is_logged_in") & (F.col("place") >= 1)
    says_email = kind.isin("login", "identify") | ((is_order | is_return) & ~F.col("is_logged_in"))
    shows_cookie = ~is_return & (~is_order | (draws.uniform("order_cookie", "visit") < 0.65))
    says_phone = (F.col("phone_count") > 0) & F.when(
        kind == "identify", draws.uniform("says_phone", "visit") < 0.6
    ).otherwise(is_order & ~F.col("is_logged_in") & (draws.uniform("says_phone", "visit") < 0.35))
    says_crm_id = F.col("has_crm_id") & (kind == "identify") & (draws.uniform("says_crm_id", "visit") < 0.4)
    account_email = F.when(F.col("is_logged_in"), F.lit(0)).otherwise(F.col("email_no"))
    phone_no = draws.below(F.col("phone_count"), "phone_no", "visit")
    cookie = people.cookie_id(draws, number=F.col("device_no"), day=F.col("day"))
    return {
        "cookie_id": F.when(shows_cookie, cookie),
        "device_id": F.when(~is_order & ~is_return, people.device_id(draws, number=F.col("device_no"))),
        "user_id": F.when(is_named, people.user_id(draws)),
        "email": F.when(says_email, people.email(draws, number=account_email)),
        "phone": F.when(says_phone, people.phone(draws, number=phone_no)),
        "crm_id": F.when(says_crm_id, people.crm_id()),
    }


def _shop_properties(draws: Draws) -> Mapping[str, Column]:
    kind = F.col("event_type")
    is_page, is_login, is_traits = kind == "page_view", kind == "login", kind == "identify"
    is_cart, is_paid = kind == "add_to_cart", kind.isin("purchase", "return")
    price = price_cents(F.col("category_no"), F.col("product_no"))
    amount = F.floor(price.cast("long") * F.col("pieces") * (100 - of_group("discount_percent")) / 100)
    page = draws.choice(("", "new", "offers", "help/delivery", "search?q=gift"), "page", "visit", "place")
    has_referrer = is_page & (F.col("place") == 0) & (draws.uniform("has_referrer", "visit") < 0.5)
    return {
        "url": F.when(is_page, F.concat(F.lit("https://shop.example/"), page)),
        "referrer": F.when(has_referrer, draws.choice(_REFERRERS, "referrer", "visit")),
        "order_id": F.when(is_paid, F.concat(F.lit("o-"), padded_hex(draws.number("order_id", "visit")))),
        "product_id": product_id(F.col("category_no"), F.col("product_no")),
        "category": category_name(F.col("category_no")),
        "quantity": F.when(is_cart | is_paid, F.col("pieces")),
        "price_cents": F.when(~is_paid, price),
        "amount_cents": F.when(is_paid, amount),
        "currency": F.when(is_paid, F.lit(CURRENCY)),
        "method": F.when(is_login, draws.choice(("password", "password", "link"), "method", "visit")),
        "first_name": F.when(is_traits, people.first_name(draws)),
        "last_name": F.when(is_traits, people.last_name(draws)),
        "city": F.when(is_traits, people.city(draws)),
        "country": F.when(is_traits, F.lit(people.COUNTRY)),
        "birth_on": F.when(is_traits & (draws.uniform("birth", "person") < 0.5), people.birth_on(draws)),
    }


def email_opens(days: DataFrame, *, draws: Draws, start_on: date) -> DataFrame:
    """Openings of the newsletter that goes out each Tuesday and Friday to those who agreed to it."""
    weekday = (F.col("day") + F.lit(start_on.weekday())) % 7
    is_subscribed = _agrees(draws, "email") & (F.col("day") > _asked_day(draws, "email"))
    is_subscribed = is_subscribed & (F.col("day") < _withdrawal_day(draws, "email"))
    interest = 0.55 * draws.uniform("newsletter_interest", "person") * F.least(F.col("vigour"), F.lit(1.0))
    opens = draws.uniform("opens", "person", "day") < interest
    delay = F.floor(F.least(draws.exponential(5.0, "opens_after", "person", "day"), F.lit(40.0)) * 3_600_000)
    campaign = F.concat(F.lit("news-"), F.date_add(F.lit(start_on), F.col("day")).cast("string"))
    return (
        days.where(weekday.isin(1, 4) & is_subscribed & opens)
        .withColumn("visit", draws.number("email_open", "person", "day"))
        .withColumn("place", F.lit(0))
        .withColumn("event_type", F.lit("email_open"))
        .withColumn("occurred_ms", F.col("day").cast("long") * DAY_MS + 7 * 3_600_000 + delay.cast("long"))
        .transform(
            _as_events,
            draws=draws,
            identifiers={"email": people.email(draws, number=F.lit(0))},
            properties={"campaign_id": campaign},
        )
    )


def consent_decisions(population: DataFrame, *, draws: Draws) -> DataFrame:
    """What people decide about e-mail and personalization, and the withdrawals of some who agreed."""
    purpose, is_withdrawal = F.col("purpose"), F.col("place") >= 2
    both = {name: (_agrees(draws, name), _asked_day(draws, name)) for name in ("email", "personalization")}
    agrees = F.when(purpose == "email", both["email"][0]).otherwise(both["personalization"][0])
    asked = F.when(purpose == "email", both["email"][1]).otherwise(both["personalization"][1])
    withdrawn = F.when(purpose == "email", _withdrawal_day(draws, "email"))
    withdrawn = withdrawn.otherwise(_withdrawal_day(draws, "personalization"))
    is_email = purpose == "email"
    day = F.when(is_withdrawal, withdrawn).otherwise(asked)
    ms_of_day = 6 * 3_600_000 + draws.below(15 * 3_600_000, "consent_hour", "visit", "place")
    has_account = F.coalesce(F.col("registered_day") <= F.col("day"), F.lit(False))
    cookie = people.cookie_id(draws, number=F.lit(0), day=F.col("day"))
    decision = F.when(~is_withdrawal & agrees, F.lit("granted")).otherwise(F.lit("withdrawn"))
    return (
        population.withColumn("visit", draws.number("consent", "person"))
        .withColumn("place", F.explode(F.sequence(F.lit(0), F.lit(3))))
        .withColumn("event_type", F.lit("consent"))
        .withColumn("purpose", F.when(F.col("place") % 2 == 0, F.lit("email")).otherwise(F.lit("personalization")))
        .withColumn("day", day)
        .where((F.col("day") <= F.col("last_day")) & (agrees | ~is_withdrawal))
        .withColumn("occurred_ms", F.col("day").cast("long") * DAY_MS + ms_of_day)
        .transform(
            _as_events,
            draws=draws,
            identifiers={
                "cookie_id": F.when(~has_account | (F.col("place") < 2), cookie),
                "user_id": F.when(has_account, people.user_id(draws)),
                "email": F.when(is_email, people.email(draws, number=F.lit(0))),
            },
            properties={"purpose": purpose, "decision": decision},
        )
    )


def _agrees(draws: Draws, purpose: str) -> Column:
    return draws.uniform(f"agrees_{purpose}", "person") < (0.58 if purpose == "email" else 0.72)


def _asked_day(draws: Draws, purpose: str) -> Column:
    """Newcomers are asked on arrival; people who were there before get the new form within three weeks."""
    renewal = draws.below(21, f"asked_{purpose}", "person")
    return F.when(F.col("first_day") > 0, F.col("first_day")).otherwise(renewal)


def _withdrawal_day(draws: Draws, purpose: str) -> Column:
    wait = 1 + F.floor(draws.exponential(260.0, f"withdraws_{purpose}", "person")).cast("int")
    return _asked_day(draws, purpose) + wait


def _as_events(
    frame: DataFrame, *, draws: Draws, identifiers: Mapping[str, Column], properties: Mapping[str, Column]
) -> DataFrame:
    """The event columns of a frame with person, visit, place, event_type and occurred_ms."""
    event_key = draws.number("event_key", "visit", "place")
    other_half = draws.number("event_id", "person", "visit", "place")
    absent = F.lit(None)
    return frame.select(
        "person",
        event_key.alias("event_key"),
        F.concat(padded_hex(event_key), padded_hex(other_half)).alias("event_id"),
        "event_type",
        "occurred_ms",
        F.struct(*(identifiers.get(name, absent).cast("string").alias(name) for name in NAMESPACES)).alias(
            "identifiers"
        ),
        F.struct(
            *(properties.get(name, absent).cast(kind).alias(name) for name, kind in _PROPERTIES.items())
        ).alias("properties"),
    )


def timestamp_text(ms: Column, *, start_on: date) -> Column:
    """Milliseconds since the start of the world as ISO 8601 in UTC, whatever the session's time zone."""
    day = F.floor(ms / DAY_MS).cast("int")
    ms_of_day = F.pmod(ms, F.lit(DAY_MS))

    def two_digits(milliseconds: int, cycle: int) -> Column:
        return F.lpad((F.floor(ms_of_day / milliseconds) % cycle).cast("string"), 2, "0")

    return F.concat(
        F.date_add(F.lit(start_on), day).cast("string"),
        F.lit("T"),
        two_digits(3_600_000, 24),
        F.lit(":"),
        two_digits(60_000, 60),
        F.lit(":"),
        two_digits(1_000, 60),
        F.lit("."),
        F.lpad((ms_of_day % 1_000).cast("string"), 3, "0"),
        F.lit("Z"),
    )


def day_names(start_on: date, *, days: int) -> tuple[str, ...]:
    """The ISO dates of a world, first to last."""
    return tuple((start_on + timedelta(days=day)).isoformat() for day in range(days))
