"""Similar records become one person in the identity graph, and separate again."""

import json
import shutil
from random import Random

import pytest
from pyspark.sql import functions as F

from frames import at
from kinfold.core.settings.loading import load_settings, project_home
from kinfold.models.placement import tracking_of
from kinfold.models.tracking import client_of
from kinfold.runtime.suite import load_main
from kinfold.silver.identity.resolution.history import current
from kinfold.tables import silver
from lakes import lake_of

pytestmark = pytest.mark.xdist_group("matched_records")  # the fixtures take half a minute
JOB = load_main(project_home() / "jobs" / "silver" / "resolve_identities.py")
SYLLABLES = ("ka", "mer", "lo", "vin", "sta", "bri", "dor", "el", "un", "tho", "gra", "wick")
PEOPLE = 150
TWICE = 60
"""How many of them are also in a second source, with one letter of the name missing."""


def people():
    """(source, record_id, traits, person) of generated people; record ids are random."""
    draw = Random(11)
    ids = draw.sample(range(100_000), PEOPLE + TWICE)
    for person in range(PEOPLE):
        first, last = ("".join(draw.choices(SYLLABLES, k=3)) for _ in range(2))
        born = f"{draw.randint(1940, 2005)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        city = draw.choice(("Leeds", "York", "Hull", "Ripon"))
        traits = {"first_name": first, "last_name": last, "birth_on": born, "city": city}
        yield "crm", f"{ids.pop()}", traits, person
        if person < TWICE:
            at_letter = draw.randrange(1, len(last) - 1)
            wrong = last[:at_letter] + last[at_letter + 1 :]
            yield "shop", f"{ids.pop()}", {**traits, "last_name": wrong}, person


RECORDS = list(people())


def row(source, record_id, traits, moment="09:00"):
    return dict(
        source=source,
        record_id=record_id,
        identifiers=[],
        identifiers_since=[],
        traits=traits,
        party="first",
        purposes=[],
        changed_at=at(moment),
        is_before_earliest=False,
        ingested_at=at(moment),
        content_hash=f"{source}/{record_id}/{moment}",
        batch_id=0,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return str(tmp_path_factory.mktemp("match") / "lake")


@pytest.fixture(scope="module")
def argv(root):
    kinds = "{first_name: given_name, last_name: surname, birth_on: birth_date, city: place}"
    return ["--set", f"lake.root={root}", "--set", f"identity.match={kinds}"]


@pytest.fixture(scope="module")
def matched(spark, root, argv):
    """The profile of each record, after the first run and after one record has changed."""
    lake = lake_of(spark, root)
    lake.ensure(silver.EVENTS)
    rows = [row(source, record_id, traits) for source, record_id, traits, _ in RECORDS]
    lake.append(silver.RECORDS, silver.RECORDS.frame(spark, *rows))
    JOB(argv)
    before = profiles_of(lake_of(spark, root))
    source, record_id, _, _ = next(r for r in RECORDS if r[0] == "shop")
    other = dict(first_name="Zyxw", last_name="Qqqvut", birth_on="1911-01-01", city="Hull")
    lake.upsert(
        silver.RECORDS,
        silver.RECORDS.frame(spark, row(source, record_id, other, "12:00")),
    )
    JOB(argv)
    return before, profiles_of(lake_of(spark, root))


@pytest.fixture(scope="module")
def rebuilt(spark, root, argv, matched):
    """What matching has stored after the change of one record, and after a rebuild."""
    by_changes = stored(lake_of(spark, root))
    shutil.rmtree(lake_of(spark, root).path(silver.MATCH_PAIRS))
    JOB(argv)
    return by_changes, stored(lake_of(spark, root))


def stored(lake):
    """By table, the rows that matching decides."""
    links = lake.read(silver.IDENTITY_LINKS).where("rule = 'matched' and status != 'withdrawn'")
    columns = ("link_id", "rule_version", "trust", "weight", "first_seen_at", "status")
    return {
        "models": lake.read(silver.MATCH_MODELS).collect(),
        "pairs": sorted(tuple(row) for row in lake.read(silver.MATCH_PAIRS).collect()),
        "links": sorted(tuple(row) for row in links.select(*columns).collect()),
        "people": profiles_of(lake),
    }


def profiles_of(lake):
    nodes = current(lake.read(silver.IDENTITY_MAP)).where(F.col("namespace") == "record")
    return {node["value"]: node["profile_id"] for node in nodes.collect()}


def named(source, record_id):
    return json.dumps([source, record_id], separators=(",", ":"))


def test_records_of_one_person_are_one_profile(matched):
    before, _ = matched
    assert len(before) == PEOPLE + TWICE
    theirs: dict[int, set[str]] = {}
    for source, record_id, _, person in RECORDS:
        theirs.setdefault(person, set()).add(before[named(source, record_id)])
    together = sum(len(theirs[person]) == 1 for person in range(TWICE))
    assert together >= 0.95 * TWICE
    assert len({p for profiles in theirs.values() for p in profiles}) >= PEOPLE


def test_a_record_that_is_no_longer_similar_is_separated(matched):
    before, after = matched
    source, record_id, _, person = next(r for r in RECORDS if r[0] == "shop")
    first = next(named(s, r) for s, r, _, p in RECORDS if p == person and s == "crm")
    changed = named(source, record_id)
    assert before[changed] == before[first]
    assert after[changed] != after[first]
    others = {name for name in before if name not in (changed, first)}
    assert sum(before[name] != after[name] for name in others) <= 0.02 * len(others)


def test_after_a_change_matching_has_stored_what_a_rebuild_stores(rebuilt):
    by_changes, by_rebuild = rebuilt
    assert by_changes == by_rebuild
    assert len(by_changes["pairs"]) == (PEOPLE + TWICE) * (PEOPLE + TWICE - 1) / 2


def test_only_pairs_of_the_changed_record_were_compared(rebuilt, root):
    first, changed, again = runs_of_matching(root)
    every = (PEOPLE + TWICE) * (PEOPLE + TWICE - 1) / 2
    compared = [run.data.metrics["pairs_compared"] for run in (first, changed, again)]
    assert compared == [every, PEOPLE + TWICE - 1, every]


def runs_of_matching(root):
    """The MLflow runs of matching in the lake, the oldest first."""
    settings = load_settings(project_home(), "local", {"lake.root": root})
    tracking = tracking_of(settings)
    runs = client_of(tracking).search_runs([tracking.experiment_id])
    return sorted(runs, key=lambda run: run.info.start_time)


def test_the_estimated_quality_of_matching_is_in_mlflow(rebuilt, root):
    runs = runs_of_matching(root)
    assert len(runs) == 3
    for run in runs:
        assert run.data.metrics["records"] == PEOPLE + TWICE
        assert 0.8 < run.data.metrics["estimated_precision"] <= 1
        assert 0.8 < run.data.metrics["estimated_recall"] <= 1
        assert run.data.params["input.silver.records"]
