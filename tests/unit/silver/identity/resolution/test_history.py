"""The person of an identifier today and at a moment in the past."""

import pytest
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.silver.identity.resolution.history import current, identity_as_of, shared_nodes
from kinfold.tables import silver


@pytest.fixture
def identity_map(spark):
    return silver.IDENTITY_MAP.frame(
        spark,
        dict(value="a", profile_id="p", valid_from=at("09:00"), valid_to=at("10:00")),
        dict(value="a", profile_id="q", valid_from=at("10:00")),
        dict(value="b", profile_id="p", valid_from=at("09:30")),
        dict(value="left", profile_id="p", valid_from=at("09:00"), valid_to=at("09:10")),
    )


def test_today_has_the_open_rows(identity_map):
    assert_rows(current(identity_map), ["value", "profile_id"], [("a", "q"), ("b", "p")])


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("08:59", []),
        ("09:00", [("a", "p"), ("left", "p")]),
        ("09:10", [("a", "p")]),
        ("09:59", [("a", "p"), ("b", "p")]),
        ("10:00", [("a", "q"), ("b", "p")]),
    ],
)
def test_a_row_is_valid_from_its_start_up_to_but_not_at_its_end(identity_map, moment, expected):
    assert_rows(identity_as_of(identity_map, at(moment)), ["value", "profile_id"], expected)


def test_the_moment_may_be_a_column(identity_map):
    moments = identity_map.withColumn("seen_at", F.lit(at("09:45")))
    rows = identity_as_of(moments, F.col("seen_at"))
    assert_rows(rows, ["value", "profile_id"], [("a", "p"), ("b", "p")])


def test_released_values_are_not_shared(spark):
    values = silver.BAD_VALUES.frame(
        spark, dict(node_id=1, status="set_aside"), dict(node_id=2, status="released")
    )
    assert shared_nodes(values) == {1}
