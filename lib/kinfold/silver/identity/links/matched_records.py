"""Records that fuzzy matching finds to be one person, as links of the identity graph."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, functions as F

from kinfold.runtime.keyed_hash import KeyedHash
from kinfold.silver.cleansing.dates import seen_at
from kinfold.silver.identity.graph.nodes import RECORD, record_node
from kinfold.silver.identity.links.match_memory import match_salt
from kinfold.silver.identity.links.observed import link_key_columns, record_since
from kinfold.silver.matching.engine import Matching, scored_links
from kinfold.silver.matching.scored_pairs import MatchMemory
from kinfold.silver.matching.settings import MatchingSettings, PersonMap

MATCHED = "matched"
MAX_TRUST = 0.88
"""Trust of a match with probability 1: a little less than that of a common e-mail address."""
_RECORD = "record of the source"


def matched_record_links(
    records: DataFrame,
    keyed: KeyedHash,
    *,
    attributes: Mapping[str, str],
    settings: MatchingSettings,
    memory: MatchMemory | None = None,
) -> tuple[DataFrame, Matching]:
    """Links between records that fuzzy matching finds to be one person, and the matching result.

    Every record is compared with all records that share a blocking key. The links are a function
    of the records and the model.

    Args:
        records: silver.records.
        keyed: the keyed hash of the lake, for node ids.
        attributes: kind of attribute by the name of the trait, or of the identifier namespace, that
            has its value.
        memory: model and compared pairs of an earlier run; null = learn and compare all.

    Returns:
        silver.identity_links columns without valid_from, valid_to, status and reason; the matching.

    Raises:
        ContractError: no record has a value in any of the attributes, or blocks are too large.
    """
    itself = record_node(F.col("source"), F.col("record_id"))["value"]
    values = [
        F.coalesce(F.col("traits")[name], _first_identifier(name)).alias(name)
        for name in attributes
    ]
    mapping = PersonMap.model_validate({"record_id": _RECORD, "attributes": dict(attributes)})
    matching = scored_links(
        records.select(itself.alias(_RECORD), *values),
        mapping=mapping,
        settings=settings,
        salt=match_salt(keyed),
        memory=memory,
    )
    changed_at = seen_at("changed_at", "ingested_at").alias("changed_at")
    since = record_since().alias("since")
    lineage = records.select(itself.alias("value"), changed_at, since, "source")
    return _identity_links(matching, lineage, keyed), matching


def _identity_links(matching: Matching, lineage: DataFrame, keyed: KeyedHash) -> DataFrame:
    """The linked pairs of a matching as links of the graph.

    Args:
        lineage: value (of the record's node), changed_at, since, source; one row per record.
    """
    left, right = (
        lineage.select(
            F.col("value").alias(f"{side}_record_key"),
            F.col("changed_at").alias(f"_{side}_at"),
            F.col("since").alias(f"_{side}_since"),
            F.col("source").alias(f"_{side}_source"),
        )
        for side in ("left", "right")
    )
    ends = {
        "left_namespace": F.lit(RECORD),
        "left_value": F.least("left_record_key", "right_record_key"),
        "right_namespace": F.lit(RECORD),
        "right_value": F.greatest("left_record_key", "right_record_key"),
    }
    linked = matching.links(are_linked=True)
    return (
        linked.join(left, "left_record_key")
        .join(right, "right_record_key")
        .withColumns(ends)
        .select(
            *link_key_columns(F.lit(MATCHED), keyed),
            *ends,
            F.lit(MATCHED).alias("rule"),
            F.lit(matching.model.version).alias("rule_version"),
            (F.col("match_probability") * MAX_TRUST).alias("trust"),
            F.col("match_weight").alias("weight"),
            F.col("_left_source").alias("source"),
            F.lit(None).cast("string").alias("source_event_id"),
            F.greatest("_left_since", "_right_since").alias("first_seen_at"),
            F.greatest("_left_at", "_right_at").alias("last_seen_at"),
        )
    )


def _first_identifier(namespace: str) -> Column:
    """The value of a record's first identifier of a namespace; null if it has none."""
    theirs = F.filter("identifiers", lambda one: one["namespace"] == namespace)
    return F.try_element_at(theirs, F.lit(1))["value"]
