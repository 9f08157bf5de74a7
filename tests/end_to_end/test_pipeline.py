"""The whole pipeline on a generated world, held to the truth the generator wrote down."""

import re

import pytest
from pyspark.sql import functions as F

from kinfold.reporting.page import PAGE_FILE
from kinfold.silver.identity.resolution.history import current
from kinfold.synthetic.world.generation import write_world
from kinfold.tables import bronze, gold, ops, registry, silver

# One worker runs the folder in file order: later tests build on the lake the earlier ones leave.
pytestmark = pytest.mark.xdist_group("demo")


def test_every_line_sent_is_in_bronze_once(demo, summary):
    counts = demo.world.counts
    rows = demo.lake.read(bronze.EVENTS)
    assert rows.count() == counts["lines"] + counts["crm_rows"]
    assert rows.select(*bronze.EVENTS.key).distinct().count() == rows.count()


def test_exactly_the_damaged_lines_are_rejected(demo, summary):
    assert sum(s["rejected"] for s in summary["sources"]) == demo.world.counts["rejected"]


def test_every_rejection_has_a_reason_and_nothing_accepted_has(demo, summary):
    rows = demo.lake.read(bronze.EVENTS)
    is_accepted = F.col("verdict") == "accepted"
    assert rows.where(is_accepted == (F.size("errors") > 0)).count() == 0


def test_exactly_the_resent_events_are_duplicates(demo, summary):
    counts = demo.world.counts
    batches = demo.lake.read(ops.BATCHES).where("stage = 'silver'")
    assert batches.agg(F.sum("duplicates")).collect()[0][0] == counts["duplicates"]
    assert summary["tables"]["silver.events"] == counts["events"] + counts["crm_rows"]


def test_every_conservation_law_holds(summary):
    assert [law["name"] for law in summary["ledger"] if not law["is_kept"]] == []


def test_every_published_table_met_every_rule(demo, summary):
    there = [table for table in registry.PUBLISHED if demo.lake.exists(table)]
    published = {table.name for table in there if table.layer != "bronze"}
    assert {t["table_name"] for t in summary["quality"]} == published
    assert all(t["rules"] == t["rules_met"] for t in summary["quality"])


def test_people_are_found_as_the_truth_has_them(summary):
    truth = summary["identity_truth"]
    assert truth["precision"] > 0.98
    assert truth["recall"] > 0.75
    assert truth["pure_profiles"] / truth["profiles"] > 0.9


def test_there_is_one_profile_per_person_of_the_map(demo, summary):
    """But for people who are only known beside others: a device that somebody used first."""
    people = {row["profile_id"] for row in _map(demo)}
    profiles = {r["profile_id"] for r in demo.lake.read(silver.PROFILES).collect()}
    assert profiles <= people
    beside = people - profiles
    kinds = {row["namespace"] for row in _map(demo) if row["profile_id"] in beside}
    assert kinds <= {"cookie_id", "device_id", "email", "phone"}
    assert len(beside) < len(people) / 50


def test_revenue_of_the_profiles_is_revenue_of_the_events_they_own(demo, summary):
    signed = F.expr(
        "case event_type when 'purchase' then amount_cents when 'return' then -amount_cents end"
    )
    owned = demo.lake.read(silver.EVENTS).where(F.size("identifiers") > 0)
    revenue = demo.lake.read(silver.PROFILES).agg(F.sum("revenue_cents")).collect()[0][0]
    assert revenue == owned.agg(F.sum(signed)).collect()[0][0]


def test_everybody_with_behaviour_has_a_segment_and_a_score(demo, summary):
    as_of = demo.lake.read(gold.FEATURES).agg(F.max("as_of")).collect()[0][0]
    people = demo.lake.read(gold.FEATURES).where(F.col("as_of") == as_of).count()
    assert summary["tables"]["gold.segment_members"] == people
    assert summary["tables"]["gold.propensity_scores"] == people


def test_scores_tell_who_then_bought(summary):
    assert summary["propensity_truth"]["auc_roc"] > 0.65


