"""The products that the shop of a generated world sells, and their prices."""

from pyspark.sql import Column, functions as F

from kinfold.synthetic.draws import value_at

CATEGORIES = (
    *("groceries", "books", "beauty", "toys", "fashion"),
    *("garden", "sports", "home", "electronics", "furniture"),
)
_POUNDS = (6, 9, 13, 16, 26, 24, 32, 40, 110, 150)
CURRENCY = "GBP"
PRODUCTS_PER_CATEGORY = 30


def category_name(category_no: Column) -> Column:
    """The name of a category; numbers start at 0."""
    return value_at(CATEGORIES, category_no)


def product_id(category_no: Column, product_no: Column) -> Column:
    """The id of a product. Within a category, products 1 to 30 are in the order of their price."""
    return F.concat(
        category_name(category_no), F.lit("-"), F.lpad(product_no.cast("string"), 2, "0")
    )


def price_cents(category_no: Column, product_no: Column) -> Column:
    """The price of one piece. Product 30 costs about eight times as much as product 1."""
    hundredths = value_at(_POUNDS, category_no) * (40 + 12 * product_no)
    return (F.ceil(hundredths / 100) * 100 - 1).cast("int")


def product_no_for_tier(price_tier: Column, position: Column) -> Column:
    """The number of a product in the price range of a person.

    Args:
        price_tier: 0 (cheap), 1 or 2 (expensive).
        position: in [0, 1), from the cheapest to the most expensive product of that range.
    """
    cheapest = 1 + price_tier * 7
    return (cheapest + F.floor(position * 16)).cast("int")
