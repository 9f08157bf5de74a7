"""Survivorship: which of several values of a trait a profile has, and who said it."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession, functions as F

from frames import assert_rows, at
from kinfold.core.settings.models import SurvivorshipConf, TraitRuleConf
from kinfold.silver.profiles.survivorship import surviving_traits, trait_statements
from kinfold.tables import silver

STATEMENT = (
    "profile_id string, name string, value string, party string, source string, "
    "event_id string, record_id string, changed_at timestamp"
)
COLUMNS = [part.split()[0] for part in STATEMENT.split(", ")]
USUAL = SurvivorshipConf()


def statements(spark: SparkSession, *rows: Mapping[str, Any]) -> DataFrame:
    """Statements about the city of person p, by events of the shop unless said otherwise."""
    usual = dict(profile_id="p", name="city", party="first", source="shop", changed_at="09:00")
    full = [usual | {"event_id": f"e{number}"} | dict(row) for number, row in enumerate(rows)]
    for row in full:
        row["changed_at"] = at(row["changed_at"])
        if row.get("record_id"):
            row["event_id"] = None
    return spark.createDataFrame(
        [tuple(row.get(column) for column in COLUMNS) for row in full], STATEMENT
    )


def survivors(
    spark: SparkSession, *rows: Mapping[str, Any], rules: SurvivorshipConf = USUAL
) -> dict[str, str]:
    (row,) = surviving_traits(statements(spark, *rows), rules=rules).collect()
    return dict(row["traits"])


def said(value: str, changed_at: str = "09:00", **more: Any) -> dict[str, Any]:
    return dict(value=value, changed_at=changed_at, **more)


def test_unless_told_otherwise_the_first_party_beats_the_others_and_then_the_newest_wins(spark):
    known = survivors(
        spark,
        said("York", "09:00"),
        said("Bath", "10:00"),
        said("Ely", "11:00", party="second"),
        said("Hull", "12:00", party="third"),
        said("2", "11:00", name="children", party="second"),
        said("0", "12:00", name="children", party="third"),
        said("yes", "12:00", name="car", party="third"),
    )
    assert known == {"city": "Bath", "children": "2", "car": "yes"}


def test_sources_are_trusted_in_their_order_and_those_not_named_come_last(spark):
    rules = SurvivorshipConf(rule=("source", "most_recent"), sources=("crm", "shop"))
    known = survivors(
        spark,
        said("York", "09:00", source="crm", party="third"),
        said("Bath", "10:00", source="shop"),
        said("Ely", "11:00", source="other"),
        said("gold", "09:00", name="tier", source="other"),
        said("basic", "10:00", name="tier", source="another"),
        rules=rules,
    )
    assert known == {"city": "York", "tier": "basic"}


def test_the_most_frequent_value_wins_and_outer_blanks_do_not_count(spark):
    rules = SurvivorshipConf(rule=("most_frequent",))
    known = survivors(
        spark,
        said("York", "09:00"),
        said("York ", "10:00"),
        said("Bath", "12:00"),
        said("gold", "10:00", name="tier"),
        said("basic", "09:00", name="tier"),
        rules=rules,
    )
    assert known == {"city": "York ", "tier": "gold"}


def test_frequency_is_counted_among_what_the_criteria_before_it_leave(spark):
    """The first party says Bath twice; that the third says York three times is no matter."""
    rules = SurvivorshipConf(rule=("party", "most_frequent"))
    known = survivors(
        spark,
        said("Bath"),
        said("Bath"),
        said("York", "10:00"),
        *(said("York", "11:00", party="third") for _ in range(3)),
        rules=rules,
    )
    assert known == {"city": "Bath"}


def test_a_trait_may_have_a_rule_and_an_order_of_sources_of_its_own(spark):
    rules = SurvivorshipConf(
        sources=("crm",),
        traits={
            "city": TraitRuleConf(rule=("most_frequent",)),
            "tier": TraitRuleConf(rule=("source",), sources=("loyalty", "crm")),
            "name": TraitRuleConf(rule=("source",)),
        },
    )
    rows = [said("York"), said("York"), said("Bath", "10:00")]
    for name in ("tier", "name", "street"):
        rows += [
            said("of crm", "09:00", name=name, source="crm"),
            said("of loyalty", "10:00", name=name, source="loyalty"),
            said("of shop", "11:00", name=name),
        ]
    assert survivors(spark, *rows, rules=rules) == {
        "city": "York",
        "tier": "of loyalty",
        "name": "of crm",
        "street": "of shop",
    }


def test_of_the_same_moment_the_larger_event_wins_and_a_record_beats_an_event(spark):
    same = [said("York", event_id="e1"), said("Bath", event_id="e2"), said("Ely", event_id="e0")]
    assert survivors(spark, *same) == {"city": "Bath"}
    records = [said("Hull", record_id="1"), said("Leeds", record_id="2")]
    assert survivors(spark, *records, *same) == {"city": "Leeds"}


def test_provenance_names_the_source_the_event_or_record_and_the_rule(spark):
    rules = SurvivorshipConf(traits={"tier": TraitRuleConf(rule=("most_frequent", "party"))})
    actual = surviving_traits(
        statements(
            spark,
            said("York", "09:00", event_id="e1"),
            said("Bath", "10:00", event_id="e2"),
            said("gold", "11:00", name="tier", source="crm", record_id="r7", party="second"),
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


def test_statements_are_traits_of_identify_events_and_records_that_have_a_value(spark):
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


def test_nothing_said_gives_no_row(spark):
    assert surviving_traits(statements(spark), rules=USUAL).count() == 0


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
def test_any_statements_in_any_order_give_what_a_plain_loop_gives(spark, rules):
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
    said_by = defaultdict(list)
    for row in rows:
        said_by[row["profile_id"], row["name"]].append(row)
    expected = {key: chosen(about, rules.rule_of(key[1])) for key, about in said_by.items()}
    for order in (rows, rows[::-1]):
        actual = surviving_traits(statements(spark, *order).repartition(3), rules=rules)
        found = actual.select(
            "profile_id", F.explode("traits").alias("name", "value"), "trait_sources"
        ).collect()
        assert {
            (row["profile_id"], row["name"]): (
                row["value"],
                row["trait_sources"][row["name"]]["event_id"]
                or row["trait_sources"][row["name"]]["record_id"],
            )
            for row in found
        } == expected


def chosen(about: list[dict[str, Any]], rule: TraitRuleConf) -> tuple[str, str]:
    """Value and id of the statement that survives: criterion by criterion, the best are kept."""
    left = about
    for criterion in (*rule.rule, "most_recent"):
        count = Counter(row["value"].strip() for row in left)
        by_party = {"first": 0, "second": -1, "third": -2}
        by_source = {name: -place for place, name in enumerate(rule.sources)}
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
