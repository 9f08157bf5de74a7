"""Survivorship: which of several values of a trait a profile gets, and its provenance."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from frames import assert_rows, at
from kinfold.core.settings.models import SurvivorshipConf, TraitRuleConf
from kinfold.silver.profiles.survivorship import surviving_traits, trait_statements, trait_texts
from kinfold.tables import silver

STATEMENT = (
    "profile_id string, name string, value string, party string, source string, "
    "event_id string, record_id string, changed_at timestamp"
)
COLUMNS = [part.split()[0] for part in STATEMENT.split(", ")]
DEFAULT_RULES = SurvivorshipConf()


def statements(spark: SparkSession, *rows: Mapping[str, Any]) -> DataFrame:
    """Statements about the city of person p; by default from events of the shop."""
    default = dict(profile_id="p", name="city", party="first", source="shop", changed_at="09:00")
    full = [default | {"event_id": f"e{number}"} | dict(row) for number, row in enumerate(rows)]
    for row in full:
        row["changed_at"] = at(row["changed_at"])
        if row.get("record_id"):
            row["event_id"] = None
    return spark.createDataFrame(
        [tuple(row.get(column) for column in COLUMNS) for row in full], STATEMENT
    )


def survivors(
    spark: SparkSession, *rows: Mapping[str, Any], rules: SurvivorshipConf = DEFAULT_RULES
) -> dict[str, str]:
    (row,) = surviving_traits(statements(spark, *rows), rules=rules).collect()
    return dict(row["traits"])


def stated(value: str, changed_at: str = "09:00", **more: Any) -> dict[str, Any]:
    return dict(value=value, changed_at=changed_at, **more)


def test_by_default_the_first_party_wins_and_then_the_newest_value(spark):
    known = survivors(
        spark,
        stated("York", "09:00"),
        stated("Bath", "10:00"),
        stated("Ely", "11:00", party="second"),
        stated("Hull", "12:00", party="third"),
        stated("2", "11:00", name="children", party="second"),
        stated("0", "12:00", name="children", party="third"),
        stated("yes", "12:00", name="car", party="third"),
    )
    assert known == {"city": "Bath", "children": "2", "car": "yes"}


def test_sources_win_in_their_order_and_sources_that_are_not_listed_come_last(spark):
    rules = SurvivorshipConf(rule=("source", "most_recent"), sources=("crm", "shop"))
    known = survivors(
        spark,
        stated("York", "09:00", source="crm", party="third"),
        stated("Bath", "10:00", source="shop"),
        stated("Ely", "11:00", source="other"),
        stated("gold", "09:00", name="tier", source="other"),
        stated("basic", "10:00", name="tier", source="another"),
        rules=rules,
    )
    assert known == {"city": "York", "tier": "basic"}


def test_the_most_frequent_value_wins_and_leading_and_trailing_blanks_are_ignored(spark):
    rules = SurvivorshipConf(rule=("most_frequent",))
    known = survivors(
        spark,
        stated("York", "09:00"),
        stated("York ", "10:00"),
        stated("Bath", "12:00"),
        stated("gold", "10:00", name="tier"),
        stated("basic", "09:00", name="tier"),
        rules=rules,
    )
    assert known == {"city": "York ", "tier": "gold"}


def test_frequency_is_counted_among_the_statements_that_earlier_criteria_rank_equal(spark):
    """Bath occurs twice in first-party data; York occurs more often, but in third-party data."""
    rules = SurvivorshipConf(rule=("party", "most_frequent"))
    known = survivors(
        spark,
        stated("Bath"),
        stated("Bath"),
        stated("York", "10:00"),
        *(stated("York", "11:00", party="third") for _ in range(3)),
        rules=rules,
    )
    assert known == {"city": "Bath"}


def test_a_trait_can_have_its_own_rule_and_its_own_order_of_sources(spark):
    rules = SurvivorshipConf(
        sources=("crm",),
        traits={
            "city": TraitRuleConf(rule=("most_frequent",)),
            "tier": TraitRuleConf(rule=("source",), sources=("loyalty", "crm")),
            "name": TraitRuleConf(rule=("source",)),
        },
    )
    rows = [stated("York"), stated("York"), stated("Bath", "10:00")]
    for name in ("tier", "name", "street"):
        rows += [
            stated("of crm", "09:00", name=name, source="crm"),
            stated("of loyalty", "10:00", name=name, source="loyalty"),
            stated("of shop", "11:00", name=name),
        ]
    assert survivors(spark, *rows, rules=rules) == {
        "city": "York",
        "tier": "of loyalty",
        "name": "of crm",
        "street": "of shop",
    }


def test_at_the_same_moment_a_record_wins_over_an_event_and_a_larger_id_over_a_smaller(spark):
    same = [
        stated("York", event_id="e1"),
        stated("Bath", event_id="e2"),
        stated("Ely", event_id="e0"),
    ]
    assert survivors(spark, *same) == {"city": "Bath"}
    records = [stated("Hull", record_id="1"), stated("Leeds", record_id="2")]
    assert survivors(spark, *records, *same) == {"city": "Leeds"}


def test_provenance_has_the_source_the_event_or_record_and_the_rule(spark):
    rules = SurvivorshipConf(traits={"tier": TraitRuleConf(rule=("most_frequent", "party"))})
    actual = surviving_traits(
        statements(
            spark,
            stated("York", "09:00", event_id="e1"),
            stated("Bath", "10:00", event_id="e2"),
            stated("gold", "11:00", name="tier", source="crm", record_id="r7", party="second"),
        ),
        rules=rules,
    )
    assert_rows(
        actual,
        ["profile_id", "trait_sources"],
        [
            (
                "p",
                {
                    "city": ("shop", "e2", None, at("10:00"), "party, most_recent"),
                    "tier": ("crm", None, "r7", at("11:00"), "most_frequent, party"),
                },
            )
        ],
    )


def test_statements_are_the_traits_with_a_value_of_identify_events_and_records(spark):
    identify = dict(event_type="identify", source="shop", occurred_at=at("09:00"))
    traits = {"city": "York", "tier": "  ", "age": None, "segment_message": "{}"}
    person = spark.createDataFrame([("p",)], "profile_id string")
    events = silver.EVENTS.frame(
        spark,
        dict(identify, event_id="e1", properties=json.dumps(traits)),
        dict(identify, event_id="e2", properties=None),
        dict(identify, event_id="e3", event_type="login", properties='{"method": "link"}'),
    ).crossJoin(person)
    records = silver.RECORDS.frame(
        spark,
        dict(
            source="crm",
            record_id="r1",
            party="third",
            changed_at=at("10:00"),
            traits={"city": "Bath"},
        ),
    ).crossJoin(person)
    assert_rows(
        trait_statements(events, records=records),
        COLUMNS,
        [
            ("p", "city", "York", "first", "shop", "e1", None, at("09:00")),
            ("p", "city", "Bath", "third", "crm", None, "r1", at("10:00")),
        ],
    )
    assert trait_statements(events).count() == 1


def test_numbers_lists_and_objects_are_traits_as_they_were_sent():
    text = """{"rate": 0.10, "points":12345678901234567890.5,"factor": 1e2, "vip":true,
        "tags": ["a",  1.0], "pet": {"age": 2.50}, "name": "Zo\\u00eb \\"Z\\"", "gone": "x",
        "blank": " \\n", "none": null, "gone": null, "segment_message": {"a": 1}}"""
    assert trait_texts(text) == {
        "rate": "0.10",
        "points": "12345678901234567890.5",
        "factor": "1e2",
        "vip": "true",
        "tags": '["a",  1.0]',
        "pet": '{"age": 2.50}',
        "name": 'Zo\u00eb "Z"',
    }
    assert trait_texts("{}") == {}


def test_no_statements_give_no_row(spark):
    assert surviving_traits(statements(spark), rules=DEFAULT_RULES).count() == 0


SOURCES = ("crm", "shop", "loyalty")
RULES = [
    SurvivorshipConf(),
    SurvivorshipConf(rule=("most_frequent", "most_recent")),
    SurvivorshipConf(rule=("party", "most_frequent")),
    SurvivorshipConf(
        rule=("source", "most_frequent", "party"),
        sources=("loyalty", "crm"),
        traits={"city": TraitRuleConf(rule=("most_recent", "source"), sources=("shop",))},
    ),
]


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "-".join(rules.rule))
def test_random_statements_in_any_order_give_the_same_result_as_a_plain_loop(spark, rules):
    draw = random.Random(7)
    rows = [
        dict(
            profile_id=f"p{draw.randrange(60)}",
            name=draw.choice(["city", "tier"]),
            value=draw.choice(["a", "b", " b", "c"]),
            party=draw.choice(["first", "second", "third"]),
            source=draw.choice(SOURCES),
            changed_at=f"0{draw.randrange(4)}:00",
            **({"record_id": f"r{number}"} if draw.random() < 0.4 else {"event_id": f"e{number}"}),
        )
        for number in range(900)
    ]
    statements_by_trait = defaultdict(list)
    for row in rows:
        statements_by_trait[row["profile_id"], row["name"]].append(row)
    expected = {
        key: survivor(about, rules.rule_of(key[1])) for key, about in statements_by_trait.items()
    }
    for order in (rows, rows[::-1]):
        actual = surviving_traits(statements(spark, *order).repartition(3), rules=rules)
        collected = actual.select(
            "profile_id", F.explode("traits").alias("name", "value"), "trait_sources"
        ).collect()
        assert {
            (row["profile_id"], row["name"]): (
                row["value"],
                row["trait_sources"][row["name"]]["event_id"]
                or row["trait_sources"][row["name"]]["record_id"],
            )
            for row in collected
        } == expected


def survivor(about: list[dict[str, Any]], rule: TraitRuleConf) -> tuple[str, str]:
    """Value and id of the surviving statement: each criterion keeps the best statements."""
    left = about
    for criterion in (*rule.rule, "most_recent"):
        count = Counter(row["value"].strip() for row in left)
        by_party = {"first": 0, "second": -1, "third": -2}
        by_source = {name: -index for index, name in enumerate(rule.sources)}
        mark = {
            "party": lambda row, by=by_party: by[row["party"]],
            "source": lambda row, by=by_source: by.get(row["source"], -9),
            "most_recent": lambda row: row["changed_at"],
            "most_frequent": lambda row, by=count: by[row["value"].strip()],
        }[criterion]
        best = max(mark(row) for row in left)
        left = [row for row in left if mark(row) == best]
    last = max(
        left,
        key=lambda row: (
            f'record ["{row["source"]}","{row["record_id"]}"]'
            if "record_id" in row
            else f"event {row['event_id']}"
        ),
    )
    return last["value"], last.get("event_id") or last["record_id"]
