"""The resolver on real tables: what comes in steps, and what does not fit the driver."""

from datetime import timedelta

import pytest
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.core.settings.loading import project_home
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.resolution.history import current, identity_as_of
from kinfold.tables import ops, silver
from lakes import lake_of

pytestmark = pytest.mark.xdist_group("identities")  # the fixtures take half a minute
JOB = load_main(project_home() / "jobs" / "silver" / "resolve_identities.py")
COOKIE, TABLET, KIOSK = (("cookie_id", name) for name in ("c", "tablet", "kiosk"))
GIVEN_UP, RETURNED = (("phone", name) for name in ("given-up", "returned"))


def user(name):
    return ("user_id", name)


def event(number, moment, *identifiers):
    return dict(
        event_id=str(number),
        event_type="login",
        source="s",
        occurred_at=at(moment),
        received_at=at(moment),
        identifiers=[dict(namespace=n, value=v) for n, v in sorted(identifiers)],
        source_partition="p",
        source_offset=number,
        record_index=0,
        ingested_at=at(moment),
        is_before_earliest=False,
    )


MORNING = [
    event(1, "09:00", COOKIE, user("ann")),
    event(2, "09:10", TABLET, user("ann")),
    event(3, "09:20", TABLET, user("ben")),
    event(4, "09:30", ("cookie_id", "b"), ("email", "ben@example.org")),
    event(6, "2024-01-01", GIVEN_UP, user("dan")),
    event(7, "2024-01-01", RETURNED, user("fay")),
    event(8, "09:40", RETURNED, user("gus")),
]
NOON = [
    event(5, "12:00", user("ben"), ("email", "ben@example.org")),
    *(event(10 + n, "12:10", KIOSK, user(f"guest-{n}")) for n in range(4)),
    event(30, "12:30", GIVEN_UP, user("hal")),
    event(31, "12:40", RETURNED, user("fay")),
    event(20, "12:20", KIOSK, ("email", "eve@example.org"), user("guest-1")),
]


@pytest.fixture(scope="module")
def steps(spark, tmp_path_factory):
    root = str(tmp_path_factory.mktemp("steps") / "lake")
    argv = ["--env", "local", "--set", f"lake.root={root}"]
    lake = lake_of(spark, root)
    lake.append(silver.EVENTS, silver.EVENTS.frame(spark, *MORNING))
    JOB(argv)
    lake.append(silver.EVENTS, silver.EVENTS.frame(spark, *NOON))
    JOB(argv)
    return lake_of(spark, root)


@pytest.fixture(scope="module")
def in_parts(spark, tmp_path_factory):
    """Everything at once, on a driver that holds three links."""
    root = str(tmp_path_factory.mktemp("parts") / "lake")
    lake = lake_of(spark, root)
    lake.append(silver.EVENTS, silver.EVENTS.frame(spark, *MORNING, *NOON))
    JOB(["--env", "local", "--set", f"lake.root={root}", "--set", "identity.driver_links=3"])
    return lake_of(spark, root)


def who(lake):
    return {r["value"]: r["profile_id"] for r in current(lake.read(silver.IDENTITY_MAP)).collect()}


def test_accounts_decide_which_identifiers_are_one_person(steps):
    people = who(steps)
    assert people["c"] == people["tablet"] == people["ann"]
    assert people["b"] == people["ben@example.org"] == people["ben"] != people["ann"]
    assert people["eve@example.org"] == people["guest-1"]
    assert "kiosk" not in people
    assert len(set(people.values())) == 10


def test_a_value_passes_to_its_new_owner_until_the_old_one_is_seen_with_it_again(steps):
    people = who(steps)
    assert people["given-up"] == people["hal"] != people["dan"]
    assert people["returned"] == people["fay"] != people["gus"]
    links = steps.read(silver.IDENTITY_LINKS).where("right_namespace = 'phone'")
    assert_rows(
        links,
        ["left_value", "right_value", "status", "reason"],
        [
            ("dan", "given-up", "blocked", "the value passed to another person"),
            ("hal", "given-up", "active", None),
            ("fay", "returned", "active", None),
            ("gus", "returned", "blocked", "too many user_id"),
        ],
    )


def test_a_link_that_would_join_two_accounts_is_blocked_with_its_reason(steps):
    links = steps.read(silver.IDENTITY_LINKS).where("status <> 'active'")
    assert_rows(
        links.where("right_value = 'tablet'"),
        ["left_value", "status", "reason"],
        [("ben", "blocked", "too many user_id")],
    )
    assert links.where("right_value = 'kiosk'").count() == 4


def test_a_shared_value_is_stored_with_the_merges_it_would_have_made(steps):
    assert_rows(
        steps.read(silver.BAD_VALUES),
        ["value", "evidence", "shared_by", "most", "merges_prevented", "status"],
        [("kiosk", "user_id", 4, 2, 3, "set_aside")],
    )


def test_a_merge_is_stored_as_history(steps):
    changes = steps.read(silver.IDENTITY_CHANGES)
    assert_rows(changes, ["kind", "identifier_count"], [("merge", 2), ("move", 1), ("split", 1)])
    identity_map = steps.read(silver.IDENTITY_MAP)
    merged = changes.where("kind = 'merge'").collect()[0]
    moment = merged["changed_at"]

    def values_at(as_of):
        rows = identity_as_of(identity_map, as_of)
        merged_away = rows.where(F.col("profile_id") == merged["from_profile_id"])
        return {row["value"] for row in merged_away.collect()}

    closed = identity_map.where("valid_to is not null and namespace <> 'phone'")
    assert {row["value"] for row in closed.collect()} == {"b", "ben@example.org"}
    assert values_at(moment - timedelta(microseconds=1)) == {"b", "ben@example.org"}
    assert values_at(moment) == set()


def test_a_graph_in_parts_gives_the_same_result(steps, in_parts):
    assert who(in_parts) == who(steps)
    columns = ["left_value", "right_value", "rule", "status", "reason"]
    one, other = (
        lake.read(silver.IDENTITY_LINKS).select(columns).collect() for lake in (steps, in_parts)
    )
    assert sorted(map(str, one)) == sorted(map(str, other))
    assert in_parts.read(silver.BAD_VALUES).select("value", "merges_prevented").collect() == [
        ("kiosk", 3)
    ]


def test_the_run_counts_what_it_changed(steps):
    runs = steps.read(ops.JOB_RUNS).orderBy("finished_at").collect()
    assert runs[1]["counts"]["moved"] == 3
    assert runs[1]["counts"]["set_aside"] == 1
