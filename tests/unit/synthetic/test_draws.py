"""Random numbers are functions of seed, salt and columns."""

import pytest
from pyspark.sql import SparkSession, functions as F

from kinfold.synthetic.draws import Draws, padded_hex, value_at

pytestmark = pytest.mark.xdist_group("synthetic")


def test_a_number_depends_on_seed_salt_and_columns_only(spark: SparkSession) -> None:
    cases = spark.range(0, 50, 1, 1).select("id")
    scattered = spark.range(0, 50, 1, 7).orderBy(F.desc("id"))
    number = Draws(1).uniform("height", "id")
    first = {row.id: row.value for row in cases.select("id", number.alias("value")).collect()}
    again = {row.id: row.value for row in scattered.select("id", number.alias("value")).collect()}
    assert first == again
    for other in (Draws(2).uniform("height", "id"), Draws(1).uniform("weight", "id")):
        changed = cases.select("id", other.alias("value")).collect()
        assert len(changed) == len(first) == 50
        assert all(first[row.id] != row.value for row in changed)


def test_numbers_have_the_documented_distribution(spark: SparkSession) -> None:
    draws = Draws(3)
    kind = draws.index([0.5, 0.0, 0.5], "kind", "id")
    row = (
        spark.range(20_000)
        .select(
            draws.uniform("uniform", "id").alias("uniform"),
            draws.normal("normal", "id").alias("normal"),
            draws.exponential(4.0, "wait", "id").alias("wait"),
            draws.below(6, "die", "id").alias("die"),
            kind.alias("kind"),
        )
        .agg(
            F.min("uniform").alias("lowest"),
            F.max("uniform").alias("highest"),
            F.avg("uniform").alias("uniform"),
            F.avg("normal").alias("normal"),
            F.stddev("normal").alias("spread"),
            F.avg("wait").alias("wait"),
            F.sort_array(F.collect_set("die")).alias("die"),
            F.sort_array(F.collect_set("kind")).alias("kind"),
        )
        .first()
    )
    assert row is not None
    assert 0.0 < row.lowest < row.highest < 1.0
    assert row.uniform == pytest.approx(0.5, abs=0.01)
    assert row.normal == pytest.approx(0.0, abs=0.03)
    assert row.spread == pytest.approx(1.0, abs=0.03)
    assert row.wait == pytest.approx(4.0, abs=0.15)
    assert row.die == [0, 1, 2, 3, 4, 5]
    assert row.kind == [0, 2]


@pytest.mark.parametrize("weights", [[], [0.0, 0.0]])
def test_weights_without_one_above_zero_are_refused(
    spark: SparkSession, weights: list[float]
) -> None:
    with pytest.raises(ValueError, match="expected one above zero"):
        Draws(1).index(weights, "kind", "id")


def test_the_value_at_a_null_or_outside_position_is_null(spark: SparkSession) -> None:
    positions = spark.createDataFrame([(0,), (2,), (3,), (None,)], "position int")
    values = positions.select(
        value_at(("a", "b", "c"), F.col("position")).alias("text"),
        value_at((1.5, 2.5, 3.5), F.col("position")).alias("number"),
    )
    assert [tuple(row) for row in values.collect()] == [
        ("a", 1.5),
        ("c", 3.5),
        (None, None),
        (None, None),
    ]


def test_hexadecimal_numbers_have_sixteen_digits(spark: SparkSession) -> None:
    row = spark.range(1).select(padded_hex(F.lit(255).cast("long")).alias("hex")).first()
    assert row is not None
    assert row.hex == "00000000000000ff"
