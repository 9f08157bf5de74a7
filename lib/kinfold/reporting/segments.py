"""What the people of each segment are worth, and what they have agreed to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, functions as F

from kinfold.core.wording import counted, money_text, percent_text
from kinfold.tables.collected import collected

NOT_PASSED = "none: no version has passed its gate"
"""What the report says of a model without a champion that could be trained."""
_PURPOSES_ON_A_CARD = 3


def segment_values(members: DataFrame, profiles: DataFrame) -> dict[int, dict[str, Any]]:
    """The people of each segment by id, with their orders and consent. Runs two Spark jobs.

    Args:
        members: gold.segment_members.
        profiles: silver.profiles. A member without a profile counts as a person without orders.

    Returns:
        members: number of people; buyers: those with an order; revenue_cents and currency: of all
        their orders, minus refunds, in the reporting currency; consent: people who have granted
        each purpose.
    """
    people = members.select("profile_id", "segment_id").join(
        profiles.select("profile_id", "order_count", "revenue_cents", "currency", "consent"),
        "profile_id",
        how="left",
    )
    totals = people.groupBy("segment_id").agg(
        F.count(F.lit(1)).alias("members"),
        F.count_if(F.col("order_count") > 0).alias("buyers"),
        # Not null for a sum of whole numbers that does not fit: a double is exact enough here.
        F.coalesce(F.sum(F.col("revenue_cents").cast("double")), F.lit(0.0)).alias("revenue_cents"),
        F.max("currency").alias("currency"),
    )
    granted = (
        people.select("segment_id", F.explode("consent").alias("purpose", "decision"))
        .where(F.col("decision") == "granted")
        .groupBy("segment_id", "purpose")
        .agg(F.count(F.lit(1)).alias("people"))
    )
    values = {
        int(row["segment_id"]): {
            "members": int(row["members"]),
            "buyers": int(row["buyers"]),
            "revenue_cents": float(row["revenue_cents"]),
            "currency": row["currency"],
            "consent": {},
        }
        for row in collected(totals)
    }
    for row in collected(granted.orderBy("purpose")):
        values[int(row["segment_id"])]["consent"][row["purpose"]] = int(row["people"])
    return values


def segment_facts(
    card: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """What the page says of the people of a segment: pairs of a label and a value.

    Args:
        card: one of `cards`.
        cards: all segments of the summary.
    """
    if not card["members"]:
        return []
    return [*_worth(card, cards), *_consent(card, cards)]


def _worth(
    card: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    if not any(other["buyers"] for other in cards):
        return
    yield "Have ordered", percent_text(card["buyers"] / card["members"])
    if card["buyers"]:
        yield "Revenue", money_text(card["revenue_cents"], card["currency"])
        everything = sum(other["revenue_cents"] for other in cards)
        if everything > 0 and card["revenue_cents"] >= 0:
            yield "Share of revenue", percent_text(card["revenue_cents"] / everything)


def _consent(
    card: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    totals: dict[str, int] = {}
    for other in cards:
        for purpose, people in other["consent"].items():
            totals[purpose] = totals.get(purpose, 0) + people
    for purpose in sorted(totals, key=lambda name: (-totals[name], name))[:_PURPOSES_ON_A_CARD]:
        share = card["consent"].get(purpose, 0) / card["members"]
        yield f"Consent to {purpose}", percent_text(share)


def segment_lines(cards: Sequence[Mapping[str, Any]]) -> list[str]:
    """The segments for a terminal: name, people, their share, and revenue if there is any."""
    has_revenue = any(card["buyers"] for card in cards)
    width = max([len(card["name"]) for card in cards] + [34])
    lines = []
    for card in cards:
        people = (
            f"  {card['name']:<{width}} {card['members']:>8,} {percent_text(card['share']):>12}"
        )
        revenue = money_text(card["revenue_cents"], card["currency"]) if card["buyers"] else "none"
        revenue = revenue if has_revenue else ""
        lines.append(f"{people} {revenue:>20}".rstrip())
    return lines


def few_members_line(people: int, *, min_people: int) -> str:
    """Why a lake has no segments."""
    if people >= min_people:
        return NOT_PASSED
    return (
        f"none yet: {counted(people, 'person', 'people')} with events, and segments need at least "
        f"{min_people:,} (segmentation.min_people)"
    )
