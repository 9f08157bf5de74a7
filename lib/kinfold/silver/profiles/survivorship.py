"""Survivorship: which of several values of a trait a profile gets, and its provenance."""

from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window, functions as F, types as T

from kinfold.bronze.events.segment.properties import SEGMENT_MESSAGE
from kinfold.core.json_text import members
from kinfold.core.settings.models import Criterion, SurvivorshipConf, TraitRuleConf
from kinfold.runtime.arrow_frames import python_column, small_slices
from kinfold.tables.bronze import PARTIES


def trait_statements(events: DataFrame, *, records: DataFrame | None = None) -> DataFrame:
    """The values of traits that `identify` events and records report. Blank values are ignored.

    Args:
        events: silver.events with profile_id (see `attributed_events`).
        records: silver.records with profile_id; None for a lake without records.

    Returns:
        One row per trait of an event or record: profile_id, name, value, party (`first` for
        events), source, event_id (null for records), record_id (null for events), changed_at (when
        the event occurred or the record changed).
    """
    statements = events.where(F.col("event_type") == "identify").select(
        "profile_id",
        F.explode(_traits("properties")).alias("name", "value"),
        F.lit("first").alias("party"),
        "source",
        "event_id",
        F.lit(None).cast("string").alias("record_id"),
        F.col("occurred_at").alias("changed_at"),
    )
    if records is not None:
        statements = statements.unionByName(
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
    has_value = F.col("name").isNotNull() & (F.trim("value") != "")
    return statements.where(has_value & (F.col("name") != SEGMENT_MESSAGE))


def trait_texts(properties: str) -> dict[str, str]:
    """The traits in the properties of an `identify` event, as texts, without null and blank ones.

    Numbers, objects and arrays are their JSON texts as sent; of a repeated member the last counts.

    Args:
        properties: a JSON object.
    """
    texts = {}
    for name, (text, value) in members(properties).items():
        if isinstance(value, str):  # a text, or the text of a number
            text = value
        if value is not None and text.strip() and name != SEGMENT_MESSAGE:
            texts[name] = text
    return texts


def _traits(properties: str) -> Column:
    # Python, because Spark's parser changes the spelling of numbers, and refuses long ones.
    def traits(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for batch in batches:
            for part in small_slices(batch):
                entries = [
                    None if text is None else list(trait_texts(text).items())
                    for text in part.to_pylist()
                ]
                yield pa.array(entries, pa.map_(pa.string(), pa.string()))

    return python_column(traits, T.MapType(T.StringType(), T.StringType()))(properties)


def surviving_traits(statements: DataFrame, *, rules: SurvivorshipConf) -> DataFrame:
    """The surviving value of each trait by its rule, with its provenance.

    The criteria of a rule are applied in order, each to the statements that the criteria before it
    rank equal:

    - `party`: first before second before third;
    - `source`: in the order of `sources`; sources that are not listed come last and rank equal;
    - `most_recent`: the latest changed_at;
    - `most_frequent`: the value of the most statements, ignoring leading and trailing blanks.

    Remaining ties go to the latest statement, then to a record before an event, then to the larger
    id.

    Args:
        statements: see `trait_statements`.

    Returns:
        One row per person with a trait: profile_id, traits (name to value) and trait_sources (name
        to source, event_id, record_id, changed_at and rule).
    """
    origin = F.when(F.col("record_id").isNull(), F.concat(F.lit("event "), "event_id")).otherwise(
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
        .withColumn("statement", F.struct("value", provenance.alias("provenance")))
        .groupBy("profile_id", "name")
        .agg(F.max_by("statement", F.struct(rank, "changed_at", origin)).alias("survivor"))
    )
    return survivors.groupBy("profile_id").agg(
        _map_by_name("survivor.value").alias("traits"),
        _map_by_name("survivor.provenance").alias("trait_sources"),
    )


def _with_frequency(statements: DataFrame, rules: SurvivorshipConf) -> DataFrame:
    """`statements` with `frequency`, for the criterion `most_frequent`.

    The frequency is the number of statements with the same value, among those that the criteria
    before `most_frequent` rank equal. It costs a shuffle, so it is computed only if a rule uses it.
    """
    every_rule = [rules.usual, *map(rules.rule_of, rules.traits)]
    if not any("most_frequent" in rule.rule for rule in every_rule):
        return statements
    before = _by_rule(rules, lambda rule: _ranks(rule, _criteria_before_frequency(rule)))
    same_value = Window.partitionBy("profile_id", "name", F.trim("value"), before)
    return statements.withColumn("frequency", F.count(F.lit(1)).over(same_value))


def _criteria_before_frequency(rule: TraitRuleConf) -> tuple[Criterion, ...]:
    end = rule.rule.index("most_frequent") if "most_frequent" in rule.rule else 0
    return rule.rule[:end]


def _ranks(rule: TraitRuleConf, criteria: tuple[Criterion, ...]) -> Column:
    """The rank of a statement by each criterion; higher is better. Arrays compare in order."""
    return F.array(*(_rank(rule, criterion) for criterion in criteria)).cast("array<bigint>")


def _rank(rule: TraitRuleConf, criterion: Criterion) -> Column:
    if criterion == "most_recent":
        return F.unix_micros("changed_at")
    if criterion == "most_frequent":
        return F.col("frequency")
    if criterion == "party":
        return _preference(F.col("party"), tuple(PARTIES))
    return _preference(F.col("source"), rule.sources)


def _preference(name: Column, best_first: tuple[str, ...]) -> Column:
    """Minus the index of the name in the list; names that are not listed get the lowest value."""
    ranks = F.create_map(
        *(F.lit(part) for index, listed in enumerate(best_first) for part in (listed, -index))
    )
    return F.coalesce(F.try_element_at(ranks, name), F.lit(-len(best_first)))


def _by_rule(rules: SurvivorshipConf, of: Callable[[TraitRuleConf], Column]) -> Column:
    """`of` applied to the rule of the row's trait."""
    chosen = of(rules.usual)
    for name in rules.traits:
        chosen = F.when(F.col("name") == name, of(rules.rule_of(name))).otherwise(chosen)
    return chosen


def _map_by_name(column: str) -> Column:
    return F.map_from_entries(F.array_sort(F.collect_list(F.struct("name", column))))
