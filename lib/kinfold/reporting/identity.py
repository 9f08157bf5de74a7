"""The identity graph in the report: lines for the terminal, charts for the page."""

from collections.abc import Mapping
from typing import Any

from kinfold.models import plots
from kinfold.reporting.pictures import as_png


def identity_figures(quality: Mapping[str, Any]) -> dict[str, bytes]:
    """Links by rule and id changes by run, as PNG images.

    Args:
        quality: see `silver.identity.graph.statistics.identity_quality`.
    """
    links = [(row["rule"], row["status"], row["links"]) for row in quality["links"]]
    churn = [(row["changed_at"][:16].replace("T", " "), row) for row in quality["churn"]]
    return {
        "identity_links": as_png(plots.plot_links_by_rule(links)),
        "identity_churn": as_png(plots.plot_id_churn(churn)),
    }


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
    lines = [
        f"  links: {links or 'none'}; {values:,} shared identifiers, which prevented {prevented:,} "
        "merges"
    ]
    structure = quality["structure"]
    if structure:
        lines.append(
            f"  {structure['bridged']:,} of {structure['people']:,} linked people depend on one "
            "link"
        )
    if quality["churn"]:
        newest = quality["churn"][-1]
        lines.append(
            f"  ids last changed on {newest['changed_at'][:16].replace('T', ' ')} UTC: "
            f"{newest['identifiers']:,} identifiers ({newest['share']:.1%}), {newest['merge']:,} "
            f"merges, {newest['split']:,} splits"
        )
    return lines
