"""Generated people with features, for tests of models."""

from datetime import datetime

from pyspark.sql import DataFrame, SparkSession, functions as F

from kinfold.tables import gold


def uniform(salt: str) -> F.Column:
    """A number in [0, 1) that depends on the person and the moment only."""
    return F.pmod(F.xxhash64("profile_id", "as_of", F.lit(salt)), F.lit(10_000)) / 10_000.0


def made_features(spark: SparkSession, *, people: int, as_ofs: list[datetime]) -> DataFrame:
    """gold.features of people of three kinds: lookers, buyers and lapsed buyers."""
    kind = F.col("number") % 3
    is_buyer, has_bought = kind == 1, kind >= 1
    moments = spark.createDataFrame([(moment,) for moment in as_ofs], "as_of timestamp")
    base = (
        spark.range(people)
        .select(F.col("id").alias("number"), F.md5(F.col("id").cast("string")).alias("profile_id"))
        .crossJoin(moments)
    )
    noise = {name: uniform(name) for name in ("a", "b", "c", "d")}
    recency = F.when(kind == 2, 100 + 60 * noise["a"]).otherwise(1 + 10 * noise["a"])
    orders = F.when(is_buyer, 5 + 10 * noise["b"]).when(has_bought, 1 + 3 * noise["b"]).otherwise(0)
    count = {
        "order_count": orders,
        "order_count_90d": F.when(is_buyer, orders / 2).otherwise(0),
        "order_count_30d": F.when(is_buyer, orders / 4).otherwise(0),
        "active_day_count_90d": F.when(kind == 2, 0).otherwise(5 + 20 * noise["c"]),
        "active_day_count_30d": F.when(kind == 2, 0).otherwise(2 + 8 * noise["c"]),
        "product_view_count_30d": F.when(kind == 0, 10 + 30 * noise["d"]).otherwise(0),
        "spend_cents": orders.cast("long") * (2_000 + (3_000 * noise["d"]).cast("long")),
    }
    features = base.select(
        "profile_id",
        "as_of",
        "number",
        recency.alias("recency_days"),
        (recency + 50).alias("tenure_days"),
        F.when(has_bought, recency).alias("days_since_purchase"),
        *(value.cast("long").alias(name) for name, value in count.items()),
    )
    rest = [c for c in gold.FEATURES.columns if c not in features.columns]
    return gold.FEATURES.conform(features.select("*", *(F.lit(0).alias(c) for c in rest)))


def made_purchases(features: DataFrame) -> DataFrame:
    """The people who buy next: frequent buyers mostly do, lapsed ones rarely. Columns: profile_id,
    as_of, buys."""
    chance = F.when(F.col("recency_days") > 50, 0.03).otherwise(
        F.least(F.lit(0.9), F.lit(0.05) + F.col("order_count") / 15)
    )
    buys = uniform("buys") < chance
    return features.where(buys).select("profile_id", "as_of", F.lit(True).alias("buys"))
