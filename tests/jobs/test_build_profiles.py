"""Profiles follow the declared survivorship rules in every run."""

import json

import pytest

from frames import assert_rows, at
from kinfold.tables import silver
from lakes import lake_of

MOST_FREQUENT = ("--set", "profiles.survivorship.traits.city.rule=most_frequent")


def identify(event_id, day, city, email="ann@example.org"):
    """An `identify` event of silver with the city of a person."""
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
        ingested_at=at(day),
        is_before_earliest=False,
    )


@pytest.fixture
def add_events(spark, lake_root):
    """`add_events(*events)` appends events to silver.events."""

    def append(*events):
        lake_of(spark, lake_root).append(silver.EVENTS, silver.EVENTS.rows(spark, events))

    return append


@pytest.fixture
def cities(spark, lake_root):
    """E-mail, city and provenance of the city of each profile."""

    def read():
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

    return read


def test_a_changed_rule_rebuilds_all_profiles_and_new_events_those_of_their_people(
    run, add_events, cities
):
    columns = ["email", "city", "event_id", "rule"]
    add_events(
        identify("1", "2026-03-01", "York"),
        identify("2", "2026-03-02", "York"),
        identify("3", "2026-03-03", "Bath"),
        identify("4", "2026-03-03", "Ely", email="ben@example.org"),
    )
    run("silver/resolve_identities")
    run("silver/build_orders")
    run("silver/build_profiles")
    default = "party, most_recent"
    assert_rows(
        cities(),
        columns,
        [("ann@example.org", "Bath", "3", default), ("ben@example.org", "Ely", "4", default)],
    )
    run("silver/build_profiles", *MOST_FREQUENT)
    own = "most_frequent"
    assert_rows(
        cities(),
        columns,
        [("ann@example.org", "York", "2", own), ("ben@example.org", "Ely", "4", own)],
    )
    add_events(identify("5", "2026-03-05", "Bath"), identify("6", "2026-03-06", "Bath"))
    run("silver/resolve_identities")
    run("silver/build_orders")
    run("silver/build_profiles", *MOST_FREQUENT)
    assert_rows(
        cities(),
        columns,
        [("ann@example.org", "Bath", "6", own), ("ben@example.org", "Ely", "4", own)],
    )
