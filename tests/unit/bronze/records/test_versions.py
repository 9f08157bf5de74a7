"""Which records of an extract are new versions."""

from datetime import timedelta

from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.bronze.records.versions import (
    compared_versions,
    current_versions,
    deletions,
    known_versions,
    landed_versions,
    missing_record_ids,
    unexpired_versions,
)
from kinfold.tables import bronze
from record_samples import record_source

NOON = at("12:00")


def test_of_rows_of_one_record_a_snapshot_keeps_the_newest(mapped, spark):
    rows = (
        ("1", "x", None, "2026-02-01"),
        ("1", "y", None, "2026-02-02"),
        ("2", "x", None, "2026-02-01"),
        ("2", "x", None, "2026-02-01"),
        ("3", "x", None, "2026-02-01"),
        ("3", "y", None, "2026-02-01"),
        ("4", "x", None, "2026-03-03"),
        ("5", "x", None, "soon"),
    )
    spark.conf.set("spark.sql.ansi.enabled", "false")
    try:
        source = record_source(delivery="snapshot", changed_at="changed")
        no_known = mapped(source).select("record_id", "content_hash")
        compared = compared_versions(mapped(source, *rows), no_known, source).select(
            "record_id", F.col("traits")["a"].alias("a"), "outcome", "errors"
        )
        assert_rows(
            compared,
            compared.columns,
            [
                ("1", "x", "rejected", ["/record_id: the snapshot has a newer row of the record"]),
                ("1", "y", "new", []),
                ("2", "x", "new", []),
                ("2", "x", "unchanged", []),
                (
                    "3",
                    "x",
                    "rejected",
                    ["/record_id: rows of the extract differ and none is newer"],
                ),
                (
                    "3",
                    "y",
                    "rejected",
                    ["/record_id: rows of the extract differ and none is newer"],
                ),
                ("4", "x", "rejected", ["/changed_at: more than 1 day after ingestion"]),
                ("5", "x", "rejected", ["/changed_at: missing or not a time with a full date"]),
            ],
        )
    finally:
        spark.conf.unset("spark.sql.ansi.enabled")


def test_current_versions_are_known_and_expired_ones_are_not(spark):
    def version(record_id: str, content_hash: str, batch_id: int, **more: object):
        row = dict(source="crm", verdict="accepted", effective_at=NOON + timedelta(batch_id))
        return row | dict(record_id=record_id, content_hash=content_hash, batch_id=batch_id) | more

    rows = bronze.RECORDS.frame(
        spark,
        version("1", "old", 0),
        version("1", "new", 1),
        version("2", "expired", 0, expires_at=NOON),
        version("3", "unexpired", 0, expires_at=NOON + timedelta(1)),
        version("4", "bad", 0, verdict="rejected"),
    )
    known = known_versions(rows, record_source(), at=NOON)
    assert_rows(known, ["record_id", "content_hash"], [("1", "new"), ("3", "unexpired")])
    ordered = known_versions(rows, record_source(changed_at="changed"), at=NOON)
    expected = [("1", "old"), ("1", "new"), ("3", "unexpired")]
    assert_rows(ordered, ["record_id", "content_hash"], expected)


def test_a_deletion_is_the_current_version_until_the_record_is_delivered_again(spark):
    def version(batch_id: int, **more: object) -> dict[str, object]:
        row = dict(source="crm", record_id="1", verdict="accepted", batch_id=batch_id)
        return row | dict(effective_at=NOON + timedelta(batch_id), is_deletion=False) | more

    rows = [version(0), version(1, is_deletion=True), version(2, verdict="rejected")]
    current = current_versions(bronze.RECORDS.frame(spark, *rows))
    assert_rows(current, ["batch_id", "is_deletion"], [(1, True)])
    current = current_versions(bronze.RECORDS.frame(spark, *rows, version(3)))
    assert_rows(current, ["batch_id", "is_deletion"], [(3, False)])


def test_of_equally_recent_versions_the_one_that_landed_last_is_current(spark):
    rows = [dict(source="crm", record_id="1", verdict="accepted", effective_at=NOON, batch_id=n)
            for n in (2, 10)]  # fmt: skip  # one row per batch
    assert_rows(current_versions(bronze.RECORDS.frame(spark, *rows)), ["batch_id"], [(10,)])


def test_a_version_expires_at_the_moment_of_its_expiry(spark):
    rows = bronze.RECORDS.frame(
        spark,
        dict(record_id="ends now", expires_at=NOON),
        dict(record_id="ends later", expires_at=NOON + timedelta(seconds=1)),
        dict(record_id="never ends"),
    )
    left = unexpired_versions(rows, at=NOON)
    assert_rows(left, ["record_id"], [("ends later",), ("never ends",)])


def test_a_known_record_without_a_row_is_missing_even_a_rejected_row_counts(mapped, spark):
    current = bronze.RECORDS.frame(
        spark,
        dict(record_id="1", is_deletion=False),
        dict(record_id="2", is_deletion=False),
        dict(record_id="3", is_deletion=True),
    )
    source = record_source(identifiers={"crm_id": "a"})
    snapshot = mapped(source, ("1", None, None, None))
    assert_rows(snapshot, ["errors"], [(["/identifiers: none has a value"],)])
    assert_rows(missing_record_ids(current, snapshot), ["record_id"], [("2",)])


def test_a_landed_version_expires_after_its_time_to_live_and_so_does_a_deletion(mapped):
    source = record_source(ttl_days=2, changed_at="changed")
    records = mapped(source, ("1", "x", None, "2026-02-01"))
    no_known = records.select("record_id", "content_hash").limit(0)
    versions = compared_versions(records, no_known, source).unionByName(
        deletions(records.selectExpr("'2' as record_id"))
    )
    rows = landed_versions(versions, source, extract="e", batch_id=3, landed_at=NOON)
    assert_rows(
        rows,
        ["record_id", "is_deletion", "changed_at", "effective_at", "expires_at", "traits"],
        [
            ("1", False, at("2026-02-01"), at("2026-02-01"), NOON + timedelta(2), {"a": "x"}),
            ("2", True, NOON, NOON, NOON + timedelta(2), None),
        ],
    )
