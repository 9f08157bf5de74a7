"""Membership: who is in which segment, and since when."""

import pytest

from frames import assert_rows, at
from kinfold.gold.segmentation.membership import segment_members
from kinfold.tables import gold

pytestmark = pytest.mark.xdist_group("segmentation")  # on one worker, for what they share
JANUARY, MARCH = at("2026-01-31"), at("2026-03-31")


def test_the_first_run_puts_everyone_where_they_are_since_now(people, found):
    members = segment_members(people, model=found.model, version=2)
    assert members.columns == list(gold.SEGMENT_MEMBERS.columns)
    assert_rows(
        members.groupBy("segment_id", "model_version", "as_of", "since").count(),
        ["segment_id", "model_version", "as_of", "since", "count"],
        [(segment_id, 2, MARCH, MARCH, 100) for segment_id in range(3)],
    )


def test_who_stayed_keeps_the_date_and_who_moved_or_changed_version_starts_anew(
    spark, people, found
):
    now = segment_members(people, model=found.model, version=2).orderBy("profile_id").collect()
    stayed, moved, older_version, new = now[:4]
    previous = gold.SEGMENT_MEMBERS.frame(
        spark,
        _before(stayed),
        _before(moved, segment_id=(moved["segment_id"] + 1) % 3),
        _before(older_version, model_version=1),
    )
    actual = segment_members(people, previous, model=found.model, version=2)
    ids = [row["profile_id"] for row in (stayed, moved, older_version, new)]
    assert_rows(
        actual.where(actual["profile_id"].isin(ids)),
        ["profile_id", "since"],
        list(zip(ids, (JANUARY, MARCH, MARCH, MARCH), strict=True)),
    )
    assert actual.count() == 300


def test_running_it_twice_changes_nothing(people, found):
    once = segment_members(people, model=found.model, version=2)
    twice = segment_members(people, once, model=found.model, version=2)
    assert once.exceptAll(twice).count() == 0


def _before(row, **changes):
    return {**row.asDict(), "as_of": JANUARY, "since": JANUARY, **changes}
