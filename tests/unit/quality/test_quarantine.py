"""Invalid rows: counts, and what ops.quarantine stores of them."""

import json
from dataclasses import replace

import pytest
from pyspark.sql import functions as F, types as T

from frames import assert_rows, at
from kinfold.quality.quarantine import RuleCounts, quarantined_rows, rule_counts, valid_rows
from kinfold.quality.rows import rows_with_reasons
from kinfold.tables.spec import Field, Privacy, Table, at_least, sent_with

PETS = Table(
    name="silver.pets",
    comment="One row per pet and owner.",
    fields=(
        Field("pet_id", T.LongType(), "Id.", nullable=False),
        Field("owner_email", T.StringType(), "Owner.", False, Privacy.IDENTIFIER),
        Field("legs", T.LongType(), "Legs."),
    ),
    key=("pet_id", "owner_email"),
    written_by="silver/build_pets.py",
    subject=("owner_email",),
    expectations=(at_least("legs", 0), at_least("pet_id", 0)),
)
LEGS, IDS = "legs lies in [0, inf]", "pet_id lies in [0, inf]"


@pytest.fixture
def checked(spark):
    """One valid row and two invalid ones; one of these breaks two rules."""
    rows = [(1, "a@x.org", 4), (2, "b@x.org", -1), (-3, "c@x.org", -1)]
    frame = spark.createDataFrame(rows, "pet_id bigint, owner_email string, legs bigint")
    return rows_with_reasons(PETS, frame)


def test_a_row_with_several_reasons_is_one_invalid_row(checked):
    counts = RuleCounts(rows=3, invalid=2, limited=2, by_rule={LEGS: 2, IDS: 1})
    assert rule_counts(PETS, checked) == counts


def test_valid_rows_have_no_column_of_reasons(checked):
    assert valid_rows(checked).columns == list(PETS.columns)
    assert_rows(valid_rows(checked), ["pet_id", "legs"], [(1, 4)])


def test_valid_rows_only_or_none_at_all_are_counted_too(checked):
    valid = checked.where("legs = 4")
    nothing = RuleCounts(rows=1, invalid=0, limited=0, by_rule={})
    assert rule_counts(PETS, valid) == nothing
    assert rule_counts(PETS, valid.limit(0)) == replace(nothing, rows=0)


def test_the_share_of_rows_that_break_only_rules_about_senders_is_not_limited(spark):
    has_legs = sent_with("legs", where="owner_email", equals="a@x.org")
    table = replace(PETS, expectations=(*PETS.expectations, has_legs))
    rows = [(1, "a@x.org", None), (2, "b@x.org", None), (-3, "a@x.org", None)]
    frame = spark.createDataFrame(rows, "pet_id bigint, owner_email string, legs bigint")
    counts = RuleCounts(rows=3, invalid=2, limited=1, by_rule={has_legs.sentence: 2, IDS: 1})
    assert rule_counts(table, rows_with_reasons(table, frame)) == counts


def test_the_quarantine_stores_key_and_reasons_and_hashes_what_identifies_a_person(checked):
    rows = quarantined_rows(
        PETS, checked, hashed=F.reverse, run_id="r1", quarantined_at=at("09:00")
    ).collect()
    by_id = {json.loads(row["key"])["pet_id"]: row for row in rows}
    assert json.loads(by_id[2]["key"]) == {"pet_id": 2, "owner_email": "gro.x@b"}
    assert {key: row["reasons"] for key, row in by_id.items()} == {2: [LEGS], -3: [LEGS, IDS]}
    assert {(row["table_name"], row["run_id"]) for row in rows} == {("silver.pets", "r1")}
    assert set(rows[0].asDict()) == {"table_name", "run_id", "key", "reasons", "quarantined_at"}


def test_the_ratio_of_no_rows_is_0():
    assert RuleCounts(rows=0, invalid=0, limited=0, by_rule={}).limited_ratio == 0
    assert RuleCounts(rows=8, invalid=4, limited=2, by_rule={}).limited_ratio == 0.25


def test_a_null_in_any_column_of_the_key_is_a_null_key():
    nulls = RuleCounts(rows=1, invalid=1, limited=1, by_rule={"owner_email is never null": 1})
    assert nulls.has_null_keys(PETS)
    assert not RuleCounts(rows=1, invalid=1, limited=1, by_rule={LEGS: 1}).has_null_keys(PETS)
