"""The report page and its files."""

import base64
import re

import pytest

from kinfold.core.errors import LakeError
from kinfold.core.settings.loading import load_settings
from kinfold.reporting.page import (
    data_docs_pages,
    read_summary,
    replace_file,
    report_folder,
    report_page,
    write_report,
)
from project import HOME

PNG = b"\x89PNG picture"


def cells(page):
    """The text of each row of each table, cells joined by a bar."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, flags=re.DOTALL)
    texts = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows]
    return ["|".join(text) for text in texts]


def test_tables_show_the_numbers_of_the_summary(summary):
    rows = cells(report_page(summary, {}))
    assert "shop|2,000|1,990|10|3" in rows
    assert "landed = accepted + rejected|2,000|2,000|yes" in rows
    assert "accepted = added|1,990|1,989|no" in rows
    assert "silver.events|1,989|51|9 of 9" in rows, "51 rows of the latest write, not of the table"
    assert "2026-02-22|400|30|20|1,234.50" in rows
    assert "order_id: missing|8" in rows
    assert "Profiles with identifiers of one person only|290 of 300" in rows
    assert "silver/clean_events|1.2 s|new events 1,234" in rows


def test_the_model_is_compared_with_the_one_line_rule_and_the_true_future(summary):
    rows = cells(report_page(summary, {}))
    assert "Model, on the hold-out|0.812|0.400|0.150|3.000|0.100|0.020" in rows
    assert "One-line rule, on the hold-out|0.750|0.300|0.150|2.000||" in rows
    assert "Model, on the true future purchases|0.700|0.350|0.172|2.500||" in rows


def test_the_headline_has_the_main_numbers(summary):
    page = report_page(summary, {})
    numbers = re.findall(r'<b class="number">(.*?)</b><span class="soft">(.*?)</span>', page)
    assert numbers == [
        ("2,000", "records received"),
        ("1,989", "events"),
        ("300", "profiles"),
        ("1 of 2", "conservation laws that hold"),
        ("1", "segment"),
        ("0.812", "AUC on the hold-out"),
    ]


def test_a_lake_without_models_has_a_page_too(untrained):
    page = report_page(untrained, {})
    assert "None yet: 4 people with events, and segments need at least 50." in page
    assert "None: no version has passed its gate." in page
    assert "The latest weeks" not in page
    assert "No record was rejected." in page
    assert "No input has changed." in page
    assert "The true people of this data are unknown" in page


def test_a_card_has_people_orders_revenue_and_consent(summary):
    page = report_page(summary, {})
    facts = re.findall(r'<span class="soft">([^<]*)</span><span>([^<]*)</span></div>', page)
    assert facts == [
        ("Have ordered", "80.0 %"),
        ("Revenue", "7,425.00 GBP"),
        ("Share of revenue", "100.0 %"),
        ("Consent to email", "60.0 %"),
    ]
    assert "<b>75</b> people, 25.0 %" in page
    assert "Typically 99.00 GBP spent ever (everyone: nothing)." in page


def test_orders_are_sentences(summary):
    said = "20 orders, worth 7,425.00 GBP after refunds; 2 sent more than once, which count once."
    assert f"<div>{said}</div>" in report_page(summary, {})
    summary["orders"] = dict.fromkeys(summary["orders"], 0)
    assert "<div>None.</div>" in report_page(summary, {})


def test_numbers_and_nouns_agree(summary):
    summary["tables"]["silver.events"] = 1
    summary["segments"]["cards"][0]["members"] = 1
    page = report_page(summary, {})
    assert '<b class="number">1</b><span class="soft">event</span>' in page
    assert '<b class="number">1</b><span class="soft">segment</span>' in page
    assert "<b>1</b> person, 25.0 %" in page


def test_a_table_with_data_docs_is_a_link_to_its_newest_page(summary, tmp_path):
    for moment in ("20260301T090000", "20260302T090000"):
        folder = tmp_path / "data_docs" / "validations" / "silver" / "events" / "r" / moment
        folder.mkdir(parents=True)
        (folder / "silver.events.html").write_text("")
    pages = data_docs_pages(tmp_path)
    newest = "data_docs/validations/silver/events/r/20260302T090000/silver.events.html"
    assert pages == {"silver.events": newest}
    assert f'<a href="{newest}">silver.events</a>' in report_page(summary, {}, data_docs=pages)
    assert "<a href" not in report_page(summary, {})


def test_charts_are_embedded_as_images(summary):
    page = report_page(summary, {"segment_map": PNG, "roc_curve": PNG})
    encoded = base64.b64encode(PNG).decode()
    assert re.findall(r'src="(.*?)"', page) == [f"data:image/png;base64,{encoded}"] * 2


def test_values_are_escaped(summary):
    summary["segments"]["cards"][0]["name"] = "<b>Big</b>"
    assert "<h3>&lt;b&gt;Big&lt;/b&gt;</h3>" in report_page(summary, {})


def test_the_page_and_the_summary_are_written_and_read_back(summary, tmp_path):
    folder = tmp_path / "new" / "report"
    page = write_report(summary, {}, folder=folder)
    assert page == folder / "index.html"
    assert page.read_text().startswith("<!doctype html>")
    assert read_summary(folder) == summary
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "summary.json"]


def test_a_folder_without_a_report_has_no_summary(tmp_path):
    assert read_summary(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_reported(summary, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match=r"report\.folder .*file: cannot be written .* --set"):
        write_report(summary, {}, folder=tmp_path / "file")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "page"
    replace_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "new \ud800")
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("report", "root", "expected"),
    [
        ("reports", "lake", "reports"),
        (None, "lake", "lake/_report"),
        (None, "s3a://bucket/lake", "kinfold-report"),
    ],
)
def test_the_folder_is_the_setting_or_in_a_local_lake_or_in_the_current_folder(
    settings, tmp_path, monkeypatch, report, root, expected
):
    monkeypatch.chdir(tmp_path)
    root = root if "://" in root else str(tmp_path / root)
    named = settings(root, None if report is None else str(tmp_path / report))
    assert report_folder(named) == tmp_path / expected


@pytest.fixture
def settings():
    """`settings(root, folder)`: the committed settings with this lake and report folder."""

    def made(root, folder):
        return load_settings(HOME, "local", {"lake.root": root, "report.folder": folder})

    return made
