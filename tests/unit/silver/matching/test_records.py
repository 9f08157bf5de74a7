"""records: normalised values, distinct records and frequencies."""

import pytest

from frames import assert_rows
from kinfold.silver.matching.model.kinds import Kind
from kinfold.silver.matching.records import (
    comparable_records,
    comparable_values,
    counted_terms,
    distinct_records,
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


def test_a_record_has_a_number_of_its_values_whatever_their_spelling(spark):
    rows = [("b", "Lee", "M"), ("a", "LEE", "m"), ("c", "m", None), ("d", None, "m")]
    records = comparable_records(keyed(spark, *rows), kinds=KINDS)
    found = {row["record_key"]: row for row in records.collect()}
    assert (found["a"]["v0"], found["a"]["v1"]) == ("lee", "m")
    numbers = {key: row["record_no"] for key, row in found.items()}
    assert numbers["a"] == numbers["b"]
    assert len(set(numbers.values())) == 3  # a value in another attribute is another record


def test_equal_records_are_one_distinct_record_with_the_first_key(spark):
    rows = [("b", "Lee", None), ("a", "lee", "unknown"), ("c", "lee", "f")]
    records = comparable_records(keyed(spark, *rows), kinds=KINDS)
    distinct = distinct_records(records, kinds=KINDS)
    assert_rows(distinct, ["record_key", "v0", "v1"], [("a", "lee", None), ("c", "lee", "f")])


def test_a_salt_changes_every_hash_and_no_value(spark):
    (plain,), (salted,) = (
        comparable_records(keyed(spark, ("a", "Lee", None)), kinds=KINDS, salt=salt).collect()
        for salt in ("", "secret")
    )
    assert plain["record_no"] != salted["record_no"]
    assert plain["terms"][0] != salted["terms"][0]
    assert plain["terms"][1] is salted["terms"][1] is None
    assert plain["v0"] == salted["v0"] == "lee"


def test_a_frequency_is_the_share_of_the_known_values(spark):
    rows = [("a", "lee", "m"), ("b", "lee", None), ("c", "ray", None), ("d", None, None)]
    records = comparable_records(keyed(spark, *rows), kinds=KINDS)
    terms = counted_terms(records, kinds=KINDS)
    assert terms.frequency_of_others == (pytest.approx(1 / 3), 1.0)
    assert terms.chances_of_equal == (pytest.approx((2 * 2 + 1) / 9), 1.0)
    found = with_frequencies(records, kinds=KINDS, terms=terms).collect()
    frequencies = {row["record_key"]: (row["f0"], row["f1"]) for row in found}
    two_thirds, one_third = pytest.approx(2 / 3), pytest.approx(1 / 3)
    assert frequencies == {
        "a": (two_thirds, 1.0),
        "b": (two_thirds, None),
        "c": (one_third, None),
        "d": (None, None),
    }
