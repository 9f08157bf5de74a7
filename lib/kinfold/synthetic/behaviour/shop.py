"""Generates the events of visits to the shop, from the first page view to the return."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.synthetic.behaviour.events import DAY_MS, as_events
from kinfold.synthetic.behaviour.visits import preferred_category
from kinfold.synthetic.catalogue import (
    CURRENCY,
    category_name,
    price_cents,
    product_id,
    product_no_for_tier,
)
from kinfold.synthetic.draws import Draws, padded_hex
from kinfold.synthetic.people import identifiers

_REFERRERS = (
    "https://search.example/",
    "https://social.example/feed",
    "https://blog.example/gift-ideas",
)


def shop_events(visits: DataFrame, *, draws: Draws) -> DataFrame:
    """The events of visits, and the returns of what was ordered.

    The events of a visit are numbered in this order: a page view; a login and an identify event, if
    there are any; more page views; product views; carts; order lines; one possible return per order
    line. Events that do not happen leave a gap in the numbers.
    """
    is_login, is_identified = F.col("is_logged_in").cast("int"), F.col("is_identified").cast("int")
    lines = F.when(F.col("buys"), F.col("carts")).otherwise(F.lit(0))
    first_cart = F.col("first_view") + F.col("views")
    return (
        visits.transform(_with_identifiers, draws=draws)
        .withColumns({"lines": lines, "first_view": F.col("pages") + is_login + is_identified})
        .withColumns({"first_cart": first_cart, "first_line": first_cart + F.col("carts")})
        .withColumn("first_return", F.col("first_line") + F.col("lines"))
        .withColumn(
            "event_no", F.explode(F.sequence(F.lit(0), F.col("first_return") + F.col("lines") - 1))
        )
        .withColumn("event_type", _event_type())
        .where((F.col("event_type") != "return") | _is_sent_back(draws))
        .transform(_with_product, draws=draws)
        .withColumn("occurred_ms", _occurred_ms(draws))
        .transform(
            as_events, draws=draws, identifiers=_event_identifiers(), properties=_properties(draws)
        )
    )


def _event_type() -> Column:
    event_no = F.col("event_no")
    return (
        F.when(event_no >= F.col("first_return"), F.lit("return"))
        .when(event_no >= F.col("first_line"), F.lit("purchase"))
        .when(event_no >= F.col("first_cart"), F.lit("add_to_cart"))
        .when(event_no >= F.col("first_view"), F.lit("product_view"))
        .when((event_no == 1) & F.col("is_logged_in"), F.lit("login"))
        .when((event_no == 2) & F.col("is_identified"), F.lit("identify"))
        .otherwise(F.lit("page_view"))
    )


def _is_sent_back(draws: Draws) -> Column:
    return draws.uniform("sent_back", "visit", "event_no") < F.col("return_probability")


def _with_product(events: DataFrame, *, draws: Draws) -> DataFrame:
    """Adds the product of each event from view to return; carts hold the last viewed products."""
    event_no = F.col("event_no")
    of_cart = F.col("first_cart") - F.col("first_view") - F.col("carts")
    item = (
        F.when(F.col("event_type") == "return", of_cart + event_no - F.col("first_return"))
        .when(F.col("event_type") == "purchase", of_cart + event_no - F.col("first_line"))
        .when(F.col("event_type") == "add_to_cart", of_cart + event_no - F.col("first_cart"))
        .when(F.col("event_type") == "product_view", event_no - F.col("first_view"))
    )
    # Five products per interest, so that the visits of one mission return to the same products.
    strays = draws.uniform("strays", "interest", "item") < 0.12
    wanted = preferred_category(draws, "item", "interest", "item")
    category_no = F.when(strays | F.col("focus").isNull(), wanted).otherwise(F.col("focus"))
    position = draws.uniform("product", "interest", "item")
    pieces = 1 + F.floor(
        draws.uniform("pieces", "interest", "item") ** 3 * (1.3 + F.col("extra_quantity"))
    ).cast("int")
    return events.withColumn("item", item % 5).withColumns(
        {
            "category_no": F.when(F.col("item").isNotNull(), category_no),
            "product_no": product_no_for_tier(F.col("price_tier"), position),
            "pieces": pieces,
        }
    )


def _with_identifiers(visits: DataFrame, *, draws: Draws) -> DataFrame:
    """Adds the identifiers of the visitor, once per visit; each event contains some of them."""
    uses_other_email = ~F.col("is_logged_in") & (draws.uniform("email", "visit") < 0.35)
    email = F.when(uses_other_email, F.coalesce("other_email", "email")).otherwise(F.col("email"))
    is_family = F.col("family_email").isNotNull() & (draws.uniform("family", "visit") < 0.5)
    email = F.when(is_family, F.col("family_email")).otherwise(email)
    phone = _phone(draws)
    is_at_kiosk = F.col("kiosk").isNotNull() & (draws.uniform("at_kiosk", "visit") < 0.2)
    gives_phone = draws.uniform("says_phone", "visit") < F.when(
        F.col("is_identified"), 0.6
    ).otherwise(0.35)
    return visits.withColumns(
        {
            "cookie_id": F.when(is_at_kiosk, identifiers.kiosk_id(draws, "c")).otherwise(
                identifiers.cookie_id(draws, number=F.col("device_no"), day=F.col("day"))
            ),
            "device_id": F.when(is_at_kiosk, identifiers.kiosk_id(draws, "d")).otherwise(
                identifiers.device_id(draws, number=F.col("device_no"))
            ),
            "user_id": F.when(F.col("is_logged_in"), F.col("user_id")),
            "email": email,
            "phone": F.when(gives_phone, phone),
            "crm_id": F.when(draws.uniform("says_crm_id", "visit") < 0.4, F.col("crm_id")),
            "shows_cookie_in_order": draws.uniform("order_cookie", "visit") < 0.65,
        }
    )


def _phone(draws: Draws) -> Column:
    """The visitor's phone number: their own, a new one, or one that another person had before."""
    uses_other = draws.uniform("phone", "visit") < 0.4
    own = F.when(uses_other, F.coalesce("other_phone", "phone")).otherwise(F.col("phone"))
    new = identifiers.phone_number(draws, F.col("person"), number=1)
    has_given_up = F.coalesce(F.col("day") >= F.col("gives_up_day"), F.lit(False))
    has_inherited = F.coalesce(F.col("day") >= F.col("inherited_day"), F.lit(False))
    return F.when(has_inherited, F.col("inherited_phone")).when(has_given_up, new).otherwise(own)


