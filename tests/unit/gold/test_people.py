"""One row per person with identifiers, traits, segment and score."""

import pytest

from frames import assert_rows, at
from kinfold.gold.people import people, people_view
from kinfold.tables import gold, silver
from lakes import lake_of

MARCH, APRIL = at("2026-03-31"), at("2026-04-30")
ANN, BEN, EVE = (letter * 32 for letter in "abe")


def profile(profile_id, **more):
    return dict(
        profile_id=profile_id,
        first_seen_at=at("09:00"),
        last_seen_at=at("10:00"),
        event_count=1,
        order_count=0,
        return_count=0,
        revenue={},
        revenue_cents=0,
        top_categories=[],
        emails=[],
        phones=[],
        identifier_counts={},
        traits={},
        trait_sources={},
        consent={},
        **more,
    )


def identifier(number, profile_id, namespace, value, **more):
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
def profiles(spark):
    ann = profile(ANN) | dict(traits={"city": "Bath"}, consent={"email": "granted"}, event_count=7)
    return silver.PROFILES.frame(spark, ann, profile(BEN), profile(EVE))


@pytest.fixture
def identity_map(spark):
    return silver.IDENTITY_MAP.frame(
        spark,
        identifier(1, ANN, "email", "b@x.org"),
        identifier(2, ANN, "email", "a@x.org"),
        identifier(3, ANN, "record", '["crm","7"]'),
        identifier(4, BEN, "cookie_id", "c1"),
        identifier(5, BEN, "cookie_id", "c2", valid_to=at("10:00")),
    )


@pytest.fixture
def view(spark, profiles, identity_map):
    members = gold.SEGMENT_MEMBERS.frame(
        spark,
        dict(profile_id=ANN, model_version=2, segment_id=1, as_of=APRIL, since=MARCH),
        dict(profile_id=BEN, model_version=2, segment_id=9, as_of=APRIL, since=APRIL),
    )
    segments = gold.SEGMENTS.frame(
        spark,
        dict(model_version=1, segment_id=1, name="Visitors"),
        dict(model_version=2, segment_id=1, name="Big spenders"),
    )
    scores = gold.PROPENSITY_SCORES.frame(
        spark,
        dict(profile_id=ANN, model="m", as_of=MARCH, probability=0.1, decile=10),
        dict(profile_id=BEN, model="m", as_of=MARCH, probability=0.2, decile=9),
        dict(profile_id=ANN, model="m", as_of=APRIL, probability=0.9, decile=1),
        dict(profile_id=ANN, model="n", as_of=APRIL, probability=0.5, decile=4),
    )
    return people_view(profiles, identity_map, members, segments, scores)


def test_there_is_one_row_per_profile_with_its_traits(view):
    columns = ["profile_id", "traits", "consent", "event_count", "first_seen_at"]
    nine = at("09:00")
    assert_rows(
        view,
        columns,
        [
            (ANN, {"city": "Bath"}, {"email": "granted"}, 7, nine),
            (BEN, {}, {}, 1, nine),
            (EVE, {}, {}, 1, nine),
        ],
    )


def test_identifiers_of_today_are_listed_by_namespace(view):
    assert_rows(
        view,
        ["profile_id", "identifiers"],
        [
            (ANN, {"email": ["a@x.org", "b@x.org"], "record": ['["crm","7"]']}),
            (BEN, {"cookie_id": ["c1"]}),
            (EVE, {}),
        ],
    )


def test_the_segment_is_named_by_the_version_that_assigned_it(view):
    assert_rows(
        view,
        ["profile_id", "segment_id", "segment_name", "segment_since"],
        [(ANN, 1, "Big spenders", MARCH), (BEN, 9, None, APRIL), (EVE, None, None, None)],
    )


def test_the_score_is_of_the_newest_moment_and_of_the_first_model_by_name(view):
    assert_rows(
        view,
        ["profile_id", "score_model", "probability", "decile", "scored_as_of"],
        [
            (ANN, "m", 0.9, 1, APRIL),
            (BEN, None, None, None, None),
            (EVE, None, None, None, None),
        ],
    )


def test_people_of_a_lake_without_gold_tables_have_no_segment_and_no_score(
    spark, lake_root, profiles, identity_map
):
    lake = lake_of(spark, lake_root)
    lake.append(silver.PROFILES, profiles)
    lake.append(silver.IDENTITY_MAP, identity_map)
    assert_rows(
        people(lake),
        ["profile_id", "segment_name", "probability"],
        [(ANN, None, None), (BEN, None, None), (EVE, None, None)],
    )
