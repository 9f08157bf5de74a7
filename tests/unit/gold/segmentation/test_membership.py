"""Membership: the segment of each person, and since when."""

import pytest

from frames import assert_rows, at
from kinfold.gold.segmentation.membership import segment_members
from kinfold.tables import gold

pytestmark = pytest.mark.xdist_group("segmentation")  # on one worker, to share its fixtures
JANUARY, MARCH = at("2026-01-31"), at("2026-03-31")


def test_on_the_first_run_all_people_are_in_their_segment_since_now(people, clustering):
    members = segment_members(people, model=clustering.model, version=2)
    assert members.columns == list(gold.SEGMENT_MEMBERS.columns)
    assert_rows(
        members.groupBy("segment_id", "model_version", "as_of", "since").count(),
        ["segment_id", "model_version", "as_of", "since", "count"],
        [(segment_id, 2, MARCH, MARCH, 100) for segment_id in range(3)],
    )


def test_since_is_kept_within_a_segment_and_reset_by_a_move_or_a_new_version(
    spark, people, clustering
):
    now = segment_members(people, model=clustering.model, version=2).orderBy("profile_id").collect()
    stayed, moved, older_version, new = now[:4]
    previous = gold.SEGMENT_MEMBERS.frame(
        spark,
        _before(stayed),
        _before(moved, segment_id=(moved["segment_id"] + 1) % 3),
        _before(older_version, model_version=1),
    )
    actual = segment_members(people, previous, model=clustering.model, version=2)
    ids = [row["profile_id"] for row in (stayed, moved, older_version, new)]
    assert_rows(
        actual.where(actual["profile_id"].isin(ids)),
        ["profile_id", "since"],
        list(zip(ids, (JANUARY, MARCH, MARCH, MARCH), strict=True)),
    )
    assert actual.count() == 300


def test_a_second_run_changes_nothing(people, clustering):
    once = segment_members(people, model=clustering.model, version=2)
    twice = segment_members(people, once, model=clustering.model, version=2)
    assert once.exceptAll(twice).count() == 0


def _before(row, **changes):
    return {**row.asDict(), "as_of": JANUARY, "since": JANUARY, **changes}
