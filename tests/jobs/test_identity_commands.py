"""The commands of operators, on one lake that a job has written.

Each test leaves the people as they were before.
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

pytestmark = pytest.mark.usefixtures("tokyo")

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
    """A lake and its jobs."""

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
        existing = [table for table in registry.ALL if self.lake.exists(table)]
        return {table.name: self.lake.version(table) for table in existing}


@pytest.fixture(scope="module")
def world(spark, tmp_path_factory):
    made = World(spark, tmp_path_factory.mktemp("operators"))
    made.land(*WORLD)
    return made


@pytest.fixture
def output_of(world, capsys):
    """`output_of(job, *argv)`: what a job prints."""

    def started(job, *argv):
        capsys.readouterr()
        world.run(job, *argv)
        return capsys.readouterr().out

    return started


def decision_of(text):
    return re.search(r"Decision ([0-9a-f]{16})", text)[1]


def test_one_person_is_explained_by_the_strongest_path(world, output_of):
    text = output_of(EXPLAIN, "--a", HERS, "--b", ANN)
    assert f"{HERS} and {ANN} are one person." in text
    assert f"person {world.person(ANN)} since" in text
    assert "2 links, the weakest with trust 0.50" in text
    assert "rule seen_together (version 2), trust 0.90" in text
    assert "Removing any one of links 1, 2 would separate them." in text
    assert "ann@example.org" not in text
    shown = output_of(EXPLAIN, "--a", HERS, "--b", ANN, "--show-values")
    assert "email:ann@example.org" in shown
    assert "event or record a2 of shop" in shown


def test_different_people_are_explained_by_links_that_do_not_count(output_of):
    assert output_of(EXPLAIN, "--a", ANN, "--b", BOB).endswith("No links connect them.\n")
    text = output_of(EXPLAIN, "--a", "user_id:s1", "--b", "user_id:s2")
    assert "are not one person" in text
    assert text.count("blocked: a value that too many share") == 2
    assert "kiosk" not in text
    assert "no person (shared identifier: 7 user_id have it, 2 may)" in output_of(
        EXPLAIN, "--a", "user_id:s1", "--b", KIOSK
    )


def test_an_email_is_found_as_people_write_it(output_of):
    assert "are one person" in output_of(EXPLAIN, "--a", "email:Ann@Example.org", "--b", ANN)


def test_an_unlink_also_applies_to_a_back_fill_until_it_is_undone(world, output_of):
    before = world.versions()
    dry = output_of(UNLINK, "--a", MAIL, "--reason", "shared mailbox", "--dry-run")
    assert "Nothing was written. The decision would change:" in dry
    assert dry.count("split: 1 identifier of person") == 2
    assert world.versions() == before

    text = output_of(UNLINK, "--a", MAIL, "--reason", "shared mailbox")
    assert text.count("split: 1 identifier of person") == 2
    assert len({world.person(one) for one in (ANN, MAIL, HERS)}) == 3
    assert "withdrawn: an operator unlinked it" in output_of(EXPLAIN, "--a", HERS, "--b", ANN)

    world.land(
        seen("a0", "2025-01-01", email="ann@example.org", cookie_id="c9"),
        seen("a00", "2025-01-01", email="ann@example.org", cookie_id="old"),
    )
    assert len({world.person(one) for one in (MAIL, HERS, "cookie_id:old")}) == 3

    decision = decision_of(text)
    with pytest.raises(ConfError, match=rf"Use jobs/silver/unlink_identity.py --undo {decision}"):
        world.run(LINK, "--undo", decision)
    text = output_of(UNLINK, "--undo", decision)
    assert f"Decision {decision} (unlink) is undone." in text
    assert len({world.person(one) for one in (ANN, MAIL, HERS, "cookie_id:old")}) == 1
    with pytest.raises(ConfError, match=f"--undo {decision}: was undone on"):
        world.run(UNLINK, "--undo", decision)


def test_two_are_kept_apart_and_joined_again(world, output_of):
    text = output_of(UNLINK, "--a", ANN, "--b", HERS, "--reason", "her brother's")
    assert world.person(ANN) != world.person(HERS)
    why = output_of(EXPLAIN, "--a", ANN, "--b", HERS)
    assert "blocked: an operator keeps them apart" in why
    with pytest.raises(ConfError, match=r"is the opposite \(keep_apart\) for the same two"):
        world.run(LINK, "--a", HERS, "--b", ANN, "--reason", "no")
    output_of(UNLINK, "--undo", decision_of(text))
    assert world.person(ANN) == world.person(HERS)


def test_a_link_that_a_limit_refuses_is_reported(world, output_of):
    text = output_of(LINK, "--a", ANN, "--b", BOB, "--reason", "same person")
    assert "A guard refuses the link, so they stay two people: too many user_id." in text
    assert world.person(ANN) != world.person(BOB)
    output_of(LINK, "--undo", decision_of(text))
    assert (
        output_of(EXPLAIN, "--a", ANN, "--b", BOB).count("withdrawn: the operator who made it") == 1
    )


def test_a_link_joins_and_its_undo_separates(world, output_of):
    dry = output_of(LINK, "--a", LONE, "--b", ANN, "--reason", "she said so", "--dry-run")
    text = output_of(LINK, "--a", LONE, "--b", ANN, "--reason", "she said so")
    assert "merge: 2 identifiers of person" in dry
    assert text.splitlines()[1:] == dry.splitlines()[1:]
    assert world.person(LONE) == world.person(ANN)
    with pytest.raises(ConfError, match="links it to another identifier, which an unlink does not"):
        world.run(UNLINK, "--a", ANN, "--reason", "no")
    output_of(LINK, "--undo", decision_of(text))
    assert world.person(LONE) != world.person(ANN)


def test_a_decision_while_identities_are_resolved_is_applied_later(world, output_of):
    def busy(*argv):
        with world.lake.writing(silver.IDENTITY_MAP), pytest.raises(LakeError) as error:
            world.run(LINK, *argv)
        assert "is stored in silver.identity_decisions and has no effect yet" in str(error.value)
        return re.search("[0-9a-f]{16}", str(error.value))[0]

    link = ["--a", LONE, "--b", ANN, "--reason", "she said so"]
    decision = busy(*link)
    assert world.person(LONE) != world.person(ANN)
    world.run("silver/resolve_identities")
    assert world.person(LONE) == world.person(ANN)
    with pytest.raises(ConfError, match=f"Decision {decision} is the same"):
        world.run(LINK, *link)

    assert busy("--undo", decision) == decision
    text = output_of(LINK, "--undo", decision)  # the same command again
    assert f"Decision {decision} (link) is undone." in text
    assert world.person(LONE) != world.person(ANN)


def test_a_released_value_has_a_person_until_that_is_undone(world, output_of):
    assert world.person(KIOSK) is None
    text = output_of(RELEASE, "--a", KIOSK, "--reason", "it is his own")
    assert world.person(KIOSK) is not None
    output_of(RELEASE, "--undo", decision_of(text))
    assert world.person(KIOSK) is None


def test_what_if_prints_merges_and_splits_and_writes_nothing(world, output_of):
    before = world.versions()
    same = json.loads(output_of(WHAT_IF, "--json"))
    assert (same["merges"], same["splits"], same["set_aside"]) == ([], [], [])
    assert same["people_today"] == same["people_then"]

    looser = [
        "--set",
        "identity.namespaces.device_id.shared_by.user_id=9",
        "--set",
        "identity.namespaces.user_id.per_person=3",
    ]
    merged = json.loads(output_of(WHAT_IF, "--json", *looser))
    assert merged["merges"][0]["parts"] == [1, 1, 1]
    assert merged["from_nobody"] == 1
    assert merged["blocked_then"] == 4

    without = output_of(WHAT_IF, "--without-rule", "seen_together")
    assert f"{world.person(ANN)} into" in without
    aside = json.loads(output_of(WHAT_IF, "--set-aside", MAIL, "--json"))
    assert aside["splits"][0]["person"] == world.person(ANN)
    assert (aside["to_nobody"], len(aside["set_aside"])) == (1, 1)
    assert world.versions() == before


WRONG = [
    (EXPLAIN, ["--a", "user_id:ann", "--b", "cookie:c9"], "Did you mean 'cookie_id'?"),
    (EXPLAIN, ["--a", "ann", "--b", ANN], "--a: is not of the form NAMESPACE:VALUE"),
    (EXPLAIN, ["--a", ANN, "--b", ANN], "--a and --b name the same identifier"),
    (
        EXPLAIN,
        ["--a", ANN, "--b", "email:no@example.org"],
        "no event or record has this identifier",
    ),
    (UNLINK, ["--a", ANN], "--reason: missing"),
    (UNLINK, ["--a", ANN, "--reason", "  "], "--reason: missing"),
    (UNLINK, ["--undo", "x", "--a", ANN], "Leave out --a"),
    (UNLINK, ["--undo", "x"], "has no such decision"),
    (LINK, ["--a", ANN, "--reason", "why"], "--b: missing"),
    (RELEASE, ["--a", ANN, "--reason", "why"], "is not a shared identifier"),
    (WHAT_IF, ["--without-rule", "match"], "Did you mean 'matched'?"),
    (WHAT_IF, ["--set", "identity.phone_region=DE"], "only a rebuild shows its effect"),
]


@pytest.mark.parametrize(("job", "argv", "message"), WRONG, ids=[m for _, _, m in WRONG])
def test_an_impossible_command_is_an_error_and_writes_nothing(world, job, argv, message):
    before = world.versions()
    with pytest.raises(ConfError) as error:
        world.run(job, *argv)
    assert message in str(error.value)
    assert world.versions() == before


def test_a_lake_without_identities_is_an_error(run, lake_root, spark):
    with pytest.raises(LakeError, match=r"silver\.identifiers"):
        run(EXPLAIN, "--a", ANN, "--b", BOB)
