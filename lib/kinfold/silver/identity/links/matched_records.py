"""Records that say much the same of a person, as links of the identity graph."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, functions as F

from kinfold.silver.identity.graph.nodes import RECORD, record_node
from kinfold.silver.identity.links.observed import link_key_columns
from kinfold.silver.matching.engine import LinkStatus, Matching, scored_links
from kinfold.silver.matching.settings import MatchingSettings, PersonMap

MATCHED = "matched"
MAX_TRUST = 0.88
"""Two records that are surely alike are believed a little less than an e-mail in common."""
_RECORD = "record of the source"


def matched_record_links(
    records: DataFrame, *, attributes: Mapping[str, str], settings: MatchingSettings
) -> tuple[DataFrame, Matching]:
    """Links between records that fuzzy matching takes for one person, and how it went.

    Every record is compared anew with all that share a blocking key, and the model is learnt from
    them: what is linked is a function of the records alone.

    Args:
        records: silver.records.
        attributes: kind by name of the trait, or of the namespace of an identifier, that holds it.

    Returns:
        silver.identity_links columns but valid_from, valid_to, status and reason; the matching.

    Raises:
        ContractError: no record has a value in any of the attributes, or blocks are too large.
    """
    itself = record_node(F.col("source"), F.col("record_id"))["value"]
    values = [
        F.coalesce(F.col("traits")[name], _identifier(name)).alias(name) for name in attributes
    ]
    said = records.select(itself.alias(_RECORD), *values)
    mapping = PersonMap.model_validate({"record_id": _RECORD, "attributes": dict(attributes)})
    matching = scored_links(said, mapping=mapping, settings=settings)
    when = records.select(itself.alias("value"), "changed_at", "source")
    left, right = (
        when.select(
            F.col("value").alias(f"{side}_record_key"),
            F.col("changed_at").alias(f"_{side}_at"),
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
    alike = matching.links().where(F.col("status") == LinkStatus.LINKED.value)
    links = (
        alike.join(left, "left_record_key")
        .join(right, "right_record_key")
        .withColumns(ends)
        .select(
            *link_key_columns(F.lit(MATCHED)),
            *ends,
            F.lit(MATCHED).alias("rule"),
            F.lit(matching.model.version).alias("rule_version"),
            (F.col("match_probability") * MAX_TRUST).alias("trust"),
            F.col("match_weight").alias("weight"),
            F.col("_left_source").alias("source"),
            F.lit(None).cast("string").alias("source_event_id"),
            F.greatest("_left_at", "_right_at").alias("first_seen_at"),
            F.greatest("_left_at", "_right_at").alias("last_seen_at"),
        )
    )
    return links, matching


def _identifier(namespace: str):  # type: ignore[no-untyped-def]
    """The first identifier of a kind."""
    theirs = F.filter("identifiers", lambda one: one["namespace"] == namespace)
    return F.try_element_at(theirs, F.lit(1))["value"]
