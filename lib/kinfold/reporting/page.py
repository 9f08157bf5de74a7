"""The report: one self-contained page with the summary's numbers and the models' pictures."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from kinfold.core.errors import LakeError
from kinfold.core.log import counts_text
from kinfold.core.settings.models import Settings
from kinfold.models import plots
from kinfold.models.registry import read_figure
from kinfold.models.tracking import Tracking
from kinfold.reporting.identity import identity_figures
from kinfold.reporting.pictures import as_png
from kinfold.reporting.summary import Summary
from kinfold.runtime.lake.roots import local_path

PAGE = "index.html"
NUMBERS = "summary.json"
_MODEL_FIGURES = {
    "segments": ("segment_map", "silhouette_by_k"),
    "propensity": ("roc_curve", "precision_recall", "calibration", "feature_importance"),
}


def report_folder(settings: Settings) -> Path:
    """Where the page goes: the setting, else inside a local lake, else below the current folder."""
    if settings.report.folder is not None:
        return Path(settings.report.folder)
    local = local_path(settings.lake.root)
    return Path.cwd() / "kinfold-report" if local is None else local / "_report"


def write_report(summary: Summary, figures: Mapping[str, bytes], *, folder: Path) -> Path:
    """Write the page and the summary's numbers; the page's path is returned.

    Each file appears whole or not at all.

    Raises:
        LakeError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / PAGE, page(summary, figures))
        write_whole(folder / NUMBERS, json.dumps(summary, indent=1))
    except OSError as error:
        raise LakeError(
            f"report.folder {folder}: cannot be written ({error.strerror}). Name another with "
            "--set report.folder=DIR."
        ) from error
    return folder / PAGE


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def read_report(folder: Path) -> Summary | None:
    """The summary that was written last; null where there is none."""
    path = folder / NUMBERS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def figures_of(summary: Summary, tracking: Tracking) -> dict[str, bytes]:
    """The page's pictures as PNG: those that the champions' runs kept, and those of identities."""
    figures = {
        "identity_sizes": as_png(plots.plot_profile_sizes(summary["identity"]["sizes"])),
        **identity_figures(summary["identity_quality"]),
    }
    for model, names in _MODEL_FIGURES.items():
        if summary[model]:
            for name in names:
                figures[name] = read_figure(tracking, run_id=summary[model]["run_id"], name=name)
    return figures


def page(summary: Summary, figures: Mapping[str, bytes]) -> str:
    """The page as HTML; it needs no other file and no network."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["number"] = lambda value: f"{value:,.0f}"
    environment.filters["counts_text"] = counts_text
    template = environment.from_string(
        files("kinfold.reporting").joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        s=summary,
        title=Path(summary["lake"]).name,
        headline=_headline(summary),
        propensity_rows=_propensity_rows(summary),
        figure=_figure(figures),
    )


def _headline(summary: Summary) -> list[tuple[str, str]]:
    records = sum(source["records_in"] for source in summary["sources"])
    kept = sum(law["is_kept"] for law in summary["ledger"])
    numbers = [
        ("records received", f"{records:,}"),
        ("events", f"{summary['tables']['silver.events']:,}"),
        ("profiles", f"{summary['identity']['profiles']:,}"),
        ("ledger laws kept", f"{kept} of {len(summary['ledger'])}"),
    ]
    if summary["segments"]:
        numbers.append(("segments", f"{len(summary['segments']['cards'])}"))
    if summary["propensity"]:
        metrics = summary["propensity"]["evaluation"]["metrics"]
        numbers.append(("AUC on the hold-out", f"{metrics['auc_roc']:.3f}"))
    return numbers


def _propensity_rows(summary: Summary) -> list[dict[str, Any]]:
    model = summary["propensity"]
    if not model:
        return []
    evaluation = model["evaluation"]
    base_rate = evaluation["metrics"]["base_rate"]
    rows = [
        ("Hold-out, the model", evaluation["metrics"]),
        ("Hold-out, a one-line rule", {**evaluation["baseline_metrics"], "base_rate": base_rate}),
    ]
    if summary["propensity_truth"]:
        rows.append(("What then really happened", summary["propensity_truth"]))
    names = ("auc_roc", "average_precision", "base_rate", "lift_top_decile", "brier", "ece")
    return [
        {"name": name, "cells": [f"{m[n]:.3f}" if n in m else "" for n in names]}
        for name, m in rows
    ]


def _figure(figures: Mapping[str, bytes]) -> Callable[[str, str], Markup]:
    def drawn(name: str, caption: str) -> Markup:
        if name not in figures:
            return Markup("")
        data = base64.b64encode(figures[name]).decode("ascii")
        return Markup(
            f'<figure class="box"><img alt="{escape(caption)}" '
            f'src="data:image/png;base64,{data}"><figcaption>{escape(caption)}</figcaption></figure>'
        )

    return drawn