def _event_identifiers() -> Mapping[str, Column]:
    kind = F.col("event_type")
    is_order, is_return, is_traits = kind == "purchase", kind == "return", kind == "identify"
    is_guest_order = is_order & ~F.col("is_logged_in")
    has_email = (
        kind.isin("login", "identify") | is_guest_order | (is_return & ~F.col("is_logged_in"))
    )
    return {
        "cookie_id": F.when(
            ~is_return & (~is_order | F.col("shows_cookie_in_order")), F.col("cookie_id")
        ),
        "device_id": F.when(~is_order & ~is_return, F.col("device_id")),
        "user_id": F.when(F.col("event_no") >= 1, F.col("user_id")),
        "email": F.when(has_email, F.col("email")),
        "phone": F.when(is_traits | is_guest_order, F.col("phone")),
        "crm_id": F.when(is_traits, F.col("crm_id")),
    }


def _occurred_ms(draws: Draws) -> Column:
    pace = 12_000 + draws.below(55_000, "pace", "visit")
    jitter = draws.below(9_000, "jitter", "visit", "event_no")
    back_after = F.floor(
        (2.0 + 18.0 * draws.uniform("back_after", "visit", "event_no")) * DAY_MS
    ).cast("long")
    wait = F.when(F.col("event_type") == "return", back_after).otherwise(F.lit(0).cast("long"))
    return F.col("start_ms") + F.col("event_no") * pace + jitter + wait


def _properties(draws: Draws) -> Mapping[str, Column]:
    kind = F.col("event_type")
    is_page, is_login, is_traits = kind == "page_view", kind == "login", kind == "identify"
    is_cart, is_paid = kind == "add_to_cart", kind.isin("purchase", "return")
    price = price_cents(F.col("category_no"), F.col("product_no"))
    amount = F.floor(price.cast("long") * F.col("pieces") * (100 - F.col("discount_percent")) / 100)
    page = draws.choice(
        ("", "new", "offers", "help/delivery", "search?q=gift"), "page", "visit", "event_no"
    )
    has_referrer = (
        is_page & (F.col("event_no") == 0) & (draws.uniform("has_referrer", "visit") < 0.5)
    )
    return {
        "url": F.when(is_page, F.concat(F.lit("https://shop.example/"), page)),
        "referrer": F.when(has_referrer, draws.choice(_REFERRERS, "referrer", "visit")),
        "order_id": F.when(
            is_paid, F.concat(F.lit("o-"), padded_hex(draws.number("order_id", "visit")))
        ),
        "product_id": product_id(F.col("category_no"), F.col("product_no")),
        "category": category_name(F.col("category_no")),
        "quantity": F.when(is_cart | is_paid, F.col("pieces")),
        "price_cents": F.when(~is_paid, price),
        "amount_cents": F.when(is_paid, amount),
        "currency": F.when(is_paid, F.lit(CURRENCY)),
        "method": F.when(
            is_login, draws.choice(("password", "password", "link"), "method", "visit")
        ),
        "first_name": F.when(is_traits, F.col("first_name")),
        "last_name": F.when(is_traits, F.col("last_name")),
        "city": F.when(is_traits, F.col("city")),
        "country": F.when(is_traits, F.lit(identifiers.COUNTRY)),
        "birth_on": F.when(is_traits, F.col("birth_on")),
    }
