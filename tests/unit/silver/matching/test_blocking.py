"""blocking: candidate pairs."""

import numpy as np

from kinfold.silver.matching.blocking import (
    RecordKeys,
    all_pairs,
    blocking_keys,
    candidate_pairs,
    keys_of,
    keys_of_record,
)
from kinfold.silver.matching.model.kinds import Kind

KINDS = [Kind.SURNAME, Kind.TEXT]


def blocked(rows, limit, *, kinds=KINDS, most_pairs=1_000):
    keys = [keys_of_record(kinds, row) for row in rows]
    record = np.repeat(np.arange(len(rows)), [len(one) for one in keys])
    key = np.array([key for one in keys for key in one], dtype=np.int64)
    found = candidate_pairs(
        RecordKeys(record, key),
        record_count=len(rows),
        max_block_size=limit,
        most_pairs=most_pairs,
    )
    return set(zip(found.left.tolist(), found.right.tolist(), strict=True)), found


def test_records_that_sound_alike_are_a_pair_once():
    pairs, found = blocked([("smith", "cook"), ("smyth", "cook"), ("jones", None)], 5)
    assert pairs == {(0, 1)}
    assert len(found.left) == 1
    assert found.report.crowded == 0


def test_a_block_above_the_limit_is_divided_by_a_second_attribute():
    rows = [("smith", "cook"), ("smith", "cook"), ("smith", "smith"), ("smith", None)]
    pairs, found = blocked(rows, 3)
    assert pairs == {(0, 1)}
    assert (found.report.largest[0], found.report.crowded) == (4, 0)


def test_records_of_a_block_that_cannot_be_divided_are_compared_with_their_neighbours():
    rows = [("smith", "cook")] * 7 + [("jones", None)]
    pairs, found = blocked(rows, 6)
    assert pairs == {(n, n + 1) for n in range(6)}
    assert found.is_crowded.tolist() == [True] * 7 + [False]
    report = found.report
    assert (report.crowded, report.crowded_records, report.largest_block) == (2, 7, 7)
    assert report.pairs_not_compared == 21 - 6


def test_a_pair_of_crowded_records_is_compared_if_it_shares_a_small_block():
    rows = [("smith", "cook")] * 6 + [("smith", "baker"), ("smyth", "baker")]
    pairs, _ = blocked(rows, 5)
    assert (6, 7) in pairs


def test_neighbours_have_the_same_values_of_most_attributes():
    # Two people of 6 rows each in one block of 12; each row has a value of its own.
    kinds = [Kind.TEXT] * 5
    rows = [("town", "street", f"shop {n % 2}", "x", f"only {n}") for n in range(12)]
    pairs, _ = blocked(rows, 5, kinds=kinds)
    groups = {frozenset((a, b)) for a, b in pairs}
    for n in range(12):
        assert any(frozenset((n, m)) in groups for m in range(n % 2, 12, 2) if m != n)


def test_missing_values_make_no_key():
    assert blocked([(None, None)] * 4, 9)[0] == set()


def test_no_more_pairs_are_made_once_there_are_too_many():
    rows = [(f"s{n}", f"job {n // 2}") for n in range(40)] + [("same", "same")] * 30
    pairs, _ = blocked(rows, 50, most_pairs=3)
    assert len(pairs) > 3


def test_keys_of_a_frame_are_those_of_its_rows(spark):
    rows = [(7, "smith", None), (9, None, "cook")]
    frame = spark.createDataFrame(rows, "record_no long, v0 string, v1 string")
    found = {row["record_no"]: row["keys"] for row in blocking_keys(frame, kinds=KINDS).collect()}
    assert found == {number: keys_of_record(KINDS, values) for number, *values in rows}


def test_all_pairs_of_few_records():
    found = all_pairs(3)
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == {
        (0, 1),
        (0, 2),
        (1, 2),
    }


def test_a_birth_date_has_exact_and_partial_keys():
    assert keys_of(Kind.BIRTH_DATE, "19801231") == ["=19801231", "a1231", "b198012", "c198031"]


def test_any_kind_accepts_a_text_of_one_letter():
    for kind in Kind:
        assert all(isinstance(key, str) for key in keys_of(kind, "a"))
