"""The rules of a generated world."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from kinfold.core.errors import ConfError
from kinfold.synthetic import World, write_world
from kinfold.synthetic.world.files import SUMMARY
from synthetic_worlds import DAYS, HORIZON_DAYS, files, raw_lines, readable_events

pytestmark = pytest.mark.xdist_group("synthetic")


def test_the_same_seed_gives_the_same_bytes_in_any_session_and_touches_no_file(
    spark: SparkSession, world: World
) -> None:
    settings = {
        "spark.sql.shuffle.partitions": "5",
        "spark.sql.session.timeZone": "America/New_York",
    }
    usual = {name: spark.conf.get(name) for name in settings}
    bytes_before, times_before = files(world), modified(world)
    messages: list[str] = []
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        again = write_world(
            spark,
            world.directory,
            people=world.people,
            days=world.days,
            seed=world.seed,
            horizon_days=world.horizon_days,
            faults=world.faults,
            progress=messages.append,
        )
    finally:
        for name, value in usual.items():
            spark.conf.set(name, str(value))
    assert files(again) == bytes_before
    assert modified(again) == times_before
    assert again == world
    assert [path.name for path in world.directory.parent.iterdir()] == ["world"]
    assert messages[0] == "events of 90 people on 21 days"


def modified(world: World) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in world.directory.rglob("*")}


def test_another_seed_gives_another_world(make_world: Callable[..., World], world: World) -> None:
    other = make_world(seed=6)
    one, two = files(world), files(other)
    assert set(one) == set(two)
    assert [name for name in one if one[name] == two[name]] == []


def test_a_longer_world_starts_with_the_shorter_one(world: World, longer_world: World) -> None:
    short, long = files(world), files(longer_world)
    events = [name for name in short if name.startswith("events/")]
    assert len(events) == DAYS
    assert [name for name in events if short[name] != long[name]] == []
    assert sum(name.startswith("events/") for name in long) == longer_world.days


def test_every_line_is_counted_by_its_kind(world: World) -> None:
    counts = world.counts
    lines = raw_lines(world)
    assert len(lines) == counts["lines"] == counts["accepted"] + counts["rejected"]
    events = list(readable_events(world))
    unreadable = len(lines) - len(events)
    assert unreadable == counts["malformed"]
    assert counts["rejected"] == counts["malformed"] + counts["schema_breaking"]
    broken = [event for event in events if len(event["event_id"]) == 16]
    assert len(broken) == counts["schema_breaking"]
    whole = [event for event in events if len(event["event_id"]) == 32]
    by_id = Counter(event["event_id"] for event in whole)
    assert len(by_id) == counts["events"]
    assert len(whole) - len(by_id) == counts["duplicates"]


def test_every_kind_of_schema_breaking_event_is_counted(world: World) -> None:
    broken = [event for event in readable_events(world) if len(event["event_id"]) == 16]
    seen = Counter(_breakage(event) for event in broken)
    prefix = "schema_breaking_"
    expected = {
        name.removeprefix(prefix): count
        for name, count in world.counts.items()
        if name.startswith(prefix)
    }
    assert dict(seen) == expected
    assert all(count > 0 for count in expected.values())


def _breakage(event: dict[str, Any]) -> str:
    if event["event_type"] == "product_veiw":
        return "unknown_event_type"
    if event["properties"].get("amount_cents", 0) < 0:
        return "negative_amount"
    if not event["occurred_at"].endswith("Z") or "25:61" in event["occurred_at"]:
        return "bad_timestamp"
    return "missing_property" if "order_id" not in event["properties"] else "nothing"


def test_events_lie_in_the_file_of_the_day_they_were_received(world: World) -> None:
    paths = sorted((world.directory / "events").glob("*.jsonl"))
    assert len(paths) == DAYS
    checked = 0
    for path in paths:
        received = [
            event["received_at"]
            for line in path.read_text().splitlines()
            if line.startswith('{"event_id":"') and line.endswith("}}")
            for event in [json.loads(line)]
        ]
        assert received == sorted(received)
        assert {moment[:10] for moment in received} <= {path.stem}
        checked += len(received)
    assert checked >= world.counts["accepted"]


def test_timing_faults_are_counted_by_their_delay(world: World) -> None:
    first: dict[str, timedelta] = {}
    for event in readable_events(world):
        if len(event["event_id"]) == 32:
            times = [datetime.fromisoformat(event[name]) for name in ("occurred_at", "received_at")]
            first.setdefault(event["event_id"], times[1] - times[0])
    hour, minute, none = timedelta(hours=1), timedelta(minutes=1), timedelta(0)
    assert sum(delay >= hour for delay in first.values()) == world.counts["late"]
    assert sum(minute <= delay < hour for delay in first.values()) == world.counts["out_of_order"]
    assert sum(delay < none for delay in first.values()) == world.counts["clock_skew"]
    assert min(first.values()) > timedelta(minutes=-15)


def test_the_summary_holds_the_counts_and_parameters(world: World) -> None:
    summary = json.loads((world.directory / SUMMARY).read_text())
    assert summary["counts"] == world.counts
    assert summary["parameters"]["people"] == world.people
    assert summary["parameters"]["last_on"] == "2026-01-21" == world.last_on.isoformat()
    assert summary["parameters"]["horizon_days"] == HORIZON_DAYS


def test_a_world_of_one_person_without_visits_is_complete(
    spark: SparkSession, tmp_path: Path
) -> None:
    world = write_world(spark, tmp_path / "world", people=1, days=1, seed=3, horizon_days=1)
    assert set(world.counts.values()) == {0}
    assert files(world)["events/2026-01-01.jsonl"] == b""


def test_a_world_without_people_or_days_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="people is 0, days is -1, expected at least 1"):
        write_world(spark, tmp_path / "world", people=0, days=-1, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_a_world_is_not_changed(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfError, match="Nothing was written"):
        write_world(spark, tmp_path, people=1, days=1, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
