"""Decisions of operators about identifiers, and their effect on links."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Row, functions as F

from kinfold.core.errors import ConfError
from kinfold.runtime.keyed_hash import KeyedHash
from kinfold.silver.identity.graph.nodes import node_id
from kinfold.silver.identity.links.observed import link_key_columns
from kinfold.tables.collected import collected

OPERATOR = "operator"
OPERATOR_TRUST = 2.0
"""Higher than the trust of every other rule, so guards try links of operators first."""
_UNLINKED = "an operator unlinked it"
_UNDONE = "the operator who made it took it back"


def decision_row(
    kind: str,
    left: tuple[str, str],
    right: tuple[str, str] | None,
    *,
    reason: str,
    decided_at: datetime,
    hashed: Callable[[str], str],
) -> dict[str, object]:
    """A row of silver.identity_decisions.

    Args:
        left, right: namespace and value of the identifiers; `right` is null if there is only one.
        hashed: the keyed hash of a text: with another hash, the id would tell whose decision it is.
    """
    text = json.dumps([kind, left, right, decided_at.isoformat()])
    return dict(
        decision_id=hashed(text)[:16],
        kind=kind,
        left_namespace=left[0],
        left_value=left[1],
        right_namespace=right[0] if right else None,
        right_value=right[1] if right else None,
        reason=reason,
        decided_at=decided_at,
        withdrawn_at=None,
    )


def with_nodes(decisions: DataFrame, keyed: KeyedHash) -> DataFrame:
    """Rows of silver.identity_decisions with `left_node` and `right_node` (null if there is none).

    The table does not store them: it outlives the key that they are computed with.
    """
    return decisions.withColumns(
        {
            f"{side}_node": F.when(
                F.col(f"{side}_value").isNotNull(),
                node_id(F.col(f"{side}_namespace"), F.col(f"{side}_value"), keyed),
            )
            for side in ("left", "right")
        }
    )


def parsed_identifier(text: str, option: str) -> tuple[str, str]:
    """The two parts of `NAMESPACE:VALUE`.

    Args:
        option: the command-line option, for the message.

    Raises:
        ConfError: the text has another form.
    """
    namespace, colon, value = text.partition(":")
    if not (namespace and colon and value):
        raise ConfError(
            f"{option}: is not of the form NAMESPACE:VALUE. Write e.g. email:ann@example.org, with "
            "the value as in silver.identifiers."
        )
    return namespace, value


def active_decisions(decisions: DataFrame, keyed: KeyedHash) -> list[Row]:
    """The decisions that are not undone, the oldest first, `with_nodes`.

    Args:
        decisions: silver.identity_decisions.
    """
    rows = collected(with_nodes(decisions.where(F.col("withdrawn_at").isNull()), keyed))
    return sorted(rows, key=lambda row: (row["decided_at"], row["decision_id"]))


def decision_nodes(decisions: Sequence[Row], kind: str) -> list[tuple[int, int | None]]:
    """The left and right node of each decision of one kind."""
    return [(row["left_node"], row["right_node"]) for row in decisions if row["kind"] == kind]


def is_unlinked(decisions: Sequence[Row]) -> Column:
    """Whether an operator unlinked an end of a link after the link was first seen.

    Links of older events that arrive later are unlinked too, so a back-fill does not restore them.
    """
    is_hit = F.lit(False)
    for row in decisions:
        if row["kind"] == "unlink":
            ends = (F.col("left_node") == row["left_node"]) | (
                F.col("right_node") == row["left_node"]
            )
            is_hit = is_hit | (ends & (F.col("first_seen_at") <= F.lit(row["decided_at"])))
    return is_hit & (F.col("rule") != OPERATOR)


def is_undone(decisions: Sequence[Row]) -> Column:
    """Whether an operator made a link and every decision to link its ends is undone."""
    is_decided = F.lit(False)
    for row in decisions:
        if row["kind"] == "link":
            ends = F.array(F.lit(row["left_node"]), F.lit(row["right_node"]))
            is_decided = is_decided | (F.array("left_node", "right_node") == ends)
    return (F.col("rule") == OPERATOR) & ~is_decided


def with_decisions(
    links: DataFrame, decisions: Sequence[Row], *, at: datetime, are_observed: bool
) -> DataFrame:
    """Links with status, reason and validity according to the active decisions.

    Args:
        links: silver.identity_links columns; status `blocked` stays.
        at: the end of validity of links that become withdrawn.
        are_observed: events or records contain the links now, so every link that no decision
            withdraws becomes active. Otherwise only links that an operator withdrew do, and those
            that their record no longer has stay withdrawn.
    """
    undone = is_undone(decisions)
    is_withdrawn = is_unlinked(decisions) | undone
    was_withdrawn = F.col("status") == "withdrawn"
    by_operator = F.coalesce(F.col("reason").isin(_UNLINKED, _UNDONE), F.lit(False))
    stays = was_withdrawn & ~by_operator & F.lit(not are_observed)
    status = (
        F.when(is_withdrawn, "withdrawn").when(was_withdrawn, "active").otherwise(F.col("status"))
    )
    valid_to = F.when(is_withdrawn & was_withdrawn, F.col("valid_to")).when(is_withdrawn, F.lit(at))
    why = F.when(undone, _UNDONE).otherwise(_UNLINKED)
    reason = F.when(is_withdrawn, why).when(~was_withdrawn, F.col("reason"))
    new_values = {"status": status, "reason": reason, "valid_to": valid_to}
    return links.select(
        *(c for c in links.columns if c not in new_values),
        *(F.when(stays, F.col(c)).otherwise(new).alias(c) for c, new in new_values.items()),
    )


def operator_links(decisions: DataFrame, keyed: KeyedHash) -> DataFrame:
    """The links of active decisions to link two identifiers.

    Args:
        decisions: silver.identity_decisions.
        keyed: the keyed hash of the lake, for node ids.

    Returns:
        silver.identity_links columns without valid_from, valid_to, status and reason.
    """
    links = decisions.where((F.col("kind") == "link") & F.col("withdrawn_at").isNull())
    return links.select(
        *link_key_columns(F.lit(OPERATOR), keyed),
        "left_namespace",
        "left_value",
        "right_namespace",
        "right_value",
        F.lit(OPERATOR).alias("rule"),
        F.lit("1").alias("rule_version"),
        F.lit(OPERATOR_TRUST).alias("trust"),
        F.lit(None).cast("double").alias("weight"),
        F.lit(OPERATOR).alias("source"),
        F.col("decision_id").alias("source_event_id"),
        F.col("decided_at").alias("first_seen_at"),
        F.col("decided_at").alias("last_seen_at"),
    )
