"""What of an extract is news."""

from datetime import timedelta

import pytest
from pyspark.sql import functions as F

from frames import assert_rows, at
from kinfold.bronze.records.declaration import RecordSource
from kinfold.bronze.records.versions import compared_versions, known_versions, mapped_records
from kinfold.bronze.sources.files import Rows
from kinfold.tables import bronze

NOON = at("12:00")


def source_of(**changes: object) -> RecordSource:
    declared = dict(
        name="crm",
        display_path="crm.yaml",
        format="csv",
        delivery="delta",
        party="first",
        record_id="id",
        identifiers={"crm_id": "id"},
        traits={"a": "a", "b": "b"},
    )
    return RecordSource.model_validate(declared | changes)


@pytest.fixture
def mapped(spark):
    """`mapped(source, (id, a, b, changed), ...)`"""

    def records(source: RecordSource, *cells: tuple[str | None, ...]):
        columns = ("id", "a", "b", "changed")
        frame = spark.createDataFrame(list(cells), ", ".join(f"{c} string" for c in columns))
        raw = F.to_json(F.struct(*columns), {"ignoreNullFields": "false"})
        rows = Rows(frame, columns, raw=raw, unreadable=F.lit(None))
        return mapped_records(rows, source, landed_at=NOON)

    return records


def test_contents_that_differ_never_share_a_hash(mapped):
    """Absent and shifted values, separators and quotes in them, and other terms."""
    cells = [
        ("1", "x", None),
        ("1", None, "x"),
        ("1", "x,", "y"),
        ("1", "x", ",y"),
        ("1", 'x","b":"', "y"),
    ]
    records = mapped(source_of(), *((*c, None) for c in cells))
    other = mapped(source_of(agreement="A-1"), ("1", "x", None, None))
    assert records.unionByName(other).select("content_hash").distinct().count() == 6


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
        source = source_of(delivery="snapshot", changed_at="changed")
        none = mapped(source).select("record_id", "content_hash")
        compared = compared_versions(mapped(source, *rows), none, source).select(
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
                ("5", "x", "rejected", ["/changed_at: missing or not a time"]),
            ],
        )
    finally:
        spark.conf.unset("spark.sql.ansi.enabled")


def test_only_what_holds_is_known_and_what_has_expired_is_not(spark):
    def version(record_id: str, content_hash: str, batch_id: int, **more: object):
        row = dict(source="crm", verdict="accepted", effective_at=NOON + timedelta(batch_id))
        return row | dict(record_id=record_id, content_hash=content_hash, batch_id=batch_id) | more

    rows = bronze.RECORDS.frame(
        spark,
        version("1", "old", 0),
        version("1", "new", 1),
        version("2", "expired", 0, expires_at=NOON),
        version("3", "held", 0, expires_at=NOON + timedelta(1)),
        version("4", "bad", 0, verdict="rejected"),
    )
    known = known_versions(rows, source_of(), at=NOON)
    assert_rows(known, ["record_id", "content_hash"], [("1", "new"), ("3", "held")])
    ordered = known_versions(rows, source_of(changed_at="changed"), at=NOON)
    expected = [("1", "old"), ("1", "new"), ("3", "held")]
    assert_rows(ordered, ["record_id", "content_hash"], expected)
