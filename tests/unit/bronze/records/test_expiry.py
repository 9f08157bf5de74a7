"""Expired records: which rows are deleted, and what the ledger has of them."""

from datetime import UTC, datetime

import pytest

from frames import assert_rows, at
from kinfold.bronze.records.expiry import delete_expired, expired_rows
from kinfold.governance.ledger import ledger_laws
from kinfold.runtime.lake.lake import Lake
from kinfold.tables import bronze, ops
from lakes import lake_of

NOW = at("12:00")
LAST_YEAR, NEXT_YEAR = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def version(record_id, raw, effective, expires_at, **changes):
    row = dict(
        source="crm",
        record_id=record_id,
        content_hash=raw,
        batch_id=0,
        copy=0,
        extract="e",
        ingested_at=LAST_YEAR,
        raw=raw,
        verdict="accepted",
        errors=[],
        is_deletion=False,
        party="third",
        purposes=["ads"],
        effective_at=at(effective),
        expires_at=expires_at,
    )
    return {**row, **changes}


def rejected(raw, expires_at, record_id="r"):
    row = version(record_id, raw, "09:00", expires_at)
    return {**row, "verdict": "rejected", "effective_at": None}


def test_rows_of_which_the_time_to_live_has_ended_are_deleted_whatever_their_verdict(spark):
    records = bronze.RECORDS.frame(
        spark,
        version("1", "ends now", "09:00", NOW),
        version("2", "lives", "09:00", at("12:01")),
        version("3", "has no end", "09:00", None),
        rejected("rejected", NOW),
        rejected("rejected, lives", at("12:01")),
        version("4", "is deleted", "09:00", NOW, is_deletion=True),
    )
    ended = [("ends now",), ("is deleted",), ("rejected",)]
    assert_rows(expired_rows(records, at=NOW), ["raw"], ended)


def test_an_old_version_is_never_current_again(spark):
    records = bronze.RECORDS.frame(
        spark,
        version("1", "old, landed late", "08:00", NEXT_YEAR),
        version("1", "current", "09:00", NOW),
        rejected("rejected", NEXT_YEAR, record_id="1"),
        version("2", "old", "08:00", NOW),
        version("2", "current, lives", "09:00", NEXT_YEAR),
    )
    ended = [("current",), ("old",), ("old, landed late",)]
    assert_rows(expired_rows(records, at=NOW), ["raw"], ended)


def landed(batch_id, accepted, rejected):
    return dict(
        stage="records",
        source="crm",
        batch_id=batch_id,
        records_in=accepted + rejected,
        unpacked=0,
        accepted=accepted,
        rejected=rejected,
        added=accepted,
        duplicates=0,
        table_version=1,
        run_id="r",
        recorded_at=LAST_YEAR,
    )


@pytest.fixture
def lake(spark, lake_root):
    """Two expired rows and one that lives, of a recorded extract; one row of an open extract."""
    lake = lake_of(spark, lake_root)
    rows = [
        version("1", "a", "09:00", LAST_YEAR),
        version("2", "b", "09:00", NEXT_YEAR),
        rejected("c", LAST_YEAR),
        version("3", "d", "09:00", LAST_YEAR, batch_id=1),
    ]
    lake.append(bronze.RECORDS, bronze.RECORDS.frame(spark, *rows))
    lake.append_record(ops.BATCHES, [landed(0, accepted=2, rejected=1)])
    return lake


def are_lawful(lake):
    return all(law.holds for law in ledger_laws(lake))


def raws(lake):
    return sorted(row["raw"] for row in lake.read(bronze.RECORDS).select("raw").collect())


def test_expired_rows_are_deleted_once_and_counted_although_a_run_is_killed(lake, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "delete_keys", killed)
        with pytest.raises(KeyboardInterrupt):
            delete_expired(lake)
    assert raws(lake) == ["a", "b", "c", "d"]
    assert are_lawful(lake)
    assert delete_expired(lake) == {"expired": 2}
    assert raws(lake) == ["b", "d"], "the extract of d is not recorded yet"
    assert are_lawful(lake)
    assert delete_expired(lake) == {}
    assert lake.read(ops.BATCHES).where("stage = 'expired'").count() == 1
