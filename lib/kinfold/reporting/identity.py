"""The identity graph in the report: lines for the terminal, charts for the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from kinfold.core.wording import counted, percent_text
from kinfold.models import plots
from kinfold.reporting.pictures import as_png
from kinfold.silver.cleansing.identifiers import DropReason

_SHOWN = 3
_DROPPED: dict[str, tuple[str, str]] = {
    DropReason.PLACEHOLDER: (
        "placeholders",
        "the senders write them for no value; see identity.placeholders",
    ),
    DropReason.NOT_AN_EMAIL: ("are no e-mail addresses", "the senders must correct them"),
    DropReason.NOT_A_PHONE: ("are no valid phone numbers", "the senders must correct them"),
    DropReason.NOT_A_PHONE_OF_REGION: (
        "are no valid phone numbers of the country in identity.phone_region",
        "set it to the country of your customers",
    ),
}
"""What the identifiers that were left out are, and what to do, by reason."""


def identity_figures(quality: Mapping[str, Any]) -> dict[str, bytes]:
    """Links by rule and id changes by run, as PNG images; without links or changes, no image.

    Args:
        quality: see `silver.identity.graph.statistics.identity_quality`.
    """
    links = [(row["rule"], row["status"], row["links"]) for row in quality["links"]]
    churn = [(row["changed_at"][:16].replace("T", " "), row) for row in quality["churn"]]
    figures = {}
    if links:
        figures["identity_links"] = as_png(plots.plot_links_by_rule(links))
    if churn:
        figures["identity_churn"] = as_png(plots.plot_id_churn(churn))
    return figures


def identity_lines(quality: Mapping[str, Any]) -> list[str]:
    """The graph for a terminal: links, shared identifiers, bridges and the latest id changes.

    Args:
        quality: see `identity_figures`.
    """
    by_status: dict[str, int] = {}
    for row in quality["links"]:
        by_status[row["status"]] = by_status.get(row["status"], 0) + row["links"]
    links = ", ".join(f"{count:,} {status}" for status, count in sorted(by_status.items()))
    values = sum(row["values"] for row in quality["bad_values"])
    prevented = sum(row["merges_prevented"] for row in quality["bad_values"])
    shared = "no shared identifiers"
    if values:
        shared = f"{counted(values, 'shared identifier')}, which prevented "
        shared += counted(prevented, "merge")
    lines = [f"  links: {links or 'none'}; {shared}"]
    structure = quality["structure"]
    if structure and structure["people"]:
        lines.append(
            f"  people with more than one identifier: {structure['people']:,}, of whom "
            f"{structure['bridged']:,} depend on one link"
        )
    if quality["churn"]:
        newest = quality["churn"][-1]
        lines.append(
            f"  ids last changed on {newest['changed_at'][:16].replace('T', ' ')} UTC: "
            f"{counted(newest['identifiers'], 'identifier')} ({percent_text(newest['share'])}), "
            f"{counted(newest['merge'], 'merge')}, {counted(newest['split'], 'split')}"
        )
    return [*lines, *dropped_lines(quality.get("dropped", []))]


def dropped_lines(dropped: Sequence[Mapping[str, Any]]) -> list[str]:
    """The identifiers that identify nobody, and what to do; in a summary of an earlier version
    there are none."""
    if not dropped:
        return []
    by_reason: dict[str, list[Mapping[str, Any]]] = {}
    for row in dropped:
        by_reason.setdefault(row["reason"], []).append(row)
    lines = [f"  {sum(row['rows'] for row in dropped):,} identifiers were left out:"]
    for reason, rows in by_reason.items():
        what, advice = _DROPPED.get(reason, (reason, "see docs/identity.md"))
        of = ", ".join(f"{row['namespace']} {row['rows']:,}" for row in rows[:_SHOWN])
        more = ", ..." if len(rows) > _SHOWN else ""
        lines.append(f"    {sum(row['rows'] for row in rows):,} {what} ({of}{more}): {advice}")
    return lines
