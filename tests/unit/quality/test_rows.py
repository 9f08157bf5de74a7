"""Which rows break which rule; Great Expectations counts the same."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import functions as F, types as T

from frames import assert_rows, at
from kinfold.quality import gate
from kinfold.quality.rows import REASONS, breaks_rule, row_rules, rows_with_reasons
from kinfold.tables import gold, registry, silver
from kinfold.tables.spec import (
    Field,
    Table,
    at_least,
    between,
    matches,
    never_null,
    one_of,
    ordered,
    unique,
)

NAN, INFINITY = float("nan"), float("inf")
TEXTS = (
    *(None, "", " ", "a", "A", "ab", "EUR", "EUR\n", "eur", "£€漢", "é", "e\u0301", "\u200b", "😀"),
    *(".", "^a$", "a|b", "(", "\\d", "$", "a\nb", "null", "NaN", "0", "'", "\x00"),
    *("granted", "withdrawn", "Granted", "0" * 32, "f" * 32, "F" * 32, "0" * 31),
)
NUMBERS = (None, NAN, INFINITY, -INFINITY, -0.0, 0.0, -5e-324, 5e-324, 1.0, 10.0, 10.000001, -1.0)
WHOLE = (None, 0, -1, 1, 10, 11, 2**53 + 1, 2**63 - 1, -(2**63))
MOMENTS = (
    None,
    at("2026-03-01T09:00"),
    at("2026-03-01T09:00") + timedelta(microseconds=1),
    at("2026-03-29T01:30"),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(9999, 12, 30, tzinfo=UTC),
)

KINDS = Table(
    name="silver.every_kind",
    comment="One row per draw.",
    fields=(
        Field("id", T.LongType(), "Key.", nullable=False),
        Field("text", T.StringType(), "Text.", nullable=False),
        Field("number", T.DoubleType(), "Number."),
        Field("whole", T.LongType(), "Whole number."),
        Field("earlier", T.TimestampType(), "First moment."),
        Field("later", T.TimestampType(), "Second moment."),
        Field("low", T.DoubleType(), "First number."),
        Field("high", T.DoubleType(), "Second number."),
        Field("specials", T.StringType(), "Another text."),
    ),
    key=("id",),
    written_by="none.py",
    expectations=(
        never_null("number"),
        at_least("number", 0),
        between("whole", 0, 10),
        between("whole", None, 2**53),
        between("high", -1.5, None),
        one_of("text", "a", "", "£€漢", "'"),
        matches("text", "^[A-Z]{3}$", "three capitals"),
        matches("specials", r"\d|\|$", "made of specials"),
        ordered("earlier", "later"),
        ordered("low", "high"),
    ),
)


def drawn(field, seed):
    """A thousand values of a column, mostly edge cases; the seed is in the test's name."""
    draw = random.Random(f"{field.name} {seed}")
    if field.name == "event_type":  # for rules about events of one type
        return draw.choices((None, "purchase", "return", "consent"), k=1000)
    by_type = {
        T.StringType: TEXTS,
        T.DoubleType: NUMBERS,
        T.LongType: WHOLE,
        T.TimestampType: MOMENTS,
        T.BooleanType: (None, True, False),
        T.IntegerType: (None, 0, 1),
        T.ArrayType: (None, []),
    }
    return draw.choices(by_type[type(field.type)], k=1000)


def generated(spark, table, seed):
    """Rows with unique keys and one null key, so that only rules for single rows are broken."""
    columns = {field.name: drawn(field, seed) for field in table.fields}
    first_key = table.fields[table.columns.index(table.key[0])]
    keys = range(1000) if isinstance(first_key.type, T.LongType) else map(str, range(1000))
    columns[first_key.name] = [None, *keys][:1000]
    schema = T.StructType([T.StructField(f.name, f.type, True) for f in table.fields])
    return spark.createDataFrame(list(zip(*columns.values(), strict=True)), schema)


def counted_by_rows(table, rows):
    checked = rows_with_reasons(table, rows)
    counts = checked.agg(
        *(
            F.count_if(F.array_contains(REASONS, rule.sentence)).alias(str(i))
            for i, rule in enumerate(row_rules(table))
        )
    ).collect()[0]
    return {rule.sentence: counts[str(i)] for i, rule in enumerate(row_rules(table))}


