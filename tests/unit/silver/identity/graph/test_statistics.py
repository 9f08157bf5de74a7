"""Quality figures of the identity graph."""

import numpy as np
import pytest

from frames import at
from kinfold.silver.identity.graph.statistics import (
    bad_values,
    churn,
    dropped_identifiers,
    links_by_rule,
    reasons,
    structure,
)
from kinfold.tables import silver


def ends(*pairs):
    return (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))


def test_a_person_is_bridged_if_one_link_alone_connects_two_and_two():
    chain, star = [(1, 2), (2, 3), (3, 4)], [(10, 11), (10, 12), (10, 13)]
    ring = [(20, 21), (21, 22), (22, 23), (23, 20)]
    figures = structure(*ends(*chain, *star, *ring))
    assert (figures["people"], figures["bridged"]) == (3, 1)
    assert figures["density"] == pytest.approx((0.5 + 0.5 + 4 / 6) / 3)


def test_two_links_between_the_same_identifiers_are_not_a_bridge_and_count_once():
    figures = structure(*ends((1, 2), (2, 1)))
    assert figures == {"people": 1, "bridged": 0, "density": None}
    figures = structure(*ends((1, 2), (2, 3), (2, 3), (3, 4)))
    assert (figures["bridged"], figures["density"]) == (0, 0.5)


def test_a_graph_without_links_has_no_structure():
    assert structure(*ends()) == {"people": 0, "bridged": 0, "density": None}


def test_links_are_counted_by_rule_status_and_reason(spark):
    links = silver.IDENTITY_LINKS.frame(
        spark,
        dict(link_id=1, rule="seen_together", status="active"),
        dict(link_id=2, rule="seen_together", status="blocked", reason="too many user_id"),
        dict(link_id=3, rule="matched", status="blocked", reason="too many user_id"),
    )
    assert links_by_rule(links) == [
        {"rule": "matched", "status": "blocked", "links": 1},
        {"rule": "seen_together", "status": "active", "links": 1},
        {"rule": "seen_together", "status": "blocked", "links": 1},
    ]
    assert reasons(links) == [{"status": "blocked", "reason": "too many user_id", "links": 2}]


def test_identifiers_that_were_left_out_are_counted_by_namespace_and_reason(spark):
    phone, zero = ("phone", "not_a_phone_of_region"), ("customer_id", "placeholder")
    events = silver.EVENTS.frame(
        spark,
        dict(event_id="1", dropped_identifiers=[phone, zero]),
        dict(event_id="2", dropped_identifiers=None),
        dict(event_id="3", dropped_identifiers=[phone]),
    )
    records = silver.RECORDS.frame(spark, dict(record_id="1", dropped_identifiers=[phone]))
    assert dropped_identifiers(events, records) == [
        {"namespace": "phone", "reason": "not_a_phone_of_region", "rows": 3},
        {"namespace": "customer_id", "reason": "placeholder", "rows": 1},
    ]


def test_released_values_are_not_counted_as_shared(spark):
    common = dict(namespace="phone", evidence="user_id")
    values = silver.BAD_VALUES.frame(
        spark,
        dict(node_id=1, merges_prevented=7, status="set_aside", **common),
        dict(node_id=2, merges_prevented=9, status="released", **common),
    )
    assert bad_values(values) == [{**common, "values": 1, "merges_prevented": 7}]


def test_churn_is_listed_by_run_the_oldest_first(spark):
    changes = silver.IDENTITY_CHANGES.frame(
        spark,
        dict(kind="merge", identifier_count=3, changed_at=at("10:00"), run_id="late"),
        dict(kind="merge", identifier_count=1, changed_at=at("09:00"), run_id="early"),
        dict(kind="split", identifier_count=1, changed_at=at("10:00"), run_id="late"),
    )
    first, second = churn(changes, identifiers=8)
    assert (first["run_id"], first["merge"], first["split"]) == ("early", 1, 0)
    assert (second["merge"], second["split"], second["identifiers"]) == (1, 1, 4)
    assert second["share"] == 0.5
    assert second["changed_at"].startswith("2026-03-01T10:00")
