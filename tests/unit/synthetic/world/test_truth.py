"""The truth of a world agrees with what was sent."""

import pytest

from kinfold.synthetic import World
from synthetic_worlds import (
    json_rows,
    normalised,
    owners,
    placeholders,
    readable_events,
    sent_identifiers,
)

pytestmark = pytest.mark.xdist_group("synthetic")


def test_the_truth_has_every_identifier_sent_and_no_other(world: World) -> None:
    assert sent_identifiers(world) - placeholders(world) == set(owners(world))
    assert not placeholders(world) & set(owners(world))


def test_identifiers_and_shared_ones_are_counted(world: World) -> None:
    owned = owners(world)
    shared = [identifier for identifier, people in owned.items() if len(people) > 1]
    assert len(owned) == world.counts["identifiers"]
    assert len(shared) == world.counts["shared_identifiers"] > 0
    assert {namespace for namespace, _ in shared} <= {"cookie_id", "device_id"}


def test_events_with_a_placeholder_are_counted(world: World) -> None:
    values = placeholders(world)
    with_placeholder = {
        event["event_id"]
        for event in readable_events(world)
        if len(event["event_id"]) == 32 and values & set(event["identifiers"].items())
    }
    assert len(with_placeholder) == world.counts["placeholders"] > 0


def test_buyers_are_those_who_order_in_the_days_after(
    world: World, clean_longer_world: World
) -> None:
    owned = owners(clean_longer_world)
    bought = set()
    for event in readable_events(clean_longer_world):
        in_horizon = "2026-01-22T" <= event["occurred_at"] < "2026-02-01T"
        if event["event_type"] == "purchase" and in_horizon:
            name = "user_id" if "user_id" in event["identifiers"] else "email"
            bought |= owned[name, normalised(name, event["identifiers"][name])]
    buyers = json_rows(world.directory / "truth/buyers.jsonl")
    buying = {row["person_id"] for row in buyers if row["buys"]}
    seen = {row["person_id"] for row in buyers}
    assert buying == bought & seen
    assert 0 < len(buying) == world.counts["buyers"] < len(seen) == world.counts["people_seen"]


def test_the_next_purchase_lies_within_the_horizon(world: World) -> None:
    buyers = json_rows(world.directory / "truth/buyers.jsonl")
    assert all((row["next_purchase_at"] is not None) == row["buys"] for row in buyers)
    moments = [row["next_purchase_at"] for row in buyers if row["buys"]]
    assert moments
    assert all("2026-01-22T" <= moment < "2026-02-01T" for moment in moments)


def test_every_person_with_an_identifier_has_one_row(world: World) -> None:
    buyers = [row["person_id"] for row in json_rows(world.directory / "truth/buyers.jsonl")]
    people = {person for people in owners(world).values() for person in people}
    assert buyers == sorted(people)
