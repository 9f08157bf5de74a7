"""Matched records as links of the identity graph. Matching itself is proven by its own tests."""

from types import SimpleNamespace

import pytest

from frames import assert_rows, at
from kinfold.silver.identity.links import matched_records
from kinfold.silver.identity.links.matched_records import matched_record_links
from kinfold.silver.matching.settings import MatchingSettings
from kinfold.tables import silver
from lakes import keyed_hash

ONE, TWO, THREE = '["crm","1"]', '["crm","2"]', '["shop","3"]'
ATTRIBUTES = {"first_name": "given_name", "email": "email"}


@pytest.fixture
def records(spark):
    def record(source, record_id, moment, traits, *emails):
        return dict(
            source=source,
            record_id=record_id,
            changed_at=at(moment),
            traits=traits,
            identifiers=[dict(namespace="email", value=email) for email in emails],
        )

    return silver.RECORDS.frame(
        spark,
        record("crm", "1", "09:00", {"first_name": "Ann"}, "a@x.org", "b@x.org"),
        record("crm", "2", "11:00", {}),
        record("shop", "3", "10:00", {"email": "trait@x.org"}, "c@x.org"),
    )


@pytest.fixture
def matched(spark, records, monkeypatch):
    """The links of pairs that the engine scores, and the records that it gets."""
    passed = []
    pairs = spark.createDataFrame(
        [(THREE, ONE, 9.5, 0.5)],
        "left_record_key string, right_record_key string, match_weight double, "
        "match_probability double",
    )
    result = SimpleNamespace(model=SimpleNamespace(version="m1"), links=lambda are_linked: pairs)

    def scored(rows, **_):
        passed.append(rows)
        return result

    monkeypatch.setattr(matched_records, "scored_links", scored)
    links, matching = matched_record_links(
        records, keyed_hash(spark), attributes=ATTRIBUTES, settings=MatchingSettings()
    )
    assert matching is result
    return links, passed[0]


def test_linked_pairs_become_links_with_the_smaller_record_first(matched):
    links, _ = matched
    assert_rows(
        links,
        ["left_namespace", "left_value", "right_namespace", "right_value", "rule", "rule_version"],
        [("record", ONE, "record", THREE, "matched", "m1")],
    )
    assert_rows(
        links,
        ["trust", "weight", "source", "first_seen_at", "last_seen_at"],
        [(0.44, 9.5, "shop", at("10:00"), at("10:00"))],
    )


def test_an_attribute_is_the_trait_or_else_the_first_identifier(matched):
    _, rows = matched
    assert_rows(
        rows,
        ["record of the source", "first_name", "email"],
        [(ONE, "Ann", "a@x.org"), (TWO, None, None), (THREE, None, "trait@x.org")],
    )
