"""The quality gate around every published write."""

import hmac
from dataclasses import replace

import pytest

from frames import assert_rows, at
from kinfold.core.errors import QualityGateError
from kinfold.tables import ops, silver
from lakes import ID_KEY, MEMBERS, members as people

P, Q, R, S = ("0" * 31 + digit for digit in "1234")
HMAC_OF_A = hmac.new(bytes.fromhex(ID_KEY), b"a", "sha256").hexdigest()


def test_rows_that_break_a_rule_are_not_published_and_the_verdicts_are_kept(lake, spark):
    lake.upsert(MEMBERS, people(spark, a=P))
    with pytest.raises(QualityGateError) as caught:
        lake.upsert(MEMBERS, people(spark, b="short", c="shorter", d=Q))
    assert str(caught.value).startswith(
        "silver.members: profile_id is 32 hex digits: broken by 2 rows. Nothing was written."
    )
    assert_rows(lake.read(MEMBERS), ["value"], [("a",)])
    broken = lake.read(ops.QUALITY_RESULTS).where("not is_met")
    assert_rows(
        broken,
        ["run_id", "table_name", "rule", "rows_checked", "rows_failing"],
        [("run-1", "silver.members", "profile_id is 32 hex digits", 3, 2)],
    )


def test_a_key_that_occurs_twice_is_not_published(lake, spark):
    twice = people(spark, a=P).unionAll(people(spark, a=Q))
    with pytest.raises(QualityGateError, match=r"\(namespace, value\) is unique: broken by 2 rows"):
        lake.upsert(MEMBERS, twice)


def test_a_null_in_a_required_column_is_not_published(lake, spark):
    rows = MEMBERS.frame(spark, dict(namespace="user_id", value="a", profile_id=P))
    with pytest.raises(QualityGateError, match="profile_since is never null: broken by 1 row"):
        lake.replace(MEMBERS, rows)


@pytest.fixture
def lenient(lake):
    return replace(lake, max_quarantined_ratio=0.5)


def test_invalid_rows_within_the_budget_are_quarantined_and_the_others_published(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a="short", b=Q, c=R))
    assert_rows(lenient.read(MEMBERS), ["value", "profile_id"], [("b", Q), ("c", R)])
    assert_rows(
        lenient.read(ops.QUARANTINE),
        ["table_name", "run_id", "key", "reasons"],
        [
            (
                "silver.members",
                "run-1",
                '{"namespace":"user_id","value":"' + HMAC_OF_A + '"}',
                ["profile_id is 32 hex digits"],
            )
        ],
    )


def test_verdicts_record_what_was_quarantined_and_the_published_version(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a="short", b=Q, c=R))
    results = lenient.read(ops.QUALITY_RESULTS).where("rule = 'profile_id is 32 hex digits'")
    assert_rows(
        results,
        [
            *("is_met", "rows_checked", "rows_failing", "rows_quarantined"),
            *("table_version", "schema_version"),
        ],
        [(True, 3, None, 1, 1, MEMBERS.schema_version)],
    )
    others = lenient.read(ops.QUALITY_RESULTS).where("rows_quarantined = 0 and table_version = 1")
    assert others.count() == len(MEMBERS.suite) - 1


def test_rows_over_the_budget_stop_the_publish_and_nothing_is_quarantined(lenient, spark):
    with pytest.raises(
        QualityGateError,
        match=r"32 hex digits: broken by 2 rows\. Nothing was written\. 66\.67% of the rows break "
        r"a rule, and quality\.max_quarantined_ratio allows 50\.00% to be quarantined\.",
    ):
        lenient.upsert(MEMBERS, people(spark, a="short", b="shorter", c=R))
    assert lenient.read(MEMBERS).count() == 0
    assert not lenient.exists(ops.QUARANTINE)
    versions = lenient.read(ops.QUALITY_RESULTS).select("table_version").distinct()
    assert_rows(versions, ["table_version"], [(None,)])


def test_a_share_of_exactly_the_budget_is_within_it(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a="short", c=R))
    assert_rows(lenient.read(MEMBERS), ["value"], [("c",)])


def test_a_null_key_stops_the_publish_within_any_budget(lenient, spark):
    rows = people(spark, a=P, b=Q, c=R).unionAll(
        MEMBERS.frame(spark, dict(namespace="user_id", profile_id=P, profile_since=at("08:00")))
    )
    with pytest.raises(QualityGateError, match="value is never null: broken by 1 row"):
        lenient.upsert(MEMBERS, rows)


def test_a_duplicate_key_stops_the_publish_even_if_one_of_the_two_rows_is_invalid(lenient, spark):
    rows = people(spark, a=P, b=Q, c=R).unionAll(people(spark, a="short"))
    with pytest.raises(QualityGateError, match=r"\(namespace, value\) is unique: broken by 2 rows"):
        lenient.upsert(MEMBERS, rows)


def test_a_run_repeated_with_its_id_quarantines_a_row_once(lenient, spark):
    for _ in range(2):
        lenient.upsert(MEMBERS, people(spark, a="short", b=Q))
    assert lenient.read(ops.QUARANTINE).count() == 1
    again = replace(lenient, run_id="run-2")
    again.upsert(MEMBERS, people(spark, a="short", b=Q))
    assert again.read(ops.QUARANTINE).count() == 2
    assert again.quarantined(MEMBERS).count() == 1
    assert again.quarantined(silver.IDENTIFIERS).count() == 0


def test_an_invalid_update_leaves_the_existing_row(lenient, spark):
    lenient.upsert(MEMBERS, people(spark, a=P, b=P))
    lenient.upsert(MEMBERS, people(spark, a="short", b=Q))
    assert_rows(lenient.read(MEMBERS), ["value", "profile_id"], [("a", P), ("b", Q)])


def test_a_write_that_fails_after_the_gate_leaves_verdicts_without_a_version(lake, spark):
    with (
        pytest.raises(RuntimeError, match="disk"),
        lake.gate.passed(MEMBERS, people(spark, a=P)),
    ):
        raise RuntimeError("disk")
    versions = lake.read(ops.QUALITY_RESULTS).select("is_met", "table_version").distinct()
    assert_rows(versions, ["is_met", "table_version"], [(True, None)])
