"""How the report tells of the identity graph: lines for the terminal, pictures for the page."""

from collections.abc import Mapping
from typing import Any

from kinfold.models import plots
from kinfold.reporting.pictures import as_png


def identity_figures(quality: Mapping[str, Any]) -> dict[str, bytes]:
    """Links by rule and changes of ids by run, as PNG.

    Args:
        quality: see `silver.identity.report.identity_quality`.
    """
    links = [(row["rule"], row["status"], row["links"]) for row in quality["links"]]
    churn = [(row["changed_at"][:16].replace("T", " "), row) for row in quality["churn"]]
    return {
        "identity_links": as_png(plots.plot_links_by_rule(links)),
        "identity_churn": as_png(plots.plot_id_churn(churn)),
    }


def identity_lines(quality: Mapping[str, Any]) -> list[str]:
    """The graph for a terminal: links, values set aside, bridges, and the newest changes of ids."""
    by_status: dict[str, int] = {}
    for row in quality["links"]:
        by_status[row["status"]] = by_status.get(row["status"], 0) + row["links"]
    told = ", ".join(f"{count:,} {status}" for status, count in sorted(by_status.items()))
    values = sum(row["values"] for row in quality["bad_values"])
    prevented = sum(row["merges_prevented"] for row in quality["bad_values"])
    lines = [
        f"  links: {told or 'none'}; {values:,} values set aside, which prevented {prevented:,} "
        "merges"
    ]
    structure = quality["structure"]
    if structure:
        lines.append(
            f"  {structure['bridged']:,} of {structure['people']:,} linked people hang by one link"
        )
    if quality["churn"]:
        newest = quality["churn"][-1]
        lines.append(
            f"  ids changed last on {newest['changed_at'][:16].replace('T', ' ')} UTC: "
            f"{newest['identifiers']:,} identifiers ({newest['share']:.1%}), {newest['merge']:,} "
            f"merges, {newest['split']:,} splits"
        )
    return lines
