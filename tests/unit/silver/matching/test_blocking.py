"""blocking: candidate pairs."""

from kinfold.silver.matching.blocking import all_pairs, candidate_pairs, keys_of
from kinfold.silver.matching.model.kinds import Kind

KINDS = [Kind.SURNAME, Kind.TEXT]


def records(spark, *rows):
    numbered = [(n, *row) for n, row in enumerate(rows)]
    return spark.createDataFrame(numbered, schema="record_no long, v0 string, v1 string")


def found(spark, rows, cap):
    pairs, report = candidate_pairs(records(spark, *rows), kinds=KINDS, max_block_size=cap)
    return {tuple(pair) for pair in pairs.collect()}, report


def test_records_that_sound_alike_are_a_pair_once(spark):
    rows = [("smith", "cook"), ("smyth", "cook"), ("jones", None)]
    pairs, report = found(spark, rows, 5)
    assert pairs == {(0, 1)}
    assert report.dropped == 0


def test_a_block_above_the_cap_is_divided_by_a_second_attribute(spark):
    rows = [("smith", "cook"), ("smith", "cook"), ("smith", "smith"), ("smith", None)]
    pairs, report = found(spark, rows, 3)
    assert pairs == {(0, 1)}
    assert (report.largest[0], report.dropped) == (4, 0)


def test_a_block_that_nothing_divides_is_dropped_and_reported(spark):
    pairs, report = found(spark, [("smith", "cook")] * 5, 3)
    assert pairs == set()
    assert report.dropped > 0
    assert report.largest_block == 5


def test_missing_values_are_no_key(spark):
    assert found(spark, [(None, None)] * 4, 9)[0] == set()


def test_all_pairs_of_few_records(spark):
    pairs = all_pairs(records(spark, ("a", None), ("b", None), ("c", None)))
    assert {tuple(pair) for pair in pairs.collect()} == {(0, 1), (0, 2), (1, 2)}


def test_a_birth_date_has_softer_keys():
    assert keys_of(Kind.BIRTH_DATE, "19801231") == ["=19801231", "a1231", "b198012", "c198031"]


def test_every_kind_has_keys_or_none_without_failing():
    for kind in Kind:
        keys_of(kind, "a")
