"""Changes of records, as identity resolution needs them."""

import pytest
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.silver.identity.graph.nodes import node_id
from kinfold.silver.identity.links.record_changes import (
    changed_records,
    first_seen_in_records,
    removed_identifiers,
    replaced_records,
)
from kinfold.tables import silver
from lakes import keyed_hash


def record(record_id, *emails, **values):
    identifiers = [dict(namespace="email", value=email) for email in emails]
    return dict(source="crm", record_id=record_id, identifiers=identifiers, **values)


@pytest.fixture
def feed(spark):
    """`feed((change type, record), ...)`: a change feed of silver.records."""

    def of(*changes):
        frames = [
            silver.RECORDS.frame(spark, row).withColumn("_change_type", F.lit(kind))
            for kind, row in changes
        ]
        rows = frames[0]
        for other in frames[1:]:
            rows = rows.unionByName(other)
        return rows

    return of


def test_changed_records_are_current_rows_without_those_deleted_since(spark, feed):
    records = silver.RECORDS.frame(
        spark, record("1", "new@x.org", content_hash="2"), record("2", "b@x.org")
    )
    changes = feed(
        ("insert", record("1", "old@x.org", content_hash="1")),
        ("update_postimage", record("1", "new@x.org", content_hash="2")),
        ("insert", record("3", "c@x.org")),
        ("delete", record("3", "c@x.org")),
    )
    assert_rows(changed_records(records, changes), ["record_id", "content_hash"], [("1", "2")])


def test_an_identifier_is_removed_if_no_record_has_it_any_more(spark, feed):
    records = silver.RECORDS.frame(
        spark, record("1", "new@x.org"), record("2", "both@x.org"), record("4", "d@x.org")
    )
    changes = feed(
        ("update_preimage", record("1", "old@x.org", "both@x.org")),
        ("update_postimage", record("1", "new@x.org")),
        ("delete", record("3", "c@x.org")),
        ("insert", record("4", "d@x.org")),
    )
    assert_rows(
        removed_identifiers(records, changes),
        ["namespace", "value"],
        [("email", "old@x.org"), ("email", "c@x.org"), ("record", '["crm","3"]')],
    )


def test_an_identifier_that_left_a_record_that_had_it_first_is_questioned(spark, feed):
    nine, ten = dict(identifiers_since=[at("09:00")]), dict(identifiers_since=[at("10:00")])
    records = silver.RECORDS.frame(
        spark, record("city", "stays@x.org", **nine), record("other", "new@x.org", **ten)
    )
    changes = feed(
        ("update_preimage", record("city", "stays@x.org", **nine)),
        ("update_preimage", record("other", "left@x.org", **nine)),
        ("delete", record("gone", "in.an.earlier.event@x.org", **nine)),
    )
    values = {"stays": "09:00", "left": "09:00", "in.an.earlier.event": "08:00"}
    stored = spark.createDataFrame(
        [("email", f"{name}@x.org", at(moment)) for name, moment in values.items()],
        "namespace string, value string, first_seen_at timestamp",
    ).withColumn("node_id", node_id(F.col("namespace"), F.col("value"), keyed_hash(spark)))
    questioned = first_seen_in_records(records, changes, stored, keyed_hash(spark))
    assert_rows(questioned, ["value"], [("left@x.org",)])


def test_a_record_that_was_updated_or_deleted_and_delivered_again_is_replaced(spark, feed):
    records = silver.RECORDS.frame(
        spark, *(record(n, "new@x.org") for n in ("updated", "again", "new"))
    )
    changes = feed(
        ("update_preimage", record("updated", "old@x.org")),
        ("update_postimage", record("updated", "new@x.org")),
        ("delete", record("again", "old@x.org")),
        ("insert", record("again", "new@x.org")),
        ("insert", record("new", "new@x.org")),
        ("delete", record("deleted", "old@x.org")),
    )
    nodes = spark.createDataFrame([('["crm","updated"]',), ('["crm","again"]',)], ["value"]).select(
        node_id(F.lit("record"), F.col("value"), keyed_hash(spark))
    )
    expected = [tuple(row) for row in nodes.collect()]
    assert_rows(replaced_records(records, changes, keyed_hash(spark)), ["node_id"], expected)
