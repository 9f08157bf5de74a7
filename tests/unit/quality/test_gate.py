"""The quality gate: verdicts and the error for broken rules. Rows are on the driver, as Arrow."""

import pyarrow as pa
import pytest
from pyspark.sql import types as T

from kinfold.core.errors import ContractError, QualityGateError
from kinfold.quality import gate
from kinfold.quality.gate import RuleVerdict
from kinfold.tables.spec import Expectation, Field, Table, at_least

PETS = Table(
    name="silver.pets",
    comment="One row per pet.",
    fields=(
        Field("pet_id", T.StringType(), "Id.", nullable=False),
        Field("legs", T.LongType(), "Legs."),
    ),
    key=("pet_id",),
    written_by="silver/build_pets.py",
    expectations=(at_least("legs", 0),),
)


def pets(*legs: int | None, ids: str = "abcdef") -> pa.Table:
    return pa.table({"pet_id": list(ids[: len(legs)]), "legs": pa.array(legs, pa.int64())})


@pytest.mark.usefixtures("spark")
def test_a_broken_rule_has_the_number_of_its_rows_and_a_met_one_has_none():
    verdicts = gate.rule_verdicts(PETS, pets(4, -1, None, -2))
    assert verdicts == (
        RuleVerdict("pet_id is unique", is_met=True),
        RuleVerdict("pet_id is never null", is_met=True),
        RuleVerdict("legs lies in [0, inf]", is_met=False, rows_failing=2),
    )


@pytest.mark.usefixtures("spark")
def test_only_the_given_rules_are_checked():
    [verdict] = gate.rule_verdicts(PETS, pets(-1, 2, ids="aa"), PETS.suite[:1])
    assert verdict == RuleVerdict("pet_id is unique", is_met=False, rows_failing=2)


@pytest.mark.usefixtures("spark")
def test_a_rule_that_does_not_fit_the_table_is_an_error_of_the_declaration():
    rule = Expectation(
        "expect_column_values_to_be_between",
        "wings lies in [0, 2]",
        {"column": "wings", "min_value": 0, "max_value": 2},
    )
    with pytest.raises(
        ContractError, match=r"silver\.pets: rule 'wings lies in \[0, 2\]' cannot be checked"
    ):
        gate.rule_verdicts(PETS, pets(4), [rule])


def test_an_empty_frame_meets_every_rule():
    assert [(v.rule, v.is_met) for v in gate.passing_verdicts(PETS)] == [
        ("pet_id is unique", True),
        ("pet_id is never null", True),
        ("legs lies in [0, inf]", True),
    ]


def test_met_rules_raise_nothing():
    gate.require_all_met(PETS, gate.passing_verdicts(PETS), run_id="r1")


def test_the_message_names_every_broken_rule_with_its_rows_and_where_to_look():
    verdicts = [
        RuleVerdict("a", is_met=False, rows_failing=1200),
        RuleVerdict("b", is_met=True),
        RuleVerdict("c", is_met=False, rows_failing=1),
    ]
    with pytest.raises(QualityGateError) as caught:
        gate.require_all_met(PETS, verdicts, run_id="r1", because="Too many. ")
    assert str(caught.value) == (
        "silver.pets: a: broken by 1,200 rows; c: broken by 1 row. Nothing was written. Too many. "
        "Verdicts are in ops.quality_results, run r1; rules in lib/kinfold/tables/silver.py."
    )


def test_not_a_number_is_detected_in_any_column_of_floats():
    nan = float("nan")
    assert gate.contains_nan(pa.table({"a": ["x"], "b": [nan]}))
    assert not gate.contains_nan(pa.table({"a": ["NaN"], "b": [1.5], "c": [None]}))
