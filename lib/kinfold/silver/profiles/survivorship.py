"""Survivorship: of all that was said about a trait, the value that counts, and who said it."""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window, functions as F

from kinfold.bronze.events.segment import REST as SEGMENT_REST
from kinfold.core.settings.models import Criterion, SurvivorshipConf, TraitRuleConf
from kinfold.tables.bronze import PARTIES


def trait_statements(events: DataFrame, *, records: DataFrame | None = None) -> DataFrame:
    """What `identify` events and records say about traits; nulls and blanks say nothing.

    Args:
        events: silver.events with profile_id (see `attributed_events`).
        records: silver.records with profile_id; null for a lake without.

    Returns:
        One row per trait of an event or record: profile_id, name, value, party (`first` of events),
        source, event_id (null of records), record_id (null of events), changed_at (when the event
        occurred, when the record changed).
    """
    said = events.where(F.col("event_type") == "identify").select(
        "profile_id",
        F.explode(F.from_json("properties", "map<string,string>")).alias("name", "value"),
        F.lit("first").alias("party"),
        "source",
        "event_id",
        F.lit(None).cast("string").alias("record_id"),
        F.col("occurred_at").alias("changed_at"),
    )
    if records is not None:
        said = said.unionByName(
            records.select(
                "profile_id",
                F.explode("traits").alias("name", "value"),
                "party",
                "source",
                F.lit(None).cast("string").alias("event_id"),
                "record_id",
                "changed_at",
            )
        )
    is_said = F.col("name").isNotNull() & (F.trim("value") != "")
    return said.where(is_said & (F.col("name") != SEGMENT_REST))


def surviving_traits(statements: DataFrame, *, rules: SurvivorshipConf) -> DataFrame:
    """The value of each trait by its rule, with its provenance.

    The criteria of the rule are compared in their order, each among what those before it leave
    open:

    - `party`: first before second before third;
    - `source`: as `sources` lists them, those it leaves out after them, equal among themselves;
    - `most_recent`: the latest changed_at;
    - `most_frequent`: the value that most events and records give, outer blanks apart.

    What is open then goes to the latest statement; of the same moment a record beats an event, and
    the larger id the smaller.

    Args:
        statements: see `trait_statements`.

    Returns:
        One row per person with a trait: profile_id, traits (name to value) and trait_sources (name
        to source, event_id, record_id, changed_at and rule).
    """
    teller = F.when(F.col("record_id").isNull(), F.concat(F.lit("event "), "event_id")).otherwise(
        F.concat(F.lit("record "), F.to_json(F.array("source", "record_id")))
    )
    rank = _by_rule(rules, lambda rule: _ranks(rule, rule.rule))
    provenance = F.struct(
        "source",
        "event_id",
        "record_id",
        "changed_at",
        _by_rule(rules, lambda rule: F.lit(", ".join(rule.rule))).alias("rule"),
    )
    survivors = (
        _with_frequency(statements, rules)
        .withColumn("told", F.struct("value", provenance.alias("provenance")))
        .groupBy("profile_id", "name")
        .agg(F.max_by("told", F.struct(rank, "changed_at", teller)).alias("told"))
    )
    return survivors.groupBy("profile_id").agg(
        _map_by_name("told.value").alias("traits"),
        _map_by_name("told.provenance").alias("trait_sources"),
    )


def _with_frequency(statements: DataFrame, rules: SurvivorshipConf) -> DataFrame:
    """`statements` and `frequency`: how many of those that the criteria before it leave equal give
    the same value. Counted only where a rule asks: it costs a shuffle."""
    every_rule = [rules.usual, *map(rules.rule_of, rules.traits)]
    if not any("most_frequent" in rule.rule for rule in every_rule):
        return statements
    before = _by_rule(rules, lambda rule: _ranks(rule, _criteria_before_frequency(rule)))
    alike = Window.partitionBy("profile_id", "name", F.trim("value"), before)
    return statements.withColumn("frequency", F.count(F.lit(1)).over(alike))


def _criteria_before_frequency(rule: TraitRuleConf) -> tuple[Criterion, ...]:
    counted = rule.rule.index("most_frequent") if "most_frequent" in rule.rule else 0
    return rule.rule[:counted]


def _ranks(rule: TraitRuleConf, criteria: tuple[Criterion, ...]) -> Column:
    """The statement by each of the criteria, as an array that compares like their order; more is
    better."""
    return F.array(*(_rank(rule, criterion) for criterion in criteria)).cast("array<bigint>")


def _rank(rule: TraitRuleConf, criterion: Criterion) -> Column:
    if criterion == "most_recent":
        return F.unix_micros("changed_at")
    if criterion == "most_frequent":
        return F.col("frequency")
    if criterion == "party":
        return _place(F.col("party"), tuple(PARTIES))
    return _place(F.col("source"), rule.sources)


def _place(name: Column, best_first: tuple[str, ...]) -> Column:
    """Less by one for each place further back; names that are not listed come last."""
    places = F.create_map(
        *(F.lit(part) for at, one in enumerate(best_first) for part in (one, -at))
    )
    return F.coalesce(F.try_element_at(places, name), F.lit(-len(best_first)))


def _by_rule(rules: SurvivorshipConf, of: Callable[[TraitRuleConf], Column]) -> Column:
    """`of` the rule that each row's trait has."""
    chosen = of(rules.usual)
    for name in rules.traits:
        chosen = F.when(F.col("name") == name, of(rules.rule_of(name))).otherwise(chosen)
    return chosen


def _map_by_name(column: str) -> Column:
    return F.map_from_entries(F.array_sort(F.collect_list(F.struct("name", column))))
