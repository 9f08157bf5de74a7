"""The summary of a lake."""

import pytest

from frames import at
from kinfold.reporting.summary import (
    event_types,
    identity,
    quality,
    rejections,
    sources,
    stages,
    summary_of_run,
    summary_text,
)
from kinfold.tables import bronze, ops, silver
from lakes import lake_of

pytestmark = pytest.mark.usefixtures("tokyo")


def test_the_text_has_the_main_numbers(summary):
    assert summary_text(summary).split("\n") == [
        "",
        "kinfold: var/lake",
        "-----------------",
        "as of 2026-03-01 00:00 UTC, run r7",
        "",
        "Records",
        "-------",
        "  shop                        2,000 in      1,990 accepted       10 rejected",
        "           8 x order_id: missing",
        "  ledger: 1 of 2 conservation laws hold",
        "  quality: 9 of 9 rules met by 1 table",
        "",
        "People",
        "------",
        "  300 profiles from 900 identifiers, the largest with 12; 40 events without a usable "
        "identifier",
        "  links: none; no shared identifiers",
        "  compared with the true people: precision 0.990, recall 0.800 over pairs of identifiers; "
        "290 of 300",
        "      profiles have identifiers of one person only",
        "",
        "Orders",
        "------",
        "  20 orders, worth 7,425.00 GBP after refunds; 2 sent more than once, which count once",
        "",
        "Segments (model version 2)",
        "--------------------------",
        "  Big spenders                             75       25.0 %         7,425.00 GBP",
        "",
        "Purchase propensity (model version 4)",
        "-------------------------------------",
        "  hold-out: AUC 0.812 (one-line rule 0.750), average precision 0.400 at base rate 0.150, "
        "lift 3.0",
        "  300 people scored, mean probability 0.125",
        "  on the true future purchases: AUC 0.700, lift 2.5, 17.2 % bought",
        "",
        "Jobs of this run",
        "----------------",
        "  silver/clean_events             1.2 s  new events 1,234",
    ]


def test_the_text_of_a_lake_without_models_says_so(untrained):
    text = summary_text(untrained)
    assert "  none yet: 4 people with events, and segments need at least 50\n" in text
    assert "  none: no version has passed its gate\n" in text
    assert text.endswith("  none: no input has changed")
    assert "true people" not in text


def test_the_text_of_a_summary_of_an_earlier_version_has_no_graph(summary):
    del summary["identity_quality"]
    assert "shared identifiers" not in summary_text(summary)


def test_no_line_has_more_than_100_columns(summary):
    summary["rejections"] = [{"reason": "word " * 60, "records": 3}]
    summary["stages"][0]["counts"] = {f"a_count_with_a_long_name_{i}": 1 for i in range(9)}
    assert max(map(len, summary_text(summary).split("\n"))) <= 100


class Frames:
    """A lake that reads these frames, so that a test writes only the columns that it needs."""

    def __init__(self, frames):
        self.frames = frames

    def read(self, table):
        return self.frames[table.name]

    read_or_empty = read


@pytest.fixture
def lake(spark, lake_root):
    return lake_of(spark, lake_root)


def test_stages_are_the_jobs_of_this_run_in_order_also_beside_a_stored_summary(lake, summary):
    job = dict(seconds=2.0, input_versions={}, settings_hash="h", counts={"rows": 3.0})
    lake.append_record(
        ops.JOB_RUNS,
        [
            job | dict(job="b", run_id="test", finished_at=at("10:00")),
            job | dict(job="a", run_id="test", finished_at=at("09:00")),
            job | dict(job="a", run_id="earlier", finished_at=at("08:00")),
        ],
    )
    expected = [
        {"job": "a", "seconds": 2.0, "counts": {"rows": 3.0}},
        {"job": "b", "seconds": 2.0, "counts": {"rows": 3.0}},
    ]
    assert stages(lake) == expected
    again = summary_of_run(summary, lake)
    assert again == summary | {"run_id": "test", "stages": expected}


def test_sources_add_up_the_batches_that_landed(spark):
    def batch(stage, source, number, records_in, rejected):
        return dict(
            stage=stage,
            source=source,
            batch_id=number,
            records_in=records_in,
            accepted=records_in - rejected,
            rejected=rejected,
        )

    rows = ops.BATCHES.frame(
        spark,
        batch("bronze", "shop", 1, 10, 2),
        batch("bronze", "shop", 2, 5, 0),
        batch("records", "crm", 1, 7, 1),
        batch("silver", "all", 1, 13, 0),
    )
    assert sources(Frames({ops.BATCHES.name: rows})) == [
        dict(source="crm", records_in=7, accepted=6, rejected=1, batches=1),
        dict(source="shop", records_in=15, accepted=13, rejected=2, batches=2),
    ]


def test_rejections_are_the_most_frequent_reasons(spark):
    rows = bronze.EVENTS.frame(
        spark,
        dict(verdict="rejected", errors=["no id", "no date"]),
        dict(verdict="rejected", errors=["no id"]),
        dict(verdict="rejected", errors=["an old date"]),
        dict(verdict="accepted", errors=[]),
    )
    assert rejections(Frames({bronze.EVENTS.name: rows}), limit=2) == [
        {"reason": "no id", "records": 2},
        {"reason": "an old date", "records": 1},
    ]


def test_event_types_are_counted_the_most_frequent_first(spark):
    types = ("login", "purchase", "purchase")
    rows = silver.EVENTS.frame(spark, *(dict(event_type=name) for name in types))
    assert event_types(Frames({silver.EVENTS.name: rows})) == [
        {"event_type": "purchase", "events": 2},
        {"event_type": "login", "events": 1},
    ]


def test_quality_has_the_latest_results_of_each_table(spark):
    def result(table, rule, judged_at, is_met, rows_checked):
        return dict(
            table_name=table,
            rule=rule,
            judged_at=at(judged_at),
            is_met=is_met,
            rows_checked=rows_checked,
        )

    rows = ops.QUALITY_RESULTS.frame(
        spark,
        result("a", "one", "09:00", False, 5),
        result("a", "one", "10:00", True, 6),
        result("a", "two", "10:00", False, 6),
        result("b", "one", "09:00", True, 7),
    )
    assert quality(Frames({ops.QUALITY_RESULTS.name: rows})) == [
        dict(table_name="a", rules=2, rules_met=1, rows_checked=6),
        dict(table_name="b", rules=1, rules_met=1, rows_checked=7),
    ]


def test_identity_counts_profiles_by_number_of_identifiers_and_anonymous_events(spark):
    def row(profile_id, valid_to=None):
        return dict(profile_id=profile_id, valid_to=valid_to)

    big = [row("big")] * 14
    identity_map = silver.IDENTITY_MAP.frame(
        spark, row("one"), row("two"), row("two"), *big, row("gone", at("09:00"))
    )
    cookie = dict(namespace="cookie_id", value="c")
    events = silver.EVENTS.frame(spark, dict(identifiers=[cookie]), dict(identifiers=[]))
    frames = {silver.IDENTITY_MAP.name: identity_map, silver.EVENTS.name: events}
    assert identity(Frames(frames)) == {
        "profiles": 3,
        "identifiers": 17,
        "largest_profile": 14,
        "anonymous_events": 1,
        "sizes": [[1, 1], [2, 1], [12, 1]],
    }
