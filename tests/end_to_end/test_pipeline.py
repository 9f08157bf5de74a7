"""The whole pipeline on a generated world, compared with the truth that the generator recorded."""

import re

import pytest
from pyspark.sql import functions as F

from kinfold.reporting.page import PAGE_FILE
from kinfold.silver.identity.resolution.history import current
from kinfold.synthetic.world.generation import write_world
from kinfold.tables import bronze, gold, ops, registry, silver

# One worker runs the folder in file order, because later tests use the lake of earlier ones.
pytestmark = pytest.mark.xdist_group("demo")


def test_every_sent_line_is_in_bronze_once(demo, summary):
    counts = demo.world.counts
    rows = demo.lake.read(bronze.EVENTS)
    assert rows.count() == counts["lines"] + counts["crm_rows"]
    assert rows.select(*bronze.EVENTS.key).distinct().count() == rows.count()


def test_exactly_the_damaged_lines_are_rejected(demo, summary):
    assert sum(s["rejected"] for s in summary["sources"]) == demo.world.counts["rejected"]


def test_every_rejected_record_has_a_reason_and_no_accepted_record_has_one(demo, summary):
    rows = demo.lake.read(bronze.EVENTS)
    is_accepted = F.col("verdict") == "accepted"
    has_reason = F.coalesce(F.size("errors"), F.lit(0)) > 0
    assert rows.where(is_accepted.eqNullSafe(has_reason)).count() == 0


def test_exactly_the_resent_events_are_duplicates(demo, summary):
    counts = demo.world.counts
    batches = demo.lake.read(ops.BATCHES).where("stage = 'silver'")
    assert batches.agg(F.sum("duplicates")).collect()[0][0] == counts["duplicates"]
    assert summary["tables"]["silver.events"] == counts["events"] + counts["crm_rows"]


def test_every_conservation_law_holds(summary):
    assert summary["ledger"]
    assert [law["name"] for law in summary["ledger"] if not law["is_kept"]] == []


def test_every_published_table_meets_every_rule(demo, summary):
    existing = [table for table in registry.PUBLISHED if demo.lake.exists(table)]
    published = {table.name for table in existing if table.layer != "bronze"}
    assert {t["table_name"] for t in summary["quality"]} == published
    assert all(t["rules"] == t["rules_met"] for t in summary["quality"])


def test_profiles_agree_with_the_true_people(summary):
    truth = summary["identity_truth"]
    assert truth["precision"] > 0.98
    assert truth["recall"] > 0.75
    assert truth["pure_profiles"] / truth["profiles"] > 0.9


def test_there_is_one_profile_per_person_of_the_map(demo, summary):
    """Except people without an event of their own, whose identifiers are never the strongest."""
    people = {row["profile_id"] for row in _map(demo)}
    profiles = {r["profile_id"] for r in demo.lake.read(silver.PROFILES).collect()}
    assert profiles <= people
    without_profile = people - profiles
    kinds = {row["namespace"] for row in _map(demo) if row["profile_id"] in without_profile}
    assert kinds <= {"cookie_id", "device_id", "email", "phone"}
    assert len(without_profile) < len(people) / 50


def test_revenue_of_the_profiles_is_that_of_the_orders_counted_by_hand(demo, summary):
    """The world sends each line of an order as a purchase. Two equal lines of one order are one."""
    said = ["event_type", "order_id", "product_id", "quantity", "amount_cents"]
    events = demo.lake.read(silver.EVENTS).where("order_id is not null")
    lines = {(row["event_id"], *(row[name] for name in said)) for row in events.collect()}
    bought, returned = {}, {}
    for _, order, *_, cents in {line[1:] for line in lines if line[1] == "purchase"}:
        bought[order] = bought.get(order, 0) + cents
    for _, kind, order, *_, cents in lines:
        if kind == "return":
            returned[order] = returned.get(order, 0) + cents
    left = {order: max(0, cents - returned.get(order, 0)) for order, cents in bought.items()}
    of_unknown_orders = sum(cents for order, cents in returned.items() if order not in bought)
    revenue = demo.lake.read(silver.PROFILES).agg(F.sum("revenue_cents")).collect()[0][0]
    assert revenue == sum(left.values()) - of_unknown_orders
    assert len(bought) == demo.lake.read(silver.PROFILES).agg(F.sum("order_count")).collect()[0][0]


