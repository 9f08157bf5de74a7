"""The order in which changed rows are written. What the rows are is proven by tests/jobs."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from frames import at
from kinfold.silver.identity.resolution.assignment import GraphChanges
from kinfold.silver.identity.resolution.publishing import publish_changes
from kinfold.silver.identity.resolution.stored_graph import StoredGraph
from kinfold.tables import silver

NO_NODES = np.empty(0, np.int64)


def changes(**parts):
    """`GraphChanges` that change nothing, but for some parts."""
    nodes = dict(node_id=pa.int64(), person_key=pa.int64(), component_id=pa.int64())
    nodes |= dict(is_move=pa.bool_(), is_known=pa.bool_())
    none = dict(
        nodes=pa.schema(nodes).empty_table(),
        deleted_nodes=NO_NODES,
        links=pa.table({"link_id": pa.array([], pa.int64()), "reason": pa.array([], pa.string())}),
        moved=pa.table({"from_key": pa.array([], pa.int64())}),
        shared=pa.table({"node_id": pa.array([], pa.int64())}),
        no_longer_shared=NO_NODES,
        id_reassignments={},
        people_count=4,
        blocked_count=3,
    )
    return GraphChanges(**{**none, **parts})


@pytest.fixture
def published(spark):
    """`published(changes, is_first=False)`: the writes as (table, option) and the counts."""

    def of(changed, *, is_first=False):
        writes, counts = [], {}

        def upsert(table, rows, **options):
            writes.append((table.name, *(name for name, value in options.items() if value)))

        lake = SimpleNamespace(
            started_at=at("12:00"),
            run_id="r",
            exists=lambda _: not is_first,
            read=lambda table: table.frame(spark),
            read_or_empty=lambda table: table.frame(spark),
            upsert=upsert,
            replace=lambda table, rows: writes.append((table.name, "replace")),
        )
        run = SimpleNamespace(spark=spark, lake=lake, previous=None, count=counts.update)
        stored = StoredGraph(
            silver.IDENTIFIERS.frame(spark),
            silver.IDENTITY_LINKS.frame(spark),
            silver.IDENTITY_MAP.frame(spark),
            silver.IDENTITY_BIRTHS.frame(spark),
        )
        publish_changes(run, changed, stored)
        return writes, counts

    return of


def node(number, *, is_known):
    columns = dict(node_id=[number], person_key=[number], component_id=[number])
    return pa.table({**columns, "is_move": [True], "is_known": [is_known]})


def test_the_map_is_written_last_so_that_a_killed_run_finds_the_same_changes(published):
    moved = dict(from_key=[1], to_key=[2], identifier_count=[1], kind=["merge"])
    everything = changes(
        nodes=pa.concat_tables([node(1, is_known=False), node(2, is_known=True)]),
        links=pa.table({"link_id": [1], "reason": ["too many user_id"]}),
        moved=pa.table(moved),
        no_longer_shared=np.array([7]),
        shared=pa.table(
            {
                "node_id": pa.array([], pa.int64()),
                "evidence": pa.array([], pa.string()),
                "shared_by": pa.array([], pa.int64()),
                "most": pa.array([], pa.int64()),
                "merges_prevented": pa.array([], pa.int64()),
                "people": pa.array([], pa.list_(pa.string())),
            }
        ),
        id_reassignments={5: 50},
    )
    writes, counts = published(everything)
    assert [name for name, *_ in writes] == [
        "silver.identity_links",
        "silver.bad_values",
        "silver.identity_births",
        "silver.identity_changes",
        "silver.identity_map",
        "silver.identity_map",
    ]
    assert counts == dict(moved=1, people=4, set_aside=0, blocked=3)


def test_new_nodes_are_appended_and_known_ones_replaced(published):
    nodes = pa.concat_tables([node(1, is_known=False), node(2, is_known=True)])
    writes, _ = published(changes(nodes=nodes))
    assert writes == [
        ("silver.identity_map", "are_new"),
        ("silver.identity_map", "are_changed"),
    ]


def test_the_first_run_writes_the_map_as_a_whole(published):
    writes, _ = published(changes(nodes=node(1, is_known=False)), is_first=True)
    assert writes == [("silver.identity_map", "replace")]


def test_without_changes_nothing_is_written(published):
    assert published(changes())[0] == []
