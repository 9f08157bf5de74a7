"""Profiles follow the rules that are declared, from run to run."""

import json

import pytest

from frames import assert_rows, at
from kinfold.tables import silver
from lakes import lake_of

MOST_FREQUENT = ("--set", "profiles.survivorship.traits.city.rule=most_frequent")


def identify(event_id, day, city, email="ann@example.org"):
    """An event of silver that says where somebody lives."""
    return dict(
        event_id=event_id,
        event_type="identify",
        source="shop",
        occurred_at=at(day),
        received_at=at(day),
        identifiers=[dict(namespace="email", value=email)],
        properties=json.dumps({"city": city}),
        source_partition="part-1",
        source_offset=int(event_id),
        record_index=0,
        bronze_version=1,
    )


@pytest.fixture
def said(spark, lake_root):
    """`said(*events)` adds events to the lake."""

    def added(*events):
        lake_of(spark, lake_root).append(silver.EVENTS, silver.EVENTS.rows(spark, events))

    return added


@pytest.fixture
def cities(spark, lake_root):
    """What the profiles say: e-mail, city, and the event and rule it comes from."""

    def found():
        return (
            lake_of(spark, lake_root)
            .read(silver.PROFILES)
            .selectExpr(
                "emails[0] as email",
                "traits['city'] as city",
                "trait_sources['city'].event_id as event_id",
                "trait_sources['city'].rule as rule",
            )
        )

    return found


def test_a_changed_rule_makes_all_profiles_anew_and_new_events_those_they_touch(run, said, cities):
    columns = ["email", "city", "event_id", "rule"]
    said(
        identify("1", "2026-03-01", "York"),
        identify("2", "2026-03-02", "York"),
        identify("3", "2026-03-03", "Bath"),
        identify("4", "2026-03-03", "Ely", email="ben@example.org"),
    )
    run("silver/resolve_identities")
    run("silver/build_profiles")
    usual = "party, most_recent"
    assert_rows(
        cities(),
        columns,
        [("ann@example.org", "Bath", "3", usual), ("ben@example.org", "Ely", "4", usual)],
    )
    run("silver/build_profiles", *MOST_FREQUENT)
    own = "most_frequent"
    assert_rows(
        cities(),
        columns,
        [("ann@example.org", "York", "2", own), ("ben@example.org", "Ely", "4", own)],
    )
    said(identify("5", "2026-03-05", "Bath"), identify("6", "2026-03-06", "Bath"))
    run("silver/resolve_identities")
    run("silver/build_profiles", *MOST_FREQUENT)
    assert_rows(
        cities(),
        columns,
        [("ann@example.org", "Bath", "6", own), ("ben@example.org", "Ely", "4", own)],
    )