def test_every_person_with_features_has_a_segment_and_a_score(demo, summary):
    as_of = demo.lake.read(gold.FEATURES).agg(F.max("as_of")).collect()[0][0]
    people = demo.lake.read(gold.FEATURES).where(F.col("as_of") == as_of).count()
    assert summary["tables"]["gold.segment_members"] == people
    assert summary["tables"]["gold.propensity_scores"] == people


def test_scores_predict_the_true_future_purchases(summary):
    assert summary["propensity_truth"]["auc_roc"] > 0.65


def test_the_page_is_self_contained_and_has_every_chart(demo, summary):
    page = (demo.root / "_report" / PAGE_FILE).read_text()
    links = re.findall(r'(?:src|href)="(?!data:)([^"]*)"', page)
    assert [link for link in links if not link.startswith("data_docs/")] == []
    assert links
    assert all((demo.root / "_report" / link).is_file() for link in links)
    assert page.count("data:image/png;base64,") == 9


def test_no_email_address_is_in_a_delta_log(demo, summary):
    """The log keeps statistics after their row is deleted, so e-mails must not be in them."""
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
    assert again["stages"] == [], "the summary has the jobs of its own run"
    assert again == summary | {"stages": [], "run_id": again["run_id"]}


def test_a_new_day_reads_only_its_lines_and_keeps_profile_ids(demo, summary):
    """One more day of the same world: one new file is read and no profile id changes needlessly."""
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
    changes = demo.lake.read_or_empty(silver.IDENTITY_CHANGES).collect()
    assert {pair for pair in moved if pair[1]} <= {
        (r["from_profile_id"], r["to_profile_id"]) for r in changes
    }
    survivors = set(now.values())
    left = [key for key in known if now.get(key) != known[key] and known[key] in survivors]
    assert len(left) <= len(known) / 100, "identifiers leave people who still exist"
    assert {s["job"] for s in _stages(demo)} >= {"silver/clean_events", "gold/score_propensity"}
    versions = {r["model_version"] for r in demo.lake.read(gold.SEGMENT_MEMBERS).collect()}
    assert versions == {1}, "segments were trained again although the champion is one day old"


def test_an_increment_equals_a_rebuild(demo, summary, tmp_path):
    """The lake that was updated with a new day equals a lake built from all files: profile ids and
    profiles."""
    rebuilt = type(demo)(demo.spark, demo.world, tmp_path / "lake")
    for job in (
        "bronze/ingest_events",
        "silver/clean_events",
        "silver/resolve_identities",
        "silver/build_orders",
        "silver/build_profiles",
    ):
        rebuilt.run_job(job)
    # Only the time when a link became known may differ.
    links = [c for c in silver.IDENTITY_LINKS.columns if c != "valid_from"]
    for table, columns in ((silver.IDENTIFIERS, ["*"]), (silver.IDENTITY_LINKS, links)):
        _assert_equal(*(one.lake.read(table).select(*columns) for one in (rebuilt, demo)))
    columns = ("node_id", "profile_id", "component_id")
    people = [{tuple(row[c] for c in columns) for row in _map(one)} for one in (rebuilt, demo)]
    assert people[0]
    assert people[0] == people[1]
    counts = ("first_seen_at", "event_count", "order_count", "revenue_cents", "emails")
    profiles = [one.lake.read(silver.PROFILES).select(*counts) for one in (rebuilt, demo)]
    _assert_equal(*profiles)


def _versions(demo):
    """The version of each existing table."""
    return {t.name: demo.lake.version(t) for t in registry.ALL if demo.lake.exists(t)}


def _map(demo):
    return current(demo.lake.read(silver.IDENTITY_MAP)).collect()


def _stages(demo):
    return demo.lake.read(ops.JOB_RUNS).collect()


def _assert_equal(left, right):
    assert left.exceptAll(right).count() == right.exceptAll(left).count() == 0
