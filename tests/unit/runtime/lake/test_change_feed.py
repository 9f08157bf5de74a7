"""The change feed of a table."""

import pytest

from frames import assert_rows
from kinfold.core.errors import LakeError
from kinfold.runtime.lake.change_feed import CHANGE_TYPE, changes_between
from lakes import MEMBERS, members

P, Q = ("0" * 31 + digit for digit in "12")


def test_the_feed_has_the_changes_after_one_version_up_to_another(lake, spark):
    lake.upsert(MEMBERS, members(spark, a=P))
    first = lake.version(MEMBERS)
    lake.upsert(MEMBERS, members(spark, a=Q, b=P))
    feed = changes_between(lake, MEMBERS, after=first, until=lake.version(MEMBERS))
    assert_rows(
        feed,
        ["value", "profile_id", CHANGE_TYPE],
        [("a", P, "update_preimage"), ("a", Q, "update_postimage"), ("b", P, "insert")],
    )


def test_no_new_version_is_an_empty_feed_with_its_columns(lake, spark):
    lake.upsert(MEMBERS, members(spark, a=P))
    version = lake.version(MEMBERS)
    feed = changes_between(lake, MEMBERS, after=version, until=version)
    assert feed.columns == [*MEMBERS.columns, CHANGE_TYPE, "_commit_version"]
    assert feed.count() == 0


def test_a_table_that_does_not_exist_has_no_feed(lake):
    with pytest.raises(LakeError, match=r"silver.members: does not exist in the lake"):
        changes_between(lake, MEMBERS, after=0, until=1)
