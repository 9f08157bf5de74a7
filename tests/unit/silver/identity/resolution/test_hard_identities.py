"""The committed settings, on generated people who share identifiers."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from kinfold.core.settings.loading import load_settings, project_home
from kinfold.reporting.truth import Truth, identity_result
from kinfold.silver.identity.graph.handovers import day_of
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.resolution.assignment import guard_rules, resolved_graph
from kinfold.silver.identity.resolution.stored_graph import graph_of
from kinfold.synthetic.sightings import Sightings, identity_sightings

CONF = load_settings(project_home(), "local", {}).identity
NAMESPACES = Namespaces.of(CONF)
RANK = {name: rank for rank, name in enumerate(NAMESPACES.names)}
TRUST = {name: kind.trust for name, kind in CONF.namespaces.items()}


def no_rows(*columns):
    return {column: np.empty(0, np.int64) for column in columns}


def resolved_world(world: Sightings, *, with_guards: bool, rounds: int = 2) -> pd.DataFrame:
    """The map of generated sightings: links by a plain loop, people by `resolved_graph`."""
    numbers: dict[tuple[str, str], int] = {}
    first: dict[int, int] = {}
    stars = []
    for moment, identifiers in zip(
        pc.cast(world.events["occurred_at"], pa.int64()).to_pylist(),
        world.events["identifiers"].to_pylist(),
        strict=True,
    ):
        star = sorted((RANK[i["namespace"]], i["namespace"], i["value"]) for i in identifiers)
        nodes = [numbers.setdefault((n, v), len(numbers)) for _, n, v in star]
        for node in nodes:
            first[node] = min(moment, first.get(node, moment))
        stars.append((moment, nodes))
    names = list(numbers)
    rules = guard_rules(CONF, [])
    if not with_guards:
        rules = type(rules)(limits={}, shared_by={}, max_person_size=10**9)
    shared: set[int] = set()
    for _ in range(rounds):
        links: dict[tuple[int, int, bool], int] = {}
        last: dict[tuple[int, int, bool], int] = {}
        for moment, nodes in stars:
            for is_raw in (True, False):
                kept = nodes if is_raw else [n for n in nodes if n not in shared]
                if not is_raw and kept[:1] == nodes[:1]:
                    continue
                for other in kept[1:]:
                    link = (kept[0], other, is_raw)
                    links[link] = min(moment, links.get(link, moment))
                    last[link] = max(moment, last.get(link, moment))
        ends = list(links)
        result = resolved_graph(
            graph_of(
                {
                    "node_id": np.arange(len(names)),
                    "namespace": np.array([RANK[n] for n, _ in names]),
                    "first_seen": np.array([first[n] for n in range(len(names))]),
                },
                {
                    "link_id": np.arange(len(ends)),
                    "left_node": np.array([a for a, _, _ in ends]),
                    "right_node": np.array([b for _, b, _ in ends]),
                    "trust": np.array(
                        [min(TRUST[names[a][0]], TRUST[names[b][0]]) for a, b, _ in ends],
                        np.float32,
                    ),
                    "seen": np.array(list(links.values())),
                    "is_alias": np.zeros(len(ends), np.bool_),
                    "is_sighting": np.array([is_raw for _, _, is_raw in ends]),
                    "last_day": day_of(np.array([last[end] for end in ends])),
                    "is_observed": np.ones(len(ends), np.bool_),
                    "is_blocked": np.zeros(len(ends), np.bool_),
                    "is_ended": np.zeros(len(ends), np.bool_),
                },
                no_rows("node_id", "person_key", "component_id"),
                no_rows("node_id", "birth_key"),
            ),
            rules,
            NAMESPACES,
            split_candidates=np.empty(0, np.int64),
            known_shared=np.empty(0, np.int64),
        )
        shared = set(result.shared.node.tolist())
    assigned = np.flatnonzero(result.people.is_assigned)
    counts = defaultdict(int)
    for node in shared:
        counts[names[node][0]] += 1
    print(
        f"shared identifiers: {dict(counts)}; blocked links: {int(result.people.is_blocked.sum())}"
    )
    return pd.DataFrame(
        {
            "namespace": [names[n][0] for n in assigned],
            "value": [names[n][1] for n in assigned],
            "profile_id": result.keys[assigned],
        }
    )


@pytest.mark.parametrize("seed", [1, 7])
def test_guards_separate_people_that_plain_components_merge(seed):
    world = identity_sightings(people=3_000, seed=seed)
    truth = Truth(world.truth.to_pandas(), pd.DataFrame())
    plain = identity_result(resolved_world(world, with_guards=False, rounds=1), truth)
    guarded = identity_result(resolved_world(world, with_guards=True), truth)
    print(f"plain {plain.precision:.4f} / {plain.recall:.4f}")
    print(f"guarded {guarded.precision:.4f} / {guarded.recall:.4f}")
    assert plain.precision < 0.1
    assert guarded.precision >= 0.99
    assert guarded.recall >= plain.recall - 0.02
