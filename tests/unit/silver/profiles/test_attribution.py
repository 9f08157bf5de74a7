"""Attribution: the person of each event."""

import pytest

from frames import assert_rows, at
from kinfold.core.settings.models import IdentityConf, NamespaceConf
from kinfold.silver.identity.graph.nodes import Namespaces, comparison_hash
from kinfold.silver.profiles.attribution import (
    IdentifierRanking,
    attributed_events,
    events_of_identifiers,
    events_with_person,
    with_person,
)
from kinfold.tables import silver
from lakes import lake_of

USER = dict(namespace="user_id", value="u")
COOKIE = dict(namespace="cookie_id", value="c")
CONF = IdentityConf(
    placeholders=(),
    phone_region="DE",
    namespaces={"user_id": NamespaceConf(), "cookie_id": NamespaceConf()},
)
ANN, BEN = "a" * 32, "b" * 32


def event(event_id, *identifiers):
    return dict(
        event_id=event_id,
        event_type="page_view",
        source="shop",
        occurred_at=at("09:00"),
        received_at=at("09:00"),
        identifiers=list(identifiers),
        source_partition="part-1",
        source_offset=int(event_id),
        record_index=0,
        ingested_at=at("09:00"),
        is_before_earliest=False,
    )


def identifier(profile_id, namespace, value, number, **more):
    return dict(
        node_id=number,
        namespace=namespace,
        value=value,
        profile_id=profile_id,
        person_key=1,
        component_id=1,
        valid_from=at("09:00"),
        **more,
    )


@pytest.fixture
def events(spark):
    return silver.EVENTS.frame(
        spark, event("1", COOKIE), event("2", COOKIE, USER), event("3"), event("4", USER)
    )


@pytest.fixture
def identity_map(spark):
    return silver.IDENTITY_MAP.frame(
        spark, identifier(ANN, "user_id", "u", 1), identifier(BEN, "cookie_id", "c", 2)
    )


def test_the_strongest_identifier_determines_the_person(events, identity_map):
    ranking = IdentifierRanking(Namespaces.of(CONF))
    assert_rows(
        with_person(events, identity_map, ranking),
        ["event_id", "profile_id"],
        [("1", BEN), ("2", ANN), ("3", None), ("4", ANN)],
    )


def test_an_event_keeps_its_columns_and_gets_one_row(events, identity_map):
    attributed = with_person(events, identity_map)
    assert attributed.columns == [*silver.EVENTS.columns, "profile_id"]
    assert attributed.count() == 4


def test_anonymous_events_are_not_attributed(events, identity_map):
    ranking = IdentifierRanking(Namespaces.of(CONF))
    assert_rows(
        attributed_events(events, identity_map, ranking),
        ["event_id", "profile_id"],
        [("1", BEN), ("2", ANN), ("4", ANN)],
    )


def test_the_events_of_a_few_people_are_those_of_all_people_that_are_theirs(events, identity_map):
    ranking = IdentifierRanking(Namespaces.of(CONF))
    everyone = events_of_identifiers(events, identity_map, ranking)
    assert everyone.columns == [*silver.EVENTS.columns, "profile_id"]
    assert_rows(everyone, ["event_id", "profile_id"], [("1", BEN), ("2", ANN), ("4", ANN)])
    of_ben = events_of_identifiers(events, identity_map.where(f"profile_id = '{BEN}'"), ranking)
    assert_rows(of_ben, ["event_id", "profile_id"], [("1", BEN)])


def test_an_identifier_is_matched_by_namespace_and_value(spark):
    events = silver.EVENTS.frame(
        spark,
        dict(event_id="1", identifiers=[dict(namespace="cookie_id", value="c")]),
        dict(event_id="2", identifiers=[]),
    )
    identity_map = silver.IDENTITY_MAP.frame(
        spark,
        dict(namespace="cookie_id", value="c", profile_id="p"),
        dict(namespace="user_id", value="c", profile_id="q"),
    )
    assert_rows(attributed_events(events, identity_map), ["event_id", "profile_id"], [("1", "p")])


def test_a_shared_value_does_not_determine_a_person(spark, events, identity_map):
    row = spark.createDataFrame([("user_id", "u")], "namespace string, value string")
    shared = row.select(comparison_hash(row["namespace"], row["value"])).first()[0]
    ranking = IdentifierRanking(Namespaces.of(CONF), shared=(shared,))
    assert_rows(
        with_person(events, identity_map, ranking),
        ["event_id", "profile_id"],
        [("1", BEN), ("2", BEN), ("3", None), ("4", None)],
    )


def test_the_events_of_a_lake_have_the_person_of_today(spark, lake_root, events):
    lake = lake_of(spark, lake_root)
    lake.append(silver.EVENTS, events)
    lake.append(
        silver.IDENTITY_MAP,
        silver.IDENTITY_MAP.frame(
            spark,
            identifier(BEN, "user_id", "u", 1, valid_to=at("10:00")),
            identifier(ANN, "user_id", "u", 1) | dict(valid_from=at("10:00")),
        ),
    )
    assert_rows(
        events_with_person(lake, identity=CONF),
        ["event_id", "profile_id"],
        [("1", None), ("2", ANN), ("3", None), ("4", ANN)],
    )
