"""Which people a job computes again."""

from frames import assert_rows, at
from kinfold.silver.profiles.attribution import IdentifierRanking
from kinfold.silver.profiles.touched import TouchedPeople, affected_people
from kinfold.tables import gold, silver

MARCH, APRIL = at("2026-03-31"), at("2026-04-30")


def test_people_are_affected_by_new_events_and_by_identifiers_that_moved(spark):
    events = silver.EVENTS.frame(
        spark, dict(event_id="1", identifiers=[dict(namespace="cookie_id", value="c")])
    )
    identity_map = silver.IDENTITY_MAP.frame(
        spark,
        dict(namespace="cookie_id", value="c", profile_id="active"),
        dict(namespace="cookie_id", value="d", profile_id="survivor"),
        dict(namespace="cookie_id", value="e", profile_id="quiet"),
    )
    moved = silver.IDENTITY_MAP.frame(
        spark,
        dict(namespace="cookie_id", value="d", profile_id="merged away"),
        dict(namespace="cookie_id", value="d", profile_id="survivor"),
    ).selectExpr("*", "'update_postimage' as _change_type")
    affected = affected_people(events, moved, identity_map)
    assert_rows(affected, ["profile_id"], [("active",), ("merged away",), ("survivor",)])


def test_people_are_affected_by_events_whose_shared_identifier_no_longer_counts(spark):
    kiosk, cookie = (dict(namespace=n, value="x") for n in ("device_id", "cookie_id"))
    events = silver.EVENTS.frame(spark, dict(event_id="1", identifiers=[kiosk, cookie]))
    identity_map = silver.IDENTITY_MAP.frame(spark, dict(**cookie, profile_id="now theirs"))
    changes = silver.IDENTITY_MAP.frame(spark).selectExpr("*", "'insert' as _change_type")
    affected = affected_people(events.limit(0), changes, identity_map, reranked=events)
    assert_rows(affected, ["profile_id"], [("now theirs",)])


def test_outdated_rows_are_those_of_touched_people_that_are_not_computed_any_more(spark):
    def features(*keys):
        rows = (dict(profile_id=person, as_of=moment) for person, moment in keys)
        return gold.FEATURES.frame(spark, *rows)

    stored = features(("gone", MARCH), ("stays", MARCH), ("stays", APRIL), ("untouched", MARCH))
    people = spark.createDataFrame([("gone",), ("stays",)], "profile_id string")
    touched = TouchedPeople(people, silver.IDENTITY_MAP.frame(spark), IdentifierRanking())
    outdated = touched.outdated(stored, features(("stays", APRIL)), key=gold.FEATURES.key)
    assert_rows(outdated, ["profile_id", "as_of"], [("gone", MARCH), ("stays", MARCH)])
    assert touched.count(default=9) == 2


def test_without_a_limit_every_person_is_touched(spark):
    everyone = TouchedPeople(None, silver.IDENTITY_MAP.frame(spark), IdentifierRanking())
    stored = gold.FEATURES.frame(spark, dict(profile_id="p", as_of=MARCH))
    nothing = gold.FEATURES.frame(spark)
    outdated = everyone.outdated(stored, nothing, key=gold.FEATURES.key)
    assert_rows(outdated, ["profile_id"], [("p",)])
    assert everyone.count(default=9) == 9
