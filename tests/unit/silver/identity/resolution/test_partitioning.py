"""Shared identifiers found in Spark. The parts of a graph are proven by tests/jobs."""

import numpy as np

from frames import at
from kinfold.silver.identity.graph.nodes import Namespaces
from kinfold.silver.identity.graph.people import GuardRules
from kinfold.silver.identity.resolution.partitioning import shared_nodes_of
from kinfold.tables import silver

NAMESPACES = Namespaces(("user_id", "cookie_id"), {})


def link(number, user, cookie, **changes):
    row = dict(link_id=number, left_node=user, right_node=cookie, rule="seen_together")
    row |= dict(left_namespace="user_id", right_namespace="cookie_id", status="active")
    return {**row, **changes}


def test_a_value_is_shared_if_more_identifiers_of_the_other_namespace_are_seen_with_it(spark):
    links = silver.IDENTITY_LINKS.frame(
        spark,
        *(link(n, n, 100) for n in (1, 2, 3)),
        *(link(10 + n, n, 101) for n in (1, 2)),
        *(link(20 + n, n, 102, status="blocked") for n in (1, 2, 3)),
        *(link(30 + n, n, 103, status="withdrawn") for n in (1, 2, 3)),
        *(link(40 + n, n, 104, rule="seen_beside") for n in (1, 2, 3)),
        *(link(50 + n, n, 105) for n in (1, 2, 3)),
    )
    rules = GuardRules(
        limits={}, shared_by={(1, 0): 2}, max_person_size=9, released=np.array([105])
    )
    assert shared_nodes_of(links, NAMESPACES, rules) == [100, 102]
    # Of an alias only the right end counts: the previous account of several others.
    aliases = silver.IDENTITY_LINKS.frame(
        spark,
        *(link(n, n, 200, rule="alias", right_namespace="user_id") for n in (1, 2)),
        *(link(10 + n, 300, n, rule="alias", right_namespace="user_id") for n in (1, 2, 3)),
    )
    rules = GuardRules(limits={}, shared_by={(0, 0): 1}, max_person_size=9)
    assert shared_nodes_of(aliases, NAMESPACES, rules) == [200]
    # A value that can pass to another person counts its owners at the same time.
    passing = silver.IDENTITY_LINKS.frame(
        spark,
        *(
            link(10 * cookie + n, n, cookie, first_seen_at=at(first), last_seen_at=at(last))
            for cookie, periods in {
                400: [("2026-01-01", "2026-01-02"), ("2026-01-12", "2026-01-13")],
                401: [("2026-01-01", "2026-01-02"), ("2026-01-11", "2026-01-13")],
            }.items()
            for n, (first, last) in enumerate(periods)
        ),
    )
    rules = GuardRules(
        limits={0: 1}, shared_by={(1, 0): 1}, max_person_size=9, reassigned_after={1: 10}
    )
    assert shared_nodes_of(passing, NAMESPACES, rules) == [401]
