"""blocking: candidate pairs."""

from kinfold.silver.matching.blocking import all_pairs, candidate_pairs, keys_of
from kinfold.silver.matching.model.kinds import Kind

KINDS = [Kind.SURNAME, Kind.TEXT]


def records(spark, *rows):
    numbered = [(n, *row) for n, row in enumerate(rows)]
    return spark.createDataFrame(numbered, schema="record_no long, v0 string, v1 string")


def blocked(spark, rows, limit):
    pairs, report = candidate_pairs(records(spark, *rows), kinds=KINDS, max_block_size=limit)
    return {tuple(pair) for pair in pairs.collect()}, report


def test_records_that_sound_alike_are_a_pair_once(spark):
    rows = [("smith", "cook"), ("smyth", "cook"), ("jones", None)]
    pairs, report = blocked(spark, rows, 5)
    assert pairs == {(0, 1)}
    assert report.dropped == 0


def test_a_block_above_the_limit_is_divided_by_a_second_attribute(spark):
    rows = [("smith", "cook"), ("smith", "cook"), ("smith", "smith"), ("smith", None)]
    pairs, report = blocked(spark, rows, 3)
    assert pairs == {(0, 1)}
    assert (report.largest[0], report.dropped) == (4, 0)


def test_a_block_that_cannot_be_divided_is_dropped_and_counted(spark):
    pairs, report = blocked(spark, [("smith", "cook")] * 5, 3)
    assert pairs == set()
    assert report.dropped > 0
    assert report.largest_block == 5


def test_missing_values_make_no_key(spark):
    assert blocked(spark, [(None, None)] * 4, 9)[0] == set()


def test_all_pairs_of_few_records(spark):
    pairs = all_pairs(records(spark, ("a", None), ("b", None), ("c", None)))
    assert {tuple(pair) for pair in pairs.collect()} == {(0, 1), (0, 2), (1, 2)}


def test_a_birth_date_has_exact_and_partial_keys():
    assert keys_of(Kind.BIRTH_DATE, "19801231") == ["=19801231", "a1231", "b198012", "c198031"]


def test_any_kind_accepts_a_text_of_one_letter():
    for kind in Kind:
        assert all(isinstance(key, str) for key in keys_of(kind, "a"))
