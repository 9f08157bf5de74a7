"""Generated sightings: their truth, and how well connected components resolve them."""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import networkx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyspark.sql import SparkSession, functions as F

from kinfold.reporting.truth import IdentityResult, Truth, identity_result
from kinfold.synthetic import IdentityHazards, sightings as sightings_module
from kinfold.synthetic.people.hazards import JUNK_VALUES
from kinfold.synthetic.sightings import (
    Sightings,
    identity_sightings,
    sighting_blocks,
)

JUNK = {(namespace, value) for namespace, values in JUNK_VALUES.items() for value in values}
TRUST = ("user_id", "crm_id", "email", "phone", "device_id", "cookie_id")
Identifier = tuple[str, str]


@pytest.fixture(scope="module")
def hard() -> Sightings:
    return identity_sightings(people=3_000, seed=7)


def seen_together(sightings: Sightings) -> list[list[Identifier]]:
    """The identifiers of each event, the most trustworthy first."""
    return [
        sorted(
            ((one["namespace"], one["value"]) for one in event),
            key=lambda one: (TRUST.index(one[0]), one[1]),
        )
        for event in sightings.events["identifiers"].to_pylist()
    ]


def result_of(groups: list[set[Identifier]], sightings: Sightings) -> IdentityResult:
    rows = [(*one, str(number)) for number, group in enumerate(groups) for one in group]
    identity_map = pd.DataFrame(rows, columns=["namespace", "value", "profile_id"])
    return identity_result(identity_map, Truth(sightings.truth.to_pandas(), pd.DataFrame()))


def plain_components(sightings: Sightings) -> IdentityResult:
    graph = networkx.Graph()
    for event in seen_together(sightings):
        graph.add_nodes_from(event)
        graph.add_edges_from((event[0], other) for other in event[1:])
    return result_of(list(networkx.connected_components(graph)), sightings)


def guarded_components(sightings: Sightings) -> IdentityResult:
    """Components without values of too many accounts or e-mails; two accounts are never joined."""
    events = seen_together(sightings)
    beside = defaultdict(set)
    for event in events:
        for one in event:
            beside[one].update(event)
    crowded = set()
    for one, others in beside.items():
        count = Counter(namespace for namespace, _ in others)
        is_account = one[0] == "user_id"
        if count["email"] > 6 or (count["crm_id"] > 1 if is_account else count["user_id"] > 3):
            crowded.add(one)
    strength: Counter[tuple[Identifier, Identifier]] = Counter()
    for event in events:
        usable = [one for one in event if one not in crowded]
        strength.update((usable[0], other) for other in usable[1:])
    group = {one: {one} for one in beside}
    weakest_last = sorted(strength, key=lambda link: (TRUST.index(link[1][0]), -strength[link]))
    for left, right in weakest_last:
        joined = group[left] | group[right]
        if Counter(namespace for namespace, _ in joined)["user_id"] <= 1:
            group.update(dict.fromkeys(joined, joined))
    return result_of(list({id(one): one for one in group.values()}.values()), sightings)


def owners(sightings: Sightings) -> dict[Identifier, set[str]]:
    people = defaultdict(set)
    for row in sightings.truth.to_pylist():
        people[row["namespace"], row["value"]].add(row["person_id"])
    return people


def shared_namespaces(hazards: IdentityHazards) -> set[str]:
    owned = owners(identity_sightings(people=2_000, seed=3, hazards=hazards))
    return {namespace for (namespace, _), people in owned.items() if len(people) > 1}


def test_plain_components_merge_most_people_and_guarded_ones_hardly_any(hard: Sightings) -> None:
    plain, guarded = plain_components(hard), guarded_components(hard)
    for name, result in (("plain", plain), ("guarded", guarded)):
        print(f"{name}: precision {result.precision:.4f}, recall {result.recall:.4f}")
    assert plain.precision < 0.1
    assert guarded.precision >= 0.99
    assert guarded.recall >= plain.recall - 0.02


def test_without_junk_plain_components_still_merge_people() -> None:
    hazards = replace(IdentityHazards(), junk_values=0.0)
    result = plain_components(identity_sightings(people=3_000, seed=7, hazards=hazards))
    assert 0.2 < result.precision < 0.8


def test_without_hazards_no_identifier_is_shared_and_plain_components_are_exact() -> None:
    easy = identity_sightings(people=1_000, seed=7, hazards=IdentityHazards.none())
    result = plain_components(easy)
    assert (result.precision, result.shared_identifiers) == (1.0, 0)
    assert set(owners(easy)) == {one for event in seen_together(easy) for one in event}


