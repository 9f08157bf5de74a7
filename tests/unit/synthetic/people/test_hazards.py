"""A world in which people share more than devices."""

import json
from collections.abc import Callable

import phonenumbers
import pytest

from kinfold.synthetic import IdentityHazards, World
from kinfold.synthetic.people.hazards import JUNK_VALUES
from synthetic_worlds import owners, placeholders, readable_events, sent_identifiers

pytestmark = pytest.mark.xdist_group("synthetic")

JUNK = {(namespace, value) for namespace, values in JUNK_VALUES.items() for value in values}
HAZARDS = IdentityHazards(
    shared_devices=0.4,
    kiosk_users=0.5,
    people_per_kiosk=20,
    family_emails=0.6,
    recycled_phones=0.9,
    junk_values=0.3,
)


@pytest.fixture(scope="module")
def hard_world(make_world: Callable[..., World]) -> World:
    return make_world(days=60, hazards=HAZARDS)


def test_the_truth_has_every_identifier_sent_except_placeholders_and_junk(
    hard_world: World,
) -> None:
    sent = sent_identifiers(hard_world)
    assert sent >= JUNK
    assert sent - placeholders(hard_world) - JUNK == set(owners(hard_world))


def test_devices_emails_and_phones_are_shared(hard_world: World) -> None:
    shared = {one: people for one, people in owners(hard_world).items() if len(people) > 1}
    assert {namespace for namespace, _ in shared} == {"cookie_id", "device_id", "email", "phone"}
    emails = [value for namespace, value in shared if namespace == "email"]
    assert len(emails) > 2
    assert all(value.startswith("family-") for value in emails)
    assert max(len(people) for people in shared.values()) > 4, "no kiosk has several users"


def test_a_phone_passes_from_one_person_to_one_other(hard_world: World) -> None:
    shared = [
        {int(person[1:]) for person in people}
        for (namespace, _), people in owners(hard_world).items()
        if namespace == "phone" and len(people) > 1
    ]
    assert shared
    assert all(max(people) - min(people) == 2 == len(people) for people in shared)


def test_events_with_junk_and_with_a_placeholder_are_counted(hard_world: World) -> None:
    def events_with(values: set[tuple[str, str]]) -> int:
        return len(
            {
                event["event_id"]
                for event in readable_events(hard_world)
                if len(event["event_id"]) == 32 and values & set(event["identifiers"].items())
            }
        )

    assert events_with(JUNK) == hard_world.counts["junk_values"] > 0
    assert events_with(placeholders(hard_world)) == hard_world.counts["placeholders"] > 0


def test_the_summary_lists_the_junk_values_and_the_hazards(hard_world: World) -> None:
    summary = json.loads((hard_world.directory / "truth/world.json").read_text())
    assert summary["parameters"]["hazards"]["kiosk_users"] == 0.5
    assert {one for one, values in summary["junk_values"].items() if values} == set(JUNK_VALUES)


def test_junk_phones_are_valid_numbers() -> None:
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(n)) for n in JUNK_VALUES["phone"])
