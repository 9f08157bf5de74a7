"""Rejected events, validated again; tests/jobs/test_replay_dead_letters lands them."""

import json
from datetime import timedelta

import pytest

from frames import assert_rows, at
from kinfold.bronze.dead_letters.fixes import Fix
from kinfold.bronze.dead_letters.replay import (
    Selection,
    dead_letters,
    letter_counts,
    repeated_reasons,
    revalidated,
)
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.tables import bronze, ops
from lakes import lake_of
from project import SCHEMAS
from records import purchase

NOON = at("12:00")
PRICED = purchase("e1", properties={"order_id": "o1", "price": 250, "currency": "GBP"}).strip()
FIX = Fix("rename", "/properties/price", "/properties/amount_cents")


def letter(offset: int, **columns: object) -> dict[str, object]:
    row = dict(source="shop", source_partition="file:/a", source_offset=offset, record_index=0)
    row |= dict(verdict="rejected", errors=["/: bad"], ingested_at=NOON, raw="{}", batch_id=0)
    return row | columns


@pytest.fixture
def lake(spark, lake_root):
    lake = lake_of(spark, lake_root)
    rows = (
        letter(0, verdict="accepted", errors=[]),
        letter(1, errors=["/a: bad", "/properties/currency: missing"], event_type="wish"),
        letter(2, source="other", ingested_at=NOON + timedelta(hours=1)),
        letter(3),
    )
    lake.append(bronze.EVENTS, bronze.EVENTS.frame(spark, *rows))
    return lake


@pytest.mark.parametrize(
    ("selection", "offsets"),
    [
        (Selection(), {1, 2, 3}),
        (Selection(sources=["shop"]), {1, 3}),
        (Selection(event_type="wish"), {1}),
        (Selection(reason="/properties/currency"), {1}),
        (Selection(since=NOON + timedelta(hours=1)), {2}),
        (Selection(until=NOON + timedelta(hours=1)), {1, 3}),
        (Selection(sources=["shop"], reason="/: bad"), {3}),
    ],
)
def test_a_selection_matches_rejected_rows_only(spark, selection, offsets):
    rows = bronze.EVENTS.frame(
        spark,
        letter(0, verdict="accepted", errors=[]),
        letter(1, errors=["/a: bad", "/properties/currency: missing"], event_type="wish"),
        letter(2, source="other", ingested_at=NOON + timedelta(hours=1)),
        letter(3),
    )
    found = rows.where(selection.condition()).select("source_offset").collect()
    assert {row[0] for row in found} == offsets


def test_a_replayed_letter_is_not_selected_again_and_one_that_failed_is(lake):
    key = dict(source="shop", source_partition="file:/a", record_index=0)
    rest = dict(errors=[], fixes="", run_id="r", replayed_at=NOON)
    lake.append(
        ops.REPLAYS,
        ops.REPLAYS.frame(
            lake.spark,
            key | rest | dict(source_offset=1, outcome="replayed"),
            key | rest | dict(source_offset=3, outcome="failed again", errors=["/: bad"]),
        ),
    )
    assert_rows(dead_letters(lake, Selection()), ["source_offset"], [(2,), (3,)])


def test_a_fixed_letter_has_a_new_verdict_and_key_and_keeps_what_was_received(spark):
    letters = bronze.EVENTS.frame(
        spark,
        letter(1, raw=PRICED),
        letter(2, raw="cut off {", errors=["/: not JSON"]),
        letter(3, raw=None, raw_bytes=b"\xff", errors=["/: not UTF-8"]),
        letter(4, raw="a,b", event=PRICED),
    )
    registry = SchemaRegistry.load(SCHEMAS)
    rows = revalidated(letters, [FIX], registry=registry, now=NOON).cache()
    assert_rows(
        rows,
        ["source_partition", "source_offset", "batch_id", "verdict", "errors", "raw"],
        [
            ("replay:file:/a", 1, -1, "accepted", [], PRICED),
            ("replay:file:/a", 2, -1, "rejected", ["/: not JSON"], "cut off {"),
            ("replay:file:/a", 3, -1, "rejected", ["/: not UTF-8"], None),
            ("replay:file:/a", 4, -1, "accepted", [], "a,b"),
        ],
    )
    event = json.loads(rows.where("source_offset = 4").collect()[0]["event"])
    assert event["properties"] == {"order_id": "o1", "amount_cents": 250, "currency": "GBP"}
    assert letter_counts(rows) == {"letters": 4, "replayed": 2, "failed_again": 2}
    assert repeated_reasons(rows) == [("/: not JSON", 1), ("/: not UTF-8", 1)]
    rows.unpersist()


def test_no_letters_have_no_reasons(spark):
    none = bronze.EVENTS.frame(spark)
    assert letter_counts(none) == {"letters": 0, "replayed": 0, "failed_again": 0}
    assert repeated_reasons(none) == []