def test_the_page_stands_alone_and_shows_every_picture(demo, summary):
    page = (demo.root / "_report" / PAGE_FILE).read_text()
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert page.count("data:image/png;base64,") == 9


def test_no_silver_or_gold_column_that_identifies_a_person_is_in_a_delta_log(demo, summary):
    """An e-mail of the CRM extract must not outlive its row in the log's statistics."""
    emails = demo.lake.read(silver.IDENTIFIERS).where("namespace = 'email'").limit(50).collect()
    logs = [
        path.read_text(errors="replace")
        for layer in ("bronze", "silver", "gold", "ops")
        for path in (demo.root / layer).rglob("_delta_log/*.json")
    ]
    assert emails
    assert not [row for row in emails if any(row["value"] in log for log in logs)]


def test_a_second_run_without_new_files_changes_no_table(demo, summary):
    before = _versions(demo)
    again = demo.run()
    assert _versions(demo) == before
    assert again == summary


def test_a_new_day_costs_only_its_share_and_keeps_every_id(demo, summary):
    """One more day of the same world: one new file is read and nobody's id changes needlessly."""
    known = {(r["namespace"], r["value"]): r["profile_id"] for r in _map(demo)}
    lines_before = demo.lake.read(bronze.EVENTS).count()
    world = write_world(
        demo.spark, demo.world.directory, people=300, seed=11, days=demo.world.days + 1
    )
    demo.run()
    new_lines = demo.lake.read(bronze.EVENTS).count() - lines_before
    assert 0 < new_lines == world.counts["lines"] - demo.world.counts["lines"]
    now = {(r["namespace"], r["value"]): r["profile_id"] for r in _map(demo)}
    moved = {(known[key], now.get(key)) for key in known if now.get(key) != known[key]}
    told = demo.lake.read_or_empty(silver.IDENTITY_CHANGES).collect()
    assert {pair for pair in moved if pair[1]} <= {
        (r["from_profile_id"], r["to_profile_id"]) for r in told
    }
    survivors = set(now.values())
    kept = [key for key in known if now.get(key) != known[key] and known[key] in survivors]
    assert len(kept) <= len(known) / 100, "identifiers leave people who are still there"
    assert {s["job"] for s in _stages(demo)} >= {"silver/clean_events", "gold/score_propensity"}
    versions = {r["model_version"] for r in demo.lake.read(gold.SEGMENT_MEMBERS).collect()}
    assert versions == {1}, "segments were trained anew though the champion is a day old"


def test_an_increment_equals_a_rebuild(demo, summary, tmp_path):
    """The lake that grew by a day holds the people, under their ids, and profiles of one built from
    all files."""
    rebuilt = type(demo)(demo.spark, demo.world, tmp_path / "lake")
    for job in (
        "bronze/ingest_events",
        "silver/clean_events",
        "silver/resolve_identities",
        "silver/build_profiles",
    ):
        rebuilt.run_job(job)
    # When a link became known here is the only thing that may differ.
    links = [c for c in silver.IDENTITY_LINKS.columns if c != "valid_from"]
    for table, columns in ((silver.IDENTIFIERS, ["*"]), (silver.IDENTITY_LINKS, links)):
        _assert_equal(*(one.lake.read(table).select(*columns) for one in (rebuilt, demo)))
    who = ("node_id", "profile_id", "component_id")
    people = [{tuple(row[c] for c in who) for row in _map(one)} for one in (rebuilt, demo)]
    assert people[0] == people[1]
    counts = ("first_seen_at", "event_count", "order_count", "revenue_cents", "emails")
    profiles = [one.lake.read(silver.PROFILES).select(*counts) for one in (rebuilt, demo)]
    _assert_equal(*profiles)


def _versions(demo):
    """Of the tables that are there: the world has no batch source and nothing is lost in it."""
    return {t.name: demo.lake.version(t) for t in registry.ALL if demo.lake.exists(t)}


def _map(demo):
    return current(demo.lake.read(silver.IDENTITY_MAP)).collect()


def _stages(demo):
    return demo.lake.read(ops.JOB_RUNS).collect()


def _assert_equal(left, right):
    assert left.exceptAll(right).count() == right.exceptAll(left).count() == 0
