"""Products and prices of the shop."""

import pytest
from pyspark.sql import SparkSession, functions as F

from kinfold.synthetic.catalogue import (
    CATEGORIES,
    PRODUCTS_PER_CATEGORY,
    price_cents,
    product_id,
    product_no_for_tier,
)

pytestmark = pytest.mark.xdist_group("synthetic")


def test_products_have_one_id_and_rise_in_price(spark: SparkSession) -> None:
    products = spark.range(len(CATEGORIES) * PRODUCTS_PER_CATEGORY).select(
        F.floor(F.col("id") / PRODUCTS_PER_CATEGORY).cast("int").alias("category_no"),
        (F.col("id") % PRODUCTS_PER_CATEGORY + 1).cast("int").alias("product_no"),
    )
    number = F.col("category_no"), F.col("product_no")
    rows = products.select(
        "category_no", product_id(*number).alias("id"), price_cents(*number).alias("price")
    ).collect()
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.price > 0 and row.price % 100 == 99 for row in rows)
    prices = [row.price for row in rows if row.category_no == 0]
    assert prices == sorted(prices)


def test_every_price_tier_has_products_that_exist(spark: SparkSession) -> None:
    ends = spark.createDataFrame(
        [(0, 0.0), (0, 0.999), (2, 0.0), (2, 0.999)], "tier int, at double"
    )
    numbers = ends.select(product_no_for_tier(F.col("tier"), F.col("at")).alias("no")).collect()
    assert [row.no for row in numbers] == [1, 16, 15, 30]
