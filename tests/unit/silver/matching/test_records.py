"""records: numbered records with normalised values and frequencies."""

import pytest

from frames import assert_rows
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.records import (
    comparable_records,
    comparable_values,
    with_frequencies,
)

KINDS = [Kind.SURNAME, Kind.GENDER]


def keyed(spark, *rows):
    return spark.createDataFrame(list(rows), "record_key string, v0 string, v1 string")


def test_a_full_name_beside_its_parts_keeps_only_the_further_words():
    columns = [["thomas", None], ["chudleigh", "lee"], ["Thomas, 1st Baron Chudleigh", "Lee"]]
    kinds = [Kind.GIVEN_NAME, Kind.SURNAME, Kind.FULL_NAME]
    assert comparable_values(columns, kinds)[2] == ["1st baron", None]


def test_a_full_name_alone_is_kept_whole():
    assert comparable_values([["Ann Lee"]], [Kind.FULL_NAME]) == [["ann lee"]]


def test_records_are_numbered_by_their_key_whatever_the_order_of_the_input(spark):
    rows = [("b", "Lee", "M"), ("a", "O'Brien", "unknown"), ("c", None, "f")]
    expected = [(0, "a", "obrien", None), (1, "b", "lee", "m"), (2, "c", None, "f")]
    for order in (rows, rows[::-1]):
        records = comparable_records(keyed(spark, *order), kinds=KINDS)
        assert_rows(records, ["record_no", "record_key", "v0", "v1"], expected)


def test_a_frequency_is_the_share_of_the_known_values(spark):
    rows = [("a", "lee", "m"), ("b", "lee", None), ("c", "ray", None), ("d", None, None)]
    records = with_frequencies(comparable_records(keyed(spark, *rows), kinds=KINDS), kinds=KINDS)
    frequencies = {row["record_key"]: (row["f0"], row["f1"]) for row in records.collect()}
    two_thirds, one_third = pytest.approx(2 / 3), pytest.approx(1 / 3)
    assert frequencies == {
        "a": (two_thirds, 1.0),
        "b": (two_thirds, None),
        "c": (one_third, None),
        "d": (None, None),
    }
