"""Data Docs: stored verdicts as pages that need no network."""

import re
from datetime import UTC, datetime

import pytest

from frames import assert_rows, at
from kinfold.quality.data_docs import latest_verdicts, verdicts_by_table, write_data_docs
from kinfold.tables import gold, ops, registry, silver

pytestmark = pytest.mark.usefixtures("tokyo")


def verdicts(table, *, broken=None, quarantined=None, version=7, schema_version=None):
    return [
        dict(
            run_id="run-1",
            table_name=table.name,
            rule=rule.sentence,
            is_met=rule.sentence != broken,
            rows_checked=200,
            rows_failing=50 if rule.sentence == broken else None,
            rows_quarantined=2 if rule.sentence == quarantined else 0,
            judged_at=datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
            table_version=version,
            schema_version=schema_version or table.schema_version,
        )
        for rule in table.suite
    ]


@pytest.fixture
def pages(tmp_path):
    """The pages of three tables: one met, one with quarantined rows, one broken."""
    rows = [
        *verdicts(silver.IDENTIFIERS, schema_version="older"),
        *verdicts(silver.EVENTS, quarantined="currency is an ISO 4217 code"),
        *verdicts(gold.FEATURES, broken="spend_cents lies in [0, inf]", version=None),
    ]
    folder = tmp_path / "data_docs"
    index = write_data_docs(verdicts_by_table(rows, registry.ALL), folder=folder)
    assert index == folder / "index.html"
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def page_of(pages, table):
    return next(text for name, text in pages.items() if name.endswith(f"/{table.name}.html"))


def test_the_pages_load_nothing_from_the_network(pages):
    for name, text in pages.items():
        assert name.endswith(".html")
        assert re.findall(r"https?://|<script|<link|<img", text) == []


def test_every_link_leads_to_a_page(pages, tmp_path):
    folder = tmp_path / "data_docs"
    for name, text in pages.items():
        for link in re.findall(r'href="([^"#]+)"', text):
            assert ((folder / name).parent / link).resolve().is_file(), f"{name}: {link}"


def test_the_index_shows_broken_rules_quarantined_rows_and_published_versions(pages):
    rows = re.findall(r"<tr>.*?</tr>", pages["index.html"], flags=re.DOTALL)[1:]
    texts = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    moment = "2026-11-01 09:30:00 run-1"
    assert texts == [
        f"silver.events all 19 met 200 currency is an ISO 4217 code: 2 7 {moment}",
        f"silver.identifiers declaration has changed since all 5 met 200 none 7 {moment}",
        f"gold.features 1 of 29 broken 200 none not published {moment}",
    ]


def test_the_page_of_a_table_shows_how_many_rows_broke_a_rule(pages):
    text = re.sub(r"<[^>]+>|\s+", " ", page_of(pages, gold.FEATURES))
    assert "50 unexpected values found" in " ".join(text.split())
    assert "unexpected values found" not in page_of(pages, silver.EVENTS)


def test_writing_again_removes_the_previous_pages(pages, tmp_path):
    folder = tmp_path / "data_docs"
    write_data_docs(verdicts_by_table(verdicts(silver.EVENTS), registry.ALL), folder=folder)
    assert not (folder / "expectations" / "gold").exists()
    assert (folder / "expectations" / "silver" / "events.html").is_file()


def test_without_verdicts_the_index_is_empty(tmp_path):
    index = write_data_docs((), folder=tmp_path / "data_docs")
    assert "<td>" not in index.read_text()


def test_only_the_latest_verdicts_of_each_table_count(spark):
    def verdict(table, rule, moment):
        return dict(table_name=table, rule=rule, judged_at=at(moment))

    results = ops.QUALITY_RESULTS.frame(
        spark,
        verdict("silver.events", "old", "09:00"),
        verdict("silver.events", "a", "10:00"),
        verdict("silver.events", "b", "10:00"),
        verdict("gold.features", "c", "08:00"),
    )
    assert_rows(latest_verdicts(results), ["rule"], [("a",), ("b",), ("c",)])
