"""Who is who after new events."""

import networkx as nx
import pandas as pd
from hypothesis import given, settings, strategies as st

from frames import assert_rows, at
from kinfold.silver.identity.resolution import assigned_people, changed_assignments, founding_id
from kinfold.tables import silver


def nodes(*rows):
    """(value, first seen[, known id, known since]) in one namespace."""
    frame = pd.DataFrame(
        [(*row, None, None)[:4] for row in rows],
        columns=["value", "first_seen_at", "profile_id", "profile_since"],
    )
    frame.insert(0, "namespace", "user_id")
    frame["profile_id"] = frame["profile_id"].astype(object)
    frame["profile_since"] = pd.to_numeric(frame["profile_since"])
    return frame


def edges(*pairs):
    columns = ["left_namespace", "left_value", "right_namespace", "right_value"]
    return pd.DataFrame([("user_id", a, "user_id", b) for a, b in pairs], columns=columns)


def ids(people):
    return dict(zip(people["value"], people["profile_id"], strict=True))


def test_linked_identifiers_are_one_person_and_others_are_not():
    found = ids(assigned_people(nodes(("a", 1), ("b", 2), ("c", 3)), edges(("a", "b"))))
    assert found["a"] == found["b"] != found["c"]


def test_a_new_persons_id_derives_from_their_earliest_identifier():
    found = ids(assigned_people(nodes(("a", 5), ("b", 2)), edges(("a", "b"))))
    assert set(found.values()) == {founding_id("user_id", "b")}


def test_identifiers_first_seen_together_are_told_apart_by_name():
    found = ids(assigned_people(nodes(("b", 1), ("a", 1)), edges(("a", "b"))))
    assert set(found.values()) == {founding_id("user_id", "a")}


def test_a_new_identifier_joins_the_person_it_was_seen_with():
    known = nodes(("a", 1, "p1", 1), ("b", 9))
    assert ids(assigned_people(known, edges(("a", "b")))) == {"a": "p1", "b": "p1"}


def test_on_a_merge_the_older_id_survives():
    known = nodes(("a", 5, "young", 5), ("b", 2, "old", 2))
    assert set(ids(assigned_people(known, edges(("a", "b")))).values()) == {"old"}


def test_on_a_merge_of_equally_old_ids_the_smaller_survives():
    known = nodes(("a", 1, "q", 1), ("b", 1, "p", 1))
    assert set(ids(assigned_people(known, edges(("a", "b")))).values()) == {"p"}


def test_identifiers_of_one_person_stay_together_without_a_new_link():
    known = nodes(("a", 1, "p", 1), ("b", 1, "p", 1), ("c", 9), ("d", 9, "q", 3))
    found = ids(assigned_people(known, edges(("b", "c"), ("a", "d"))))
    assert set(found.values()) == {"p"}


def test_an_identifier_alone_is_a_person():
    assert ids(assigned_people(nodes(("a", 1)), edges())) == {"a": founding_id("user_id", "a")}


def test_no_identifiers_are_no_people():
    assert len(assigned_people(nodes(), edges())) == 0


GRAPH = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=20)


@settings(max_examples=150, deadline=None)
@given(GRAPH, st.integers(0, 20), st.randoms(use_true_random=False))
def test_people_are_the_components_whatever_the_order_and_the_batches(pairs, cut, random):
    """In two batches, shuffled: the same partition as networkx over all links."""
    graph = nx.Graph(pairs)
    shuffled = random.sample(pairs, len(pairs))
    current: dict[str, tuple[str, int]] = {}
    for batch in (shuffled[:cut], shuffled[cut:]):
        values = sorted({value for pair in batch for value in pair})
        known = nodes(*((str(v), v) for v in values))
        for column, part in (("profile_id", 0), ("profile_since", 1)):
            known[column] = [current.get(v, (None, None))[part] for v in known["value"]]
        known["profile_since"] = pd.to_numeric(known["profile_since"])
        people = assigned_people(known, edges(*((str(a), str(b)) for a, b in batch)))
        survivor = {}
        for row in people.itertuples():
            if row.known_id is not None and row.known_id == row.known_id:
                survivor[row.known_id] = (row.profile_id, row.profile_since)
            current[row.value] = (row.profile_id, row.profile_since)
        current = {v: survivor.get(p, (p, since)) for v, (p, since) in current.items()}
    groups: dict[str, set[int]] = {}
    for value, (profile_id, _) in current.items():
        groups.setdefault(profile_id, set()).add(int(value))
    expected = {frozenset(component) for component in nx.connected_components(graph)}
    assert {frozenset(group) for group in groups.values()} == expected


def test_a_merge_moves_identifiers_that_the_new_events_do_not_name(spark):
    def known(value, profile_id, since):
        return dict(
            namespace="user_id", value=value, profile_id=profile_id, profile_since=at(since)
        )

    current = silver.IDENTITY_MAP.frame(
        spark,
        known("a", "old", "07:00"),
        known("b", "young", "08:00"),
        known("b2", "young", "08:00"),
        known("z", "other", "06:00"),
    )
    identifiers = silver.IDENTIFIERS.frame(
        spark,
        *(dict(namespace="user_id", value=v, first_seen_at=at("09:00")) for v in ("a", "b", "n")),
    )
    links = silver.IDENTITY_LINKS.frame(
        spark,
        dict(left_namespace="user_id", left_value="a", right_namespace="user_id", right_value="b"),
    )
    changed = changed_assignments(spark, identifiers, links, current)
    assert_rows(
        changed,
        ["value", "profile_id", "profile_since"],
        [
            ("b", "old", at("07:00")),
            ("b2", "old", at("07:00")),
            ("n", founding_id("user_id", "n"), at("09:00")),
        ],
    )


def test_events_without_news_change_nothing(spark):
    known = dict(namespace="user_id", value="a", profile_id="p", profile_since=at("07:00"))
    seen = dict(namespace="user_id", value="a", first_seen_at=at("09:00"))
    changed = changed_assignments(
        spark,
        silver.IDENTIFIERS.frame(spark, seen),
        silver.IDENTITY_LINKS.frame(spark),
        silver.IDENTITY_MAP.frame(spark, known),
    )
    assert changed.count() == 0
