"""Observed links as the table will have them. The steps of a run are proven by tests/jobs."""

from types import SimpleNamespace

import pytest
from pyspark.sql import Row, functions as F

from frames import assert_rows, at
from kinfold.silver.identity.graph.nodes import comparison_hash
from kinfold.silver.identity.resolution.link_changes import blocked_between, stored_links
from kinfold.tables import silver

NOON = at("12:00")
COLUMNS = ["link_id", "status", "reason", "valid_from", "valid_to", "last_seen_at"]
STORED = ["is_known", "is_settled"]


def link(number, **changes):
    row = dict(link_id=number, left_node=10 * number, right_node=10 * number + 1)
    row |= dict(left_namespace="email", rule="seen_together")
    row |= dict(source="shop", source_event_id=f"e{number}")
    row |= dict(first_seen_at=at("11:00"), last_seen_at=at("11:00"))
    return {**row, **changes}


@pytest.fixture
def run(spark):
    """`run(is_rebuild)`: a run on a lake that has a blocked and a withdrawn link."""
    since = dict(valid_from=at("08:00"), first_seen_at=at("07:00"), last_seen_at=at("07:30"))
    table = silver.IDENTITY_LINKS.frame(
        spark,
        link(1, status="blocked", reason="too many user_id", **since),
        link(2, status="withdrawn", reason="not in its record", valid_to=at("09:00"), **since),
    )
    lake = SimpleNamespace(
        started_at=NOON,
        read_or_empty=lambda _: table,
        empty=lambda _: table.where("false"),
    )
    return lambda *, is_rebuild: SimpleNamespace(lake=lake, is_rebuild=is_rebuild)


@pytest.fixture
def observed(spark):
    """`observed(*numbers)`: links as events have them."""
    left_out = ("valid_from", "valid_to", "status", "reason")

    def of(*numbers):
        return silver.IDENTITY_LINKS.frame(spark, *(link(n) for n in numbers)).drop(*left_out)

    return of


def test_an_observed_link_keeps_its_validity_and_a_block_and_stops_being_withdrawn(run, observed):
    links = stored_links(run(is_rebuild=False), observed(1, 2, 3), [])
    seen = at("11:00")
    assert_rows(
        links,
        [*COLUMNS, *STORED],
        [
            (1, "blocked", "too many user_id", at("08:00"), None, seen, True, True),
            (2, "active", None, at("08:00"), None, seen, True, False),
            (3, "active", None, NOON, None, seen, False, False),
        ],
    )
    firsts = [(1, at("07:00")), (2, at("07:00")), (3, at("11:00"))]
    assert_rows(links, ["link_id", "first_seen_at"], firsts)


def test_in_a_rebuild_only_the_start_of_validity_stays(run, observed):
    links = stored_links(run(is_rebuild=True), observed(1, 3), [])
    assert_rows(
        links,
        ["link_id", "status", "valid_from", "first_seen_at"],
        [(1, "active", at("08:00"), at("11:00")), (3, "active", NOON, at("11:00"))],
    )


def test_an_unlink_withdraws_a_link_as_soon_as_it_is_observed(run, observed):
    unlink = Row(kind="unlink", left_node=31, right_node=None, decided_at=NOON)
    links = stored_links(run(is_rebuild=False), observed(3), [unlink])
    expected = [("withdrawn", "an operator unlinked it", NOON)]
    assert_rows(links, ["status", "reason", "valid_to"], expected)


def test_without_observed_links_there_are_none(run, observed):
    assert stored_links(run(is_rebuild=False), observed(), []).count() == 0


def test_a_link_between_two_shared_identifiers_is_blocked(spark):
    links = silver.IDENTITY_LINKS.frame(
        spark,
        *(
            link(n, left_value=left, right_namespace="phone", right_value=right, status="active")
            for n, (left, right) in enumerate([("x", "y"), ("x", "z"), ("w", "y")])
        ),
    )
    hashes = links.where("link_id = 0").select(
        *(
            comparison_hash(F.col(f"{end}_namespace"), F.col(f"{end}_value"))
            for end in ("left", "right")
        )
    )
    blocked = blocked_between(links, list(hashes.collect()[0])).where("status = 'blocked'")
    assert_rows(blocked, ["link_id", "reason"], [(0, "a value that too many share")])
