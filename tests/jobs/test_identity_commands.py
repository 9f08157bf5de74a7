"""Operators ask and decide about identifiers, on one lake that a job has made.

Each test leaves the people as it found them.
"""

import json
import re

import pytest
from pyspark.sql import functions as F

from kinfold.core.errors import ConfError, LakeError
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import registry, silver
from lakes import lake_of
from project import HOME
from records import NATIVE, purchase

EXPLAIN, UNLINK = "silver/explain_identity", "silver/unlink_identity"
LINK, RELEASE = "silver/link_identity", "silver/release_value"
WHAT_IF = "silver/what_if_identity"


def seen(event_id, at="2026-03-01", **identifiers):
    return purchase(event_id, occurred_at=f"{at}T09:00:00Z", identifiers=identifiers)


WORLD = [
    seen("a1", user_id="ann", email="ann@example.org"),
    seen("a2", email="ann@example.org", cookie_id="c9"),
    seen("b1", user_id="bob", cookie_id="c2"),
    seen("x1", cookie_id="lone", device_id="d7"),
    *(seen(f"s{n}", user_id=f"s{n}", device_id="kiosk") for n in range(7)),
]
ANN, HERS, BOB = "user_id:ann", "cookie_id:c9", "user_id:bob"
MAIL, KIOSK, LONE = "email:ann@example.org", "device_id:kiosk", "cookie_id:lone"


class World:
    """A lake and the jobs that work on it."""

    def __init__(self, spark, folder):
        self.lake = lake_of(spark, str(folder / "lake"))
        self.input = folder / "events"
        self.input.mkdir()
        self.source = folder / "shop.yaml"
        self.source.write_text(NATIVE)

    def run(self, job, *argv):
        where = ["--set", f"lake.root={self.lake.root}"]
        load_main(HOME / "jobs" / f"{job}.py")([*where, *argv])

    def land(self, *events):
        (self.input / f"part-{len(list(self.input.iterdir()))}").write_text("".join(events))
        self.run("bronze/ingest_events", "--source", str(self.source), "--input", str(self.input))
        self.run("silver/clean_events")
        self.run("silver/resolve_identities")

    def person(self, identifier):
        namespace, _, value = identifier.partition(":")
        rows = current(self.lake.read(silver.IDENTITY_MAP)).where(
            (F.col("namespace") == namespace) & (F.col("value") == value)
        )
        return next((row["profile_id"] for row in rows.collect()), None)

    def versions(self):
        there = [table for table in registry.ALL if self.lake.exists(table)]
        return {table.name: self.lake.version(table) for table in there}


@pytest.fixture(scope="module")
def world(spark, tmp_path_factory):
    made = World(spark, tmp_path_factory.mktemp("operators"))
    made.land(*WORLD)
    return made


@pytest.fixture
def told(world, capsys):
    """`told(job, *argv)`: what a job prints."""

    def started(job, *argv):
        capsys.readouterr()
        world.run(job, *argv)
        return capsys.readouterr().out

    return started


def decision_of(text):
    return re.search(r"Decision ([0-9a-f]{16})", text)[1]


def test_one_person_is_explained_by_the_strongest_path(world, told):
    text = told(EXPLAIN, "--a", HERS, "--b", ANN)
    assert f"{HERS} and {ANN} are one person." in text
    assert f"person {world.person(ANN)} since" in text
    assert "2 links, the weakest with trust 0.50" in text
    assert "rule seen_together (version 1), trust 0.90" in text
    assert "Taking away any one of links 1, 2 would part them." in text
    assert "ann@example.org" not in text
    shown = told(EXPLAIN, "--a", HERS, "--b", ANN, "--show-values")
    assert "email:ann@example.org" in shown
    assert "event or record a2 of shop" in shown


def test_different_people_are_explained_by_what_does_not_count(told):
    assert told(EXPLAIN, "--a", ANN, "--b", BOB).endswith("Nothing links them.\n")
    text = told(EXPLAIN, "--a", "user_id:s1", "--b", "user_id:s2")
    assert "are not one person" in text
    assert text.count("blocked: a value that too many share") == 2
    assert "kiosk" not in text
    assert "nobody's (set aside: shared by 7 user_id, 2 may)" in told(
        EXPLAIN, "--a", "user_id:s1", "--b", KIOSK
    )


def test_an_email_is_found_as_people_write_it(told):
    assert "are one person" in told(EXPLAIN, "--a", "email:Ann@Example.org", "--b", ANN)


def test_an_unlinked_value_stays_so_for_a_back_fill_until_the_decision_is_undone(world, told):
    before = world.versions()
    dry = told(UNLINK, "--a", MAIL, "--reason", "shared mailbox", "--dry-run")
    assert "Nothing was written. Decided, it would change:" in dry
    assert dry.count("split: 1 identifier of person") == 2
    assert world.versions() == before

    text = told(UNLINK, "--a", MAIL, "--reason", "shared mailbox")
    assert text.count("split: 1 identifier of person") == 2
    assert len({world.person(one) for one in (ANN, MAIL, HERS)}) == 3
    assert "withdrawn: an operator unlinked it" in told(EXPLAIN, "--a", HERS, "--b", ANN)

    world.land(
        seen("a0", "2025-01-01", email="ann@example.org", cookie_id="c9"),
        seen("a00", "2025-01-01", email="ann@example.org", cookie_id="old"),
    )
    assert len({world.person(one) for one in (MAIL, HERS, "cookie_id:old")}) == 3

    decision = decision_of(text)
    with pytest.raises(ConfError, match=rf"Use jobs/silver/unlink_identity.py --undo {decision}"):
        world.run(LINK, "--undo", decision)
    text = told(UNLINK, "--undo", decision)
    assert f"Decision {decision} (unlink) is taken back." in text
    assert len({world.person(one) for one in (ANN, MAIL, HERS, "cookie_id:old")}) == 1
    with pytest.raises(ConfError, match=f"--undo {decision}: was taken back on"):
        world.run(UNLINK, "--undo", decision)