def test_the_truth_has_every_identifier_sent_except_junk(hard: Sightings) -> None:
    sent = {one for event in seen_together(hard) for one in event}
    assert sent - JUNK == set(owners(hard))
    assert sent >= JUNK


def test_each_hazard_shares_identifiers_of_its_namespaces() -> None:
    none = IdentityHazards.none()
    assert shared_namespaces(replace(none, shared_devices=0.3)) == {"cookie_id", "device_id"}
    assert shared_namespaces(replace(none, kiosk_users=0.3)) == {"cookie_id", "device_id"}
    assert shared_namespaces(replace(none, family_emails=0.3)) == {"email"}
    assert shared_namespaces(replace(none, recycled_phones=0.3)) == {"phone"}
    assert shared_namespaces(replace(none, junk_values=0.3)) == set()


def test_tablets_and_family_emails_have_two_owners_and_kiosks_dozens(hard: Sightings) -> None:
    owned = owners(hard)
    by_namespace = defaultdict(list)
    for (namespace, _), people in owned.items():
        by_namespace[namespace].append(len(people))
    assert max(by_namespace["email"]) == 2
    assert sum(count > 20 for count in by_namespace["cookie_id"]) in (3, 4)
    assert max(max(by_namespace[name]) for name in ("user_id", "crm_id")) == 1


def test_a_recycled_phone_belongs_to_one_person_first_and_to_another_later() -> None:
    hazards = replace(IdentityHazards.none(), recycled_phones=0.3)
    sightings = identity_sightings(people=2_000, seed=3, hazards=hazards)
    person = {one: next(iter(people)) for one, people in owners(sightings).items()}
    passed_on = {one for one, people in owners(sightings).items() if len(people) == 2}
    users = defaultdict(list)
    for event in seen_together(sightings):  # in order of time
        phone = next((one for one in event if one in passed_on), None)
        if phone and event[0][0] != "phone":
            users[phone].append(person[event[0]])
    changes = [sum(a != b for a, b in pairwise(who)) for who in users.values()]
    assert len(changes) > 20
    assert set(changes) <= {0, 1}


def test_about_one_event_in_a_hundred_shows_junk(hard: Sightings) -> None:
    events = seen_together(hard)
    assert 0.007 < sum(not JUNK.isdisjoint(event) for event in events) / len(events) < 0.013


def test_the_same_seed_gives_the_same_rows_and_another_seed_gives_others(hard: Sightings) -> None:
    again = identity_sightings(people=3_000, seed=7)
    assert again.events.equals(hard.events)
    assert again.truth.equals(hard.truth)
    other = identity_sightings(people=3_000, seed=8)
    assert not set(owners(other)) & set(owners(hard))


def test_event_ids_are_unique_and_identifiers_are_in_order(hard: Sightings) -> None:
    assert len(pc.unique(hard.events["event_id"])) == hard.events.num_rows
    for event in hard.events["identifiers"].to_pylist():
        namespaces = [one["namespace"] for one in event]
        assert namespaces == sorted(set(namespaces)) != []


def test_blocks_share_only_junk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings_module, "PEOPLE_PER_BLOCK", 400)
    blocks = list(sighting_blocks(people=1_000, seed=7))
    whole = identity_sightings(people=1_000, seed=7)
    assert pa.concat_tables(block.events for block in blocks).equals(whole.events)
    assert len(pc.unique(whole.events["event_id"])) == whole.events.num_rows
    assert len(pc.unique(whole.truth["person_id"])) == 1_000
    first, second, third = (set(owners(block)) for block in blocks)
    assert not first & second | first & third | second & third


def test_the_frame_has_the_same_events(spark: SparkSession) -> None:
    sightings = identity_sightings(people=50, seed=7)
    frame = sightings.frame(spark)
    assert frame.columns == ["event_id", "occurred_at", "identifiers"]
    (shown,) = frame.agg(F.sum(F.size("identifiers")), F.min("occurred_at").cast("long")).collect()
    sizes = pc.list_value_length(sightings.events["identifiers"])
    earliest = np.datetime64(pc.min(sightings.events["occurred_at"]).as_py().replace(tzinfo=None))
    assert list(shown) == [pc.sum(sizes).as_py(), earliest.astype("datetime64[s]").astype(int)]


def test_wrong_rates_and_no_people_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shared_devices is 1\.5, expected rates in \[0, 1\]"):
        IdentityHazards(shared_devices=1.5)
    with pytest.raises(ValueError, match="people_per_kiosk is 0, expected at least 1"):
        IdentityHazards(people_per_kiosk=0)
    with pytest.raises(ValueError, match="people is 0, expected at least 1"):
        identity_sightings(people=0, seed=1)
