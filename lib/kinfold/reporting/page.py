"""The report: one self-contained HTML page with the numbers of the summary and charts."""

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
from kinfold.core.wording import amount_text, counted, duration_text, percent_text
from kinfold.models import plots
from kinfold.models.registry import read_figure
from kinfold.models.tracking import Tracking
from kinfold.reporting.activity import activity_figures
from kinfold.reporting.identity import dropped_lines, identity_figures
from kinfold.reporting.orders import order_lines_of
from kinfold.reporting.pictures import as_png
from kinfold.reporting.segments import segment_facts
from kinfold.reporting.summary import Summary
from kinfold.runtime.lake.roots import local_path

PAGE_FILE = "index.html"
DATA_DOCS = "data_docs"
"""Folder of the Data Docs in the folder of the report."""
SUMMARY_FILE = "summary.json"
_MODEL_FIGURES = {
    "segments": ("segment_map", "silhouette_by_k"),
    "propensity": ("roc_curve", "precision_recall", "calibration", "feature_importance"),
}


def report_folder(settings: Settings) -> Path:
    """The folder of the report: the setting, else in a local lake, else in the current folder."""
    if settings.report.folder is not None:
        return Path(settings.report.folder)
    local = local_path(settings.lake.root)
    return Path.cwd() / "kinfold-report" if local is None else local / "_report"


def write_report(summary: Summary, figures: Mapping[str, bytes], *, folder: Path) -> Path:
    """Writes the page and the summary as JSON.

    Returns:
        The path of the page.

    Raises:
        LakeError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = report_page(summary, figures, data_docs=data_docs_pages(folder))
        replace_file(folder / PAGE_FILE, page)
        write_summary(summary, folder / SUMMARY_FILE)
    except OSError as error:
        raise LakeError(
            f"report.folder {folder}: cannot be written ({error.strerror}). Set another folder: "
            "--set report.folder=DIR."
        ) from error
    return folder / PAGE_FILE


def write_summary(summary: Summary, path: Path) -> None:
    """Writes the summary as JSON; replaces the file atomically."""
    replace_file(path, json.dumps(summary, indent=1))


def replace_file(path: Path, text: str) -> None:
    """Replaces a file atomically: a reader sees the old text or the new text, never a part."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def read_summary(folder: Path) -> Summary | None:
    """The summary that `write_report` wrote last; None if there is none."""
    path = folder / SUMMARY_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def data_docs_pages(folder: Path) -> dict[str, str]:
    """The page of each table in the Data Docs below a report's folder, relative to it; the newest
    if there are several."""
    validations = folder / DATA_DOCS / "validations"
    return {
        page.stem: page.relative_to(folder).as_posix()
        for page in sorted(validations.rglob("*.html"), key=lambda page: page.parent.name)
    }


def report_figures(summary: Summary, tracking: Tracking) -> dict[str, bytes]:
    """The charts of the page by name, as PNG images.

    Charts of models come from the MLflow runs of the champions; charts of identities are drawn.
    """
    figures = {
        **activity_figures(summary["weeks"]),
        **identity_figures(summary["identity_quality"]),
    }
    if summary["identity"]["profiles"]:
        sizes = summary["identity"]["sizes"]
        figures["identity_sizes"] = as_png(plots.plot_profile_sizes(sizes))
    for model, names in _MODEL_FIGURES.items():
        if summary[model]:
            for name in names:
                figures[name] = read_figure(tracking, run_id=summary[model]["run_id"], name=name)
    return figures


def report_page(
    summary: Summary, figures: Mapping[str, bytes], *, data_docs: Mapping[str, str] | None = None
) -> str:
    """The page as HTML; it needs no other file and no network.

    Args:
        data_docs: the page of each table in the Data Docs, relative to this page, for links.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["number"] = lambda value: f"{value:,.0f}"
    environment.filters["counts_text"] = counts_text
    environment.filters["duration"] = duration_text
    environment.filters["percent"] = percent_text
    environment.filters["sentence"] = _sentence
    template = environment.from_string(
        files("kinfold.reporting").joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        s=summary,
        title=Path(summary["lake"]).name,
        headline=_headline(summary),
        propensity_rows=_propensity_rows(summary),
        segment_facts=segment_facts,
        amount=amount_text,
        has_links=any(row["links"] for row in summary["identity_quality"]["links"]),
        left_out=dropped_lines(summary["identity_quality"].get("dropped", [])),
        orders=[_sentence(line.strip()) for line in order_lines_of(summary["orders"])],
        data_docs=data_docs or {},
        figure=_figure(figures),
    )


def _headline(summary: Summary) -> list[tuple[str, str]]:
    records = sum(source["records_in"] for source in summary["sources"])
    holding = sum(law["is_kept"] for law in summary["ledger"])
    numbers = [
        _headed(records, "record received", "records received"),
        _headed(summary["tables"]["silver.events"], "event"),
        _headed(summary["identity"]["profiles"], "profile"),
        ("conservation laws that hold", f"{holding} of {len(summary['ledger'])}"),
    ]
    if summary["segments"]:
        numbers.append(_headed(len(summary["segments"]["cards"]), "segment"))
    if summary["propensity"]:
        metrics = summary["propensity"]["evaluation"]["metrics"]
        numbers.append(("AUC on the hold-out", f"{metrics['auc_roc']:.3f}"))
    return numbers


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _headed(number: int, noun: str, plural: str | None = None) -> tuple[str, str]:
    digits, _, words = counted(number, noun, plural).partition(" ")
    return words, digits


def _propensity_rows(summary: Summary) -> list[dict[str, Any]]:
    model = summary["propensity"]
    if not model:
        return []
    evaluation = model["evaluation"]
    base_rate = evaluation["metrics"]["base_rate"]
    rows = [
        ("Model, on the hold-out", evaluation["metrics"]),
        (
            "One-line rule, on the hold-out",
            evaluation["baseline_metrics"] | {"base_rate": base_rate},
        ),
    ]
    if summary["propensity_truth"]:
        rows.append(("Model, on the true future purchases", summary["propensity_truth"]))
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
