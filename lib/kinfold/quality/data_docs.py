"""Data Docs: HTML pages of Great Expectations with the latest verdicts on each table.

The pages are rendered from the stored verdicts; nothing is checked again. Great Expectations' pages
load styles, scripts and a logo from six hosts. This module replaces them with one style sheet, so
that the folder can be sent, archived and opened without a network.
"""

import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from pyspark.sql import DataFrame, Window, functions as F

from kinfold.core.wording import counted
from kinfold.quality.gate import expectation_class, library_arguments
from kinfold.tables.spec import Expectation, Table

INDEX = "index.html"
_REMOTE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<footer>.*?</footer>|<img\b[^>]*>", re.DOTALL
)
_REMOTE_STYLE = re.compile(r"url\('https?:[^')]*'\)")


@dataclass(frozen=True)
class TableVerdicts:
    """The verdicts on one table at its latest publish.

    Attributes:
        verdicts: rows of ops.quality_results, one per rule.
    """

    table: Table
    verdicts: Sequence[Mapping[str, Any]]

    @property
    def first(self) -> Mapping[str, Any]:
        """The first verdict. Run, moment, versions and number of rows are the same in all of
        them."""
        return self.verdicts[0]

    @property
    def judged_at(self) -> datetime:
        """When the rules were checked (UTC)."""
        moment: datetime = self.first["judged_at"]
        return moment

    @property
    def broken(self) -> int:
        """Number of rules that were not met."""
        return sum(not verdict["is_met"] for verdict in self.verdicts)

    @property
    def quarantined(self) -> list[Mapping[str, Any]]:
        """The verdicts on rules with quarantined rows."""
        return [verdict for verdict in self.verdicts if verdict["rows_quarantined"]]

    @property
    def is_outdated(self) -> bool:
        """Whether the declaration has changed since, so that other rules may apply now."""
        return bool(self.first["schema_version"] != self.table.schema_version)

    @property
    def declared(self) -> list[tuple[Expectation, Mapping[str, Any]]]:
        """Rules that are still declared, with their verdicts, in the order of the suite."""
        by_rule = {verdict["rule"]: verdict for verdict in self.verdicts}
        return [(r, by_rule[r.sentence]) for r in self.table.suite if r.sentence in by_rule]


def latest_verdicts(results: DataFrame) -> DataFrame:
    """The verdicts of each table's latest publish, successful or not.

    Args:
        results: ops.quality_results.

    Returns:
        The same columns; one row per table and rule.
    """
    latest = F.max("judged_at").over(Window.partitionBy("table_name"))
    return (
        results.withColumn("_latest", latest)
        .where(F.col("judged_at") == F.col("_latest"))
        .drop("_latest")
    )


def verdicts_by_table(
    verdicts: Sequence[Mapping[str, Any]], tables: Sequence[Table]
) -> tuple[TableVerdicts, ...]:
    """The verdicts by table, in the order of `tables`; tables without verdicts are absent."""
    by_name = {
        table.name: [v for v in verdicts if v["table_name"] == table.name] for table in tables
    }
    return tuple(
        TableVerdicts(table, by_name[table.name]) for table in tables if by_name[table.name]
    )


def write_data_docs(verdicts: Sequence[TableVerdicts], *, folder: Path) -> Path:
    """Replace the pages in the folder and return the path of the index page."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    links = _rendered(verdicts, part)
    shutil.rmtree(part / "static", ignore_errors=True)
    style = _text("data_docs.css")
    for page in part.rglob("*.html"):
        page.write_text(_without_network(page.read_text(encoding="utf-8"), style), encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    index = environment.from_string(_text("data_docs_index.html.j2"))
    (part / INDEX).write_text(index.render(tables=verdicts, links=links, style=style), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return folder / INDEX


def _rendered(verdicts: Sequence[TableVerdicts], folder: Path) -> dict[str, str]:
    """Write Great Expectations' pages; return each table's page, relative to the folder."""
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for name in list(context.get_site_names()):
        context.delete_data_docs_site(name)
    context.add_data_docs_site("lake", _site(folder))
    links = {}
    for table_verdicts in verdicts:
        name = table_verdicts.table.name
        suite = gx.ExpectationSuite(name=name)
        for rule, verdict in table_verdicts.declared:
            suite.add_expectation(_expectation(rule, verdict))
        context.suites.add(suite)
        run = RunIdentifier(
            run_name=table_verdicts.first["run_id"], run_time=table_verdicts.judged_at
        )
        key = ValidationResultIdentifier(ExpectationSuiteIdentifier(name), run, name)
        context.validation_results_store.set(key, _validation(table_verdicts, run))
        links[name] = "/".join(
            ["validations", *name.split("."), *run.to_tuple(), f"{name}.html"],
        )
    context.build_data_docs(["lake"])
    return links


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _expectation(rule: Expectation, verdict: Mapping[str, Any]) -> Any:
    count = verdict["rows_quarantined"]
    note = [rule.sentence] + ([f"{counted(count, 'row')} quarantined"] if count else [])
    return expectation_class(rule.rule)(**library_arguments(rule), notes=". ".join(note) + ".")


def _validation(table_verdicts: TableVerdicts, run: Any) -> Any:
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )

    results = [
        ExpectationValidationResult(
            success=verdict["is_met"],
            expectation_config=_expectation(rule, verdict).configuration,
            result=_counts(verdict),
            exception_info={
                "raised_exception": False,
                "exception_message": None,
                "exception_traceback": None,
            },
        )
        for rule, verdict in table_verdicts.declared
    ]
    met = sum(bool(result.success) for result in results)
    return ExpectationSuiteValidationResult(
        success=met == len(results),
        results=results,
        suite_name=table_verdicts.table.name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": met,
            "unsuccessful_expectations": len(results) - met,
            "success_percent": 100 * met / len(results) if results else None,
        },
        meta={
            "run_id": run,
            "great_expectations_version": gx.__version__,
            "batch_spec": {
                "data_asset_name": table_verdicts.table.name,
                "table_version": table_verdicts.first["table_version"],
                "schema_version": table_verdicts.first["schema_version"],
            },
        },
    )


def _counts(verdict: Mapping[str, Any]) -> dict[str, Any]:
    rows, failing = verdict["rows_checked"], verdict["rows_failing"] or 0
    return {
        "element_count": rows,
        "unexpected_count": failing,
        "unexpected_percent": 100 * failing / rows if rows else 0.0,
        "partial_unexpected_list": [],
    }


def _without_network(page: str, style: str) -> str:
    local = _REMOTE_STYLE.sub("none", _REMOTE.sub("", page))
    return local.replace("</head>", f"<style>{style}</style></head>", 1)


def _text(name: str) -> str:
    return files("kinfold.quality").joinpath(name).read_text(encoding="utf-8")
