"""Nodes of the identity graph, and the order of their namespaces."""

import hmac

import pytest
from pyspark.sql import functions as F

from frames import assert_rows
from kinfold.core.settings.models import IdentityConf, NamespaceConf
from kinfold.silver.identity.graph.nodes import Namespaces, node_id, profile_id, with_record_node
from kinfold.tables import silver
from lakes import ID_KEY, keyed_hash

NAMESPACES = Namespaces.of(
    IdentityConf(
        placeholders=(),
        phone_region="GB",
        namespaces={
            "user_id": NamespaceConf(trust=0.9, per_person=1),
            "cookie_id": NamespaceConf(trust=0.5, shared_by={"user_id": 3, "unlisted": 1}),
        },
    )
)


def test_shifted_parts_and_quotes_give_different_nodes(spark):
    pairs = [("a", "bc"), ("ab", "c"), ('a"', ',"b'), ("a", '",",b'), ("", "abc")]
    frame = spark.createDataFrame(pairs, "namespace string, value string")
    node = node_id(F.col("namespace"), F.col("value"), keyed_hash(spark))
    nodes = frame.select(node.alias("node"))
    assert nodes.distinct().count() == len(pairs)


def test_a_node_is_the_first_64_bits_of_the_hmac_by_the_key_of_the_lake(spark):
    row = spark.createDataFrame([("email", "ann@x.org")], "namespace string, value string")
    node = node_id(F.col("namespace"), F.col("value"), keyed_hash(spark))
    key = bytes.fromhex(ID_KEY)
    expected = hmac.digest(key, b'["email","ann@x.org"]', "sha256")[:8]
    assert_rows(
        row.select(node.alias("node")), ["node"], [(int.from_bytes(expected, signed=True),)]
    )


def test_a_profile_id_is_the_md5_of_the_key_in_decimal(spark):
    keys = spark.createDataFrame([(-7,)], "key bigint")
    assert_rows(
        keys.select(profile_id(F.col("key")).alias("id")),
        ["id"],
        [("74687a12d3915d3c4d83f1af7b3683d5",)],  # printf %s -7 | md5sum
    )


def test_a_record_is_one_of_its_own_identifiers(spark):
    records = silver.RECORDS.frame(
        spark, dict(source="crm", record_id="1", identifiers=[dict(namespace="email", value="e")])
    )
    identifiers = with_record_node(records).select(F.explode("identifiers").alias("one"))
    assert_rows(
        identifiers.select("one.*"),
        ["namespace", "value"],
        [("email", "e"), ("record", '["crm","1"]')],
    )


def test_identifiers_are_ranked_by_namespace_then_by_name_and_value(spark):
    identifiers = [
        dict(namespace=namespace, value=value)
        for namespace, value in (
            ("zzz", "1"),
            ("cookie_id", "b"),
            ("aaa", "1"),
            ("user_id", "u"),
            ("cookie_id", "a"),
            ("record", "r"),
        )
    ]
    events = silver.EVENTS.frame(spark, dict(identifiers=identifiers))
    ranked = events.select(NAMESPACES.ranked(F.col("identifiers")).alias("one")).collect()[0]["one"]
    assert [(one["rank"], one["namespace"], one["value"]) for one in ranked] == [
        (0, "record", "r"),
        (1, "user_id", "u"),
        (2, "cookie_id", "a"),
        (2, "cookie_id", "b"),
        (3, "aaa", "1"),
        (3, "zzz", "1"),
    ]


@pytest.mark.parametrize(
    ("namespace", "trust"), [("record", 1.0), ("user_id", 0.9), ("cookie_id", 0.5), ("tag", 0.5)]
)
def test_a_namespace_has_the_trust_of_its_settings(spark, namespace, trust):
    row = spark.range(1).select(NAMESPACES.trust(F.lit(namespace))).collect()[0]
    assert row[0] == trust


def test_limits_are_by_code_and_leave_out_namespaces_that_are_not_listed():
    assert NAMESPACES.limits == {1: 1}
    assert NAMESPACES.shared_by == {(2, 1): 3}
