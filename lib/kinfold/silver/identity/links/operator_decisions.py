"""What operators decide about identifiers, and what follows for links."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Row, functions as F

from kinfold.core.errors import ConfError
from kinfold.silver.identity.graph.nodes import node_id
from kinfold.silver.identity.links.observed import link_key_columns
from kinfold.tables import silver

OPERATOR = "operator"
_BY_OPERATOR = "an operator unlinked it"
_TAKEN_BACK = "the operator who made it took it back"


def decision_row(
    kind: str,
    left: tuple[str, str],
    right: tuple[str, str] | None,
    *,
    reason: str,
    decided_at: datetime,
) -> dict[str, object]:
    """A row of silver.identity_decisions but the nodes, which Spark computes."""
    text = json.dumps([kind, left, right, decided_at.isoformat()])
    return dict(
        decision_id=hashlib.sha256(text.encode()).hexdigest()[:16],
        kind=kind,
        left_namespace=left[0],
        left_value=left[1],
        right_namespace=right[0] if right else None,
        right_value=right[1] if right else None,
        reason=reason,
        decided_at=decided_at,
        withdrawn_at=None,
    )


def parsed_identifier(text: str, option: str) -> tuple[str, str]:
    """`namespace:value` as two parts.

    Raises:
        ConfError: it has another form.
    """
    namespace, colon, value = text.partition(":")
    if not (namespace and colon and value):
        raise ConfError(
            f"{option}: is not of the form NAMESPACE:VALUE. Write e.g. email:ann@example.org, with "
            "the value as silver.identifiers has it."
        )
    return namespace, value


def active_decisions(decisions: DataFrame) -> list[Row]:
    """The decisions that hold today, the oldest first."""
    rows = decisions.where(F.col("withdrawn_at").isNull()).collect()
    return sorted(rows, key=lambda row: (row["decided_at"], row["decision_id"]))


def is_unlinked(decisions: Sequence[Row]) -> Column:
    """Whether a link was taken away: one end was unlinked after the link was first seen.

    What arrives later and was seen before falls under it too, so no back-fill brings it again.
    """
    hit = F.lit(False)
    for row in decisions:
        if row["kind"] == "unlink":
            ends = (F.col("left_node") == row["left_node"]) | (
                F.col("right_node") == row["left_node"]
            )
            hit = hit | (ends & (F.col("first_seen_at") <= F.lit(row["decided_at"])))
    return hit & (F.col("rule") != OPERATOR)


def is_undone(decisions: Sequence[Row]) -> Column:
    """Whether an operator made the link and no decision to link its ends holds any more."""
    held = F.lit(False)
    for row in decisions:
        if row["kind"] == "link":
            ends = F.array(F.lit(row["left_node"]), F.lit(row["right_node"]))
            held = held | (F.array("left_node", "right_node") == ends)
    return (F.col("rule") == OPERATOR) & ~held


def with_decisions(
    links: DataFrame, decisions: Sequence[Row], *, at: datetime, are_said: bool
) -> DataFrame:
    """Links with status, reason and validity as decisions have them.

    Args:
        links: silver.identity_links columns; status `blocked` stays.
        at: when those that change are withdrawn.
        are_said: events or records say the links now; else only what operators withdrew comes back,
            and not what its record no longer says.
    """
    is_back = is_undone(decisions)
    gone = is_unlinked(decisions) | is_back
    was_gone = F.col("status") == "withdrawn"
    by_operator = F.coalesce(F.col("reason").isin(_BY_OPERATOR, _TAKEN_BACK), F.lit(False))
    stays = was_gone & ~by_operator & F.lit(not are_said)
    status = F.when(gone, "withdrawn").when(was_gone, "active").otherwise(F.col("status"))
    ended = F.when(gone & was_gone, F.col("valid_to")).when(gone, F.lit(at))
    why = F.when(is_back, _TAKEN_BACK).otherwise(_BY_OPERATOR)
    reason = F.when(gone, why).when(~was_gone, F.col("reason"))
    news = {"status": status, "reason": reason, "valid_to": ended}
    return links.select(
        *(c for c in links.columns if c not in news),
        *(F.when(stays, F.col(c)).otherwise(new).alias(c) for c, new in news.items()),
    )


def operator_links(decisions: DataFrame) -> DataFrame:
    """Links that operators made: silver.identity_links columns but validity, status and reason."""
    made = decisions.where((F.col("kind") == "link") & F.col("withdrawn_at").isNull())
    return made.select(
        *link_key_columns(F.lit(OPERATOR)),
        "left_namespace",
        "left_value",
        "right_namespace",
        "right_value",
        F.lit(OPERATOR).alias("rule"),
        F.lit("1").alias("rule_version"),
        F.lit(2.0).alias("trust"),
        F.lit(None).cast("double").alias("weight"),
        F.lit(OPERATOR).alias("source"),
        F.col("decision_id").alias("source_event_id"),
        F.col("decided_at").alias("first_seen_at"),
        F.col("decided_at").alias("last_seen_at"),
    )


def decision_nodes(decisions: Sequence[Row], kind: str) -> list[tuple[int, int | None]]:
    """The nodes that decisions of a kind name."""
    return [(row["left_node"], row["right_node"]) for row in decisions if row["kind"] == kind]


def decision_rows(frame: DataFrame) -> DataFrame:
    """Rows of `decision_row` with their nodes."""
    right = F.when(
        F.col("right_value").isNotNull(), node_id(F.col("right_namespace"), F.col("right_value"))
    )
    left = node_id(F.col("left_namespace"), F.col("left_value"))
    return silver.IDENTITY_DECISIONS.conform(
        frame.withColumns({"left_node": left, "right_node": right})
    )
