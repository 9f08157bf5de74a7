"""Changes of the graph as rows of the tables."""

import pyarrow as pa

from frames import assert_rows, at
from kinfold.silver.identity.resolution.changed_rows import (
    bad_value_rows,
    change_rows,
    id_reassignment_rows,
    link_rows,
    map_rows,
)
from kinfold.silver.identity.resolution.stored_graph import StoredGraph
from kinfold.tables import silver

NOON = at("12:00")


def changed_nodes(*rows):
    """Rows of `GraphChanges.nodes`: (node_id, person_key, component_id, is_move, is_known)."""
    names = ("node_id", "person_key", "component_id", "is_move", "is_known")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


def stored(spark):
    """Four identifiers; the map has the nodes 1, 2 and 3."""
    known = dict(person_key=1, component_id=1, profile_id="p", valid_from=at("09:00"))
    return StoredGraph(
        identifiers=silver.IDENTIFIERS.frame(
            spark, *(dict(node_id=n, namespace="email", value=f"n{n}") for n in (1, 2, 3, 4))
        ),
        links=silver.IDENTITY_LINKS.frame(spark),
        current=silver.IDENTITY_MAP.frame(
            spark,
            *(dict(known, node_id=n, namespace="email", value=f"n{n}") for n in (1, 2, 3)),
        ),
        id_reassignments=silver.IDENTITY_BIRTHS.frame(spark),
    )


def test_a_moved_identifier_ends_a_row_of_the_map_and_starts_one(spark):
    changed = changed_nodes((2, 9, 9, True, True), (4, 9, 9, True, False))
    assert_rows(
        map_rows(changed, stored(spark), at=NOON),
        ["node_id", "person_key", "component_id", "valid_from", "valid_to"],
        [
            (2, 1, 1, at("09:00"), NOON),
            (2, 9, 9, NOON, None),
            (4, 9, 9, NOON, None),
        ],
    )


def test_an_identifier_without_a_person_ends_its_row(spark):
    changed = changed_nodes((3, None, 3, True, True), (1, 1, 1, True, False))
    rows = map_rows(changed.filter(changed["is_known"]), stored(spark), at=NOON)
    assert_rows(rows, ["node_id", "person_key", "valid_to"], [(3, 1, NOON)])


def test_a_new_component_alone_changes_the_row_in_place(spark):
    changed = changed_nodes((1, 1, 7, False, True))
    assert_rows(
        map_rows(changed, stored(spark), at=NOON),
        ["node_id", "person_key", "component_id", "valid_from", "valid_to"],
        [(1, 1, 7, at("09:00"), None)],
    )


def test_a_link_is_blocked_with_a_reason_and_active_without(spark):
    links = silver.IDENTITY_LINKS.frame(
        spark,
        dict(link_id=1, status="active"),
        dict(link_id=2, status="blocked", reason="too many user_id"),
        dict(link_id=3, status="active"),
    )
    changed = pa.table({"link_id": [1, 2], "reason": ["too many crm_id", None]})
    assert_rows(
        link_rows(changed, links),
        ["link_id", "status", "reason"],
        [(1, "blocked", "too many crm_id"), (2, "active", None)],
    )


def test_a_repeated_run_gives_a_change_the_same_id(spark):
    columns = {"from_key": [1], "to_key": [2], "identifier_count": [3], "kind": ["merge"]}
    moved = pa.table(columns)

    def ids(at_, run_id, since):
        rows = change_rows(spark, moved, at=at_, run_id=run_id, since=since)
        return {row["change_id"] for row in rows.collect()}

    assert ids(NOON, "first", "v1") == ids(at("13:00"), "second", "v1")
    assert ids(NOON, "first", "v1") != ids(NOON, "first", "v2")


def test_reassigned_ids_are_rows_of_identity_births(spark):
    rows = id_reassignment_rows(spark, {5: 50, 6: 60}, at=NOON)
    assert_rows(rows, ["node_id", "birth_key", "given_at"], [(5, 50, NOON), (6, 60, NOON)])


def test_a_shared_value_lists_its_people_as_profile_ids(spark):
    shared = pa.table(
        {
            "node_id": [2],
            "evidence": ["user_id"],
            "shared_by": [3],
            "most": [2],
            "merges_prevented": [1],
            "people": [["-7"]],
        }
    )
    assert_rows(
        bad_value_rows(shared, stored(spark).identifiers, at=NOON),
        ["value", "evidence", "people", "status", "set_aside_at"],
        [("n2", "user_id", ["74687a12d3915d3c4d83f1af7b3683d5"], "set_aside", NOON)],
    )