def counted_by_great_expectations(table, rows):
    counts = {v.rule: v.rows_failing or 0 for v in gate.rule_verdicts(table, rows)}
    return {rule.sentence: counts[rule.sentence] for rule in row_rules(table)}


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("table", [KINDS, silver.EVENTS, gold.FEATURES], ids=lambda t: t.name)
def test_rows_and_great_expectations_count_the_same_for_every_rule(spark, table, seed):
    rows = generated(spark, table, seed).persist()
    by_rows = counted_by_rows(table, rows)
    assert by_rows == counted_by_great_expectations(table, rows)
    assert all(count > 0 for count in by_rows.values()), "a rule that no row breaks proves nothing"
    rows.unpersist()


@pytest.mark.parametrize("table", [KINDS, silver.EVENTS, gold.FEATURES], ids=lambda t: t.name)
def test_rows_on_the_driver_get_the_same_verdicts_as_rows_in_spark(spark, table):
    rows = generated(spark, table, 2)
    numbers = [f.name for f in table.fields if isinstance(f.type, T.DoubleType)]
    rows = rows.withColumns({c: F.when(~F.isnan(c), F.col(c)) for c in numbers})
    rows = rows.unionAll(rows.limit(3)).persist()  # so that the key is not unique
    in_spark, on_driver = gate.rule_verdicts(table, rows), gate.rule_verdicts(table, rows.toArrow())
    assert on_driver == in_spark
    assert not any(verdict.is_met for verdict in in_spark)
    good = rows.where(F.size(expected_reasons(table)) == 0).dropDuplicates(list(table.key))
    assert gate.rule_verdicts(table, good.toArrow()) == gate.rule_verdicts(table, good)
    rows.unpersist()


def expected_reasons(table):
    broken = [F.when(breaks_rule(rule), F.lit(rule.sentence)) for rule in row_rules(table)]
    return F.array_compact(F.array(*broken))


def test_not_a_number_is_detected_in_arrow_rows(spark):
    rows = spark.createDataFrame([(1.0, "a"), (None, "NaN")], "low double, text string")
    assert not gate.contains_nan(rows.toArrow())
    rows = rows.union(spark.createDataFrame([(NAN, "b")], rows.schema))
    assert gate.contains_nan(rows.toArrow())
    assert not gate.contains_nan(rows.limit(0).toArrow())


def test_every_rule_except_uniqueness_is_for_single_rows():
    kinds = {rule.rule for table in registry.ALL for rule in table.suite}
    of_rows = {rule.rule for table in (*registry.ALL, KINDS) for rule in row_rules(table)}
    assert kinds - of_rows == {unique("a").rule, unique("a", "b").rule}


def test_a_null_breaks_only_the_rule_against_nulls(spark):
    rows = KINDS.frame(spark, dict(id=1, text="EUR"))
    reasons = rows_with_reasons(KINDS, rows).collect()[0][REASONS]
    assert reasons == ["number is never null", "text is one of a, , £€漢, '"]


def test_the_reasons_of_a_row_are_all_rules_it_breaks_in_the_order_of_the_suite(spark):
    rows = silver.EVENTS.frame(
        spark,
        dict(
            event_id="e1",
            event_type="consent",
            source="web",
            occurred_at=at("09:00"),
            received_at=at("09:00"),
            identifiers=[],
            amount_cents=-1,
            currency="eur",
            consent_decision="maybe",
            source_partition="p",
            source_offset=0,
            record_index=0,
            is_before_earliest=False,
            ingested_at=at("09:00"),
        ),
    )
    assert_rows(
        rows_with_reasons(silver.EVENTS, rows),
        ["event_id", REASONS],
        [
            (
                "e1",
                [
                    "amount_cents lies in [0, inf]",
                    "consent_decision is one of granted, withdrawn",
                    "currency is an ISO 4217 code",
                    "consent_purpose is never null where event_type is consent",
                ],
            )
        ],
    )


def test_nan_is_above_every_bound_and_every_number(spark):
    rows = spark.createDataFrame([(NAN, 1.0)], "low double, high double")
    broken = rows.select(
        breaks_rule(at_least("low", 0)),
        breaks_rule(between("low", 0, 10)),
        breaks_rule(ordered("low", "high")),
    ).collect()[0]
    assert tuple(broken) == (False, True, True)


def test_an_empty_frame_has_no_reasons(spark):
    assert rows_with_reasons(KINDS, KINDS.frame(spark)).count() == 0


def test_uniqueness_is_not_a_rule_for_single_rows():
    with pytest.raises(ValueError, match="id is unique' is not a rule for single rows"):
        breaks_rule(unique("id"))
