"""Catalogue: what the shop of a generated world sells, and for how much."""

from pyspark.sql import Column, functions as F

from kinfold.synthetic.draws import looked_up

CATEGORIES = (
    *("groceries", "books", "beauty", "toys", "fashion"),
    *("garden", "sports", "home", "electronics", "furniture"),
)
_POUNDS = (6, 9, 13, 16, 26, 24, 32, 40, 110, 150)
CURRENCY = "GBP"
PRODUCTS_PER_CATEGORY = 30


def category_name(category_no: Column) -> Column:
    """The name of a category; numbers start at 0."""
    return looked_up(CATEGORIES, category_no)


def product_id(category_no: Column, product_no: Column) -> Column:
    """The id of a product; within a category the numbers 1 to 30 rise with the price."""
    return F.concat(
        category_name(category_no), F.lit("-"), F.lpad(product_no.cast("string"), 2, "0")
    )


def price_cents(category_no: Column, product_no: Column) -> Column:
    """The price of one piece: the thirtieth product costs eight times the first."""
    hundredths = looked_up(_POUNDS, category_no) * (40 + 12 * product_no)
    return (F.ceil(hundredths / 100) * 100 - 1).cast("int")


def product_no_for_tier(price_tier: Column, position: Column) -> Column:
    """A product within a person's means.

    Args:
        price_tier: 0 (cheap), 1 or 2 (dear).
        position: in [0, 1), from the cheapest to the dearest product the person looks at.
    """
    cheapest = 1 + price_tier * 7
    return (cheapest + F.floor(position * 16)).cast("int")
