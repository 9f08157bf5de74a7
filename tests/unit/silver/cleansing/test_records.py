"""Current records of batch sources."""

from datetime import date

import pytest

from frames import assert_rows, at
from kinfold.silver.cleansing.identifiers import Spelling
from kinfold.silver.cleansing.records import (
    current_records,
    expiry_moment,
    has_expired,
    removed_records,
)
from kinfold.tables import bronze, silver

RULES = dict(at=at("12:00"), spelling=Spelling(), earliest=date(2000, 1, 1))


@pytest.mark.parametrize(
    ("as_of", "expected"), [(None, "12:00"), ("11:00", "12:00"), ("13:00", "13:00")]
)
def test_records_expire_at_the_later_of_the_start_and_as_of(as_of, expected):
    moment = at(as_of) if as_of else None
    assert expiry_moment(at("12:00"), as_of=moment) == at(expected)


def version(record_id, moment, **changes):
    row = dict(source="crm", record_id=record_id, verdict="accepted", is_deletion=False)
    row |= dict(effective_at=at(moment), batch_id=1, content_hash=moment, copy=0)
    row |= dict(identifiers={"email": f" {moment}@X.org "}, traits={}, purposes=[])
    return {**row, **changes}


def test_a_record_is_current_unless_it_is_deleted_or_expired(spark):
    versions = bronze.RECORDS.frame(
        spark,
        version("1", "09:00"),
        version("1", "10:00"),
        version("deleted", "09:00"),
        version("deleted", "10:00", is_deletion=True, identifiers=None),
        version("expired", "09:00", expires_at=at("12:00")),
        version("2", "09:00", expires_at=at("12:01")),
    )
    records = current_records(versions, **RULES)
    identifiers = records.selectExpr("record_id", "get(identifiers, 0).value as value")
    assert_rows(identifiers, ["record_id", "value"], [("1", "10:00@x.org"), ("2", "09:00@x.org")])


def test_a_record_dated_before_the_earliest_day_is_marked(spark):
    versions = bronze.RECORDS.frame(
        spark,
        version("epoch", "09:00", changed_at=at("1970-01-01"), ingested_at=at("09:00")),
        version("old", "09:00", changed_at=at("2000-01-01")),
    )
    records = current_records(versions, **RULES)
    expected = [("epoch", True, at("09:00")), ("old", False, None)]
    assert_rows(records, ["record_id", "is_before_earliest", "ingested_at"], expected)


def test_a_record_has_an_identifier_since_its_first_version_with_it(spark):
    ann, bea = {"email": "ann@x.org"}, {"email": "ann@x.org", "crm_id": "7"}
    versions = bronze.RECORDS.frame(
        spark,
        version("1", "08:00", changed_at=at("08:00"), identifiers=ann, verdict="rejected"),
        version("1", "09:00", changed_at=at("09:00"), identifiers=ann),
        version("1", "10:00", changed_at=at("10:00"), identifiers=bea),
        version("1", "11:00", changed_at=at("11:00"), identifiers=bea, traits={"city": "Ely"}),
        version("none", "11:00", changed_at=at("11:00"), identifiers={}),
    )
    records = current_records(versions, **RULES).select(
        "record_id", "identifiers.namespace", "identifiers_since"
    )
    expected = [
        ("1", ["crm_id", "email"], [at("10:00"), at("09:00")]),
        ("none", [], []),
    ]
    assert_rows(records, ["record_id", "namespace", "identifiers_since"], expected)


def test_records_have_expired_once_their_time_to_live_has_ended(spark):
    records = silver.RECORDS.frame(spark, dict(record_id="1"), dict(expires_at=at("12:00")))
    assert not has_expired(records, at=at("11:59"))
    assert has_expired(records, at=at("12:00"))


def test_removed_records_existed_before_and_do_not_exist_now(spark):
    def records(*ids):
        return silver.RECORDS.frame(spark, *(dict(source="crm", record_id=i) for i in ids))

    removed = removed_records(records("1", "2"), records("2", "3"))
    assert_rows(removed, ["source", "record_id"], [("crm", "1")])