def test_two_are_kept_apart_and_joined_again(world, told):
    text = told(UNLINK, "--a", ANN, "--b", HERS, "--reason", "her brother's")
    assert world.person(ANN) != world.person(HERS)
    why = told(EXPLAIN, "--a", ANN, "--b", HERS)
    assert "blocked: an operator keeps them apart" in why
    with pytest.raises(ConfError, match=r"says the opposite \(keep_apart\) of these two"):
        world.run(LINK, "--a", HERS, "--b", ANN, "--reason", "no")
    told(UNLINK, "--undo", decision_of(text))
    assert world.person(ANN) == world.person(HERS)


def test_a_link_that_a_limit_refuses_is_told(world, told):
    text = told(LINK, "--a", ANN, "--b", BOB, "--reason", "same person")
    assert "A guard refuses the link, so they stay apart: too many user_id." in text
    assert world.person(ANN) != world.person(BOB)
    told(LINK, "--undo", decision_of(text))
    assert told(EXPLAIN, "--a", ANN, "--b", BOB).count("withdrawn: the operator who made it") == 1


def test_a_link_joins_and_its_undo_parts(world, told):
    dry = told(LINK, "--a", LONE, "--b", ANN, "--reason", "she said so", "--dry-run")
    text = told(LINK, "--a", LONE, "--b", ANN, "--reason", "she said so")
    assert "merge: 2 identifiers of person" in dry
    assert text.splitlines()[1:] == dry.splitlines()[1:]
    assert world.person(LONE) == world.person(ANN)
    with pytest.raises(ConfError, match="links it to another identifier, which an unlink does not"):
        world.run(UNLINK, "--a", ANN, "--reason", "no")
    told(LINK, "--undo", decision_of(text))
    assert world.person(LONE) != world.person(ANN)


def test_a_released_value_is_somebodys_until_that_is_undone(world, told):
    assert world.person(KIOSK) is None
    text = told(RELEASE, "--a", KIOSK, "--reason", "it is his own")
    assert world.person(KIOSK) is not None
    told(RELEASE, "--undo", decision_of(text))
    assert world.person(KIOSK) is None


def test_what_if_tells_who_would_merge_or_split_and_writes_nothing(world, told):
    before = world.versions()
    same = json.loads(told(WHAT_IF, "--json"))
    assert (same["merges"], same["splits"], same["set_aside"]) == ([], [], [])
    assert same["people_today"] == same["people_then"]

    looser = [
        "--set",
        "identity.namespaces.device_id.shared_by.user_id=9",
        "--set",
        "identity.namespaces.user_id.per_person=3",
    ]
    merged = json.loads(told(WHAT_IF, "--json", *looser))
    assert merged["merges"][0]["parts"] == [1, 1, 1]
    assert merged["from_nobody"] == 1
    assert merged["blocked_then"] == 4

    without = told(WHAT_IF, "--without-rule", "seen_together")
    assert f"{world.person(ANN)} into" in without
    aside = json.loads(told(WHAT_IF, "--set-aside", MAIL, "--json"))
    assert aside["splits"][0]["person"] == world.person(ANN)
    assert (aside["to_nobody"], len(aside["set_aside"])) == (1, 1)
    assert world.versions() == before


WRONG = [
    (EXPLAIN, ["--a", "user_id:ann", "--b", "cookie:c9"], "Did you mean 'cookie_id'?"),
    (EXPLAIN, ["--a", "ann", "--b", ANN], "--a: is not of the form NAMESPACE:VALUE"),
    (EXPLAIN, ["--a", ANN, "--b", ANN], "--a and --b name the same identifier"),
    (EXPLAIN, ["--a", ANN, "--b", "email:no@example.org"], "no event or record with it"),
    (UNLINK, ["--a", ANN], "--reason: not given"),
    (UNLINK, ["--a", ANN, "--reason", "  "], "--reason: not given"),
    (UNLINK, ["--undo", "x", "--a", ANN], "leave out --a"),
    (UNLINK, ["--undo", "x"], "there is no such decision"),
    (LINK, ["--a", ANN, "--reason", "why"], "--b: not given"),
    (RELEASE, ["--a", ANN, "--reason", "why"], "is not set aside"),
    (WHAT_IF, ["--without-rule", "match"], "Did you mean 'matched'?"),
    (WHAT_IF, ["--set", "identity.phone_region=DE"], "it takes a rebuild to see what it does"),
]


@pytest.mark.parametrize(("job", "argv", "message"), WRONG, ids=[m for _, _, m in WRONG])
def test_what_cannot_be_done_is_told_in_a_line_and_writes_nothing(world, job, argv, message):
    before = world.versions()
    with pytest.raises(ConfError) as error:
        world.run(job, *argv)
    assert message in str(error.value)
    assert world.versions() == before


def test_a_lake_without_people_is_told(run, lake_root, spark):
    with pytest.raises(LakeError, match=r"silver\.identifiers"):
        run(EXPLAIN, "--a", ANN, "--b", BOB)
