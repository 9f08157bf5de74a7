"""Rejected records, mapped again with a corrected source file."""

import json

import pytest

from frames import assert_rows, at
from kinfold.bronze.dead_letters.fixes import Fix
from kinfold.bronze.dead_letters.remapping import judged_again, remedies
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import EventMapping, Source
from kinfold.tables import bronze
from project import SCHEMAS

NOON = at("12:00")
REGISTRY = SchemaRegistry.load(SCHEMAS)
SHOP = Source(
    name="shop",
    display_path="shop.yaml",
    format="csv",
    timezone="Europe/Paris",
    event=EventMapping(
        event_type="'purchase'",
        occurred_at="to_timestamp(sold, 'dd/MM/yyyy')",
        identifiers={"email": "mail"},
        properties={"order_id": "id", "amount_cents": "cents", "currency": "'EUR'"},
    ),
)


def letter(offset: int, raw: str | None, **columns: object) -> dict[str, object]:
    row = dict(source="shop", source_partition="file:/a.csv", source_offset=offset)
    row |= dict(record_index=0, verdict="rejected", errors=["/: bad"], ingested_at=NOON)
    return row | dict(raw=raw, batch_id=0) | columns


def test_a_record_is_mapped_from_its_raw_text_and_an_unreadable_one_keeps_its_reason(spark):
    record = {"id": "7", "sold": "28/02/2026", "mail": "ann@shop.example", "cents": "5.0"}
    letters = bronze.EVENTS.frame(
        spark,
        letter(1, json.dumps(record), event='{"event_id": "the first mapping"}'),
        letter(2, json.dumps(record | {"sold": "02/28/2026"})),
        letter(3, "7,28/02", errors=["/: cut off"]),
        letter(4, None, raw_bytes=b"\xff", errors=["/: not UTF-8"]),
    )
    rows = judged_again(letters, SHOP, registry=REGISTRY, now=NOON).cache()
    assert_rows(
        rows,
        ["source_partition", "source_offset", "batch_id", "verdict", "errors", "occurred_at"],
        [
            ("replay:file:/a.csv", 1, -1, "accepted", [], at("2026-02-27T23:00")),
            ("replay:file:/a.csv", 2, -1, "rejected", ["/: 'occurred_at' is missing: its "
             "expression gives no value, seen sold: text like 99/99/9999"], None),
            ("replay:file:/a.csv", 3, -1, "rejected", ["/: cut off"], None),
            ("replay:file:/a.csv", 4, -1, "rejected", ["/: not UTF-8"], None),
        ],
    )  # fmt: skip  # one row per letter
    [accepted] = rows.where("verdict = 'accepted'").collect()
    assert json.loads(accepted["event"])["properties"]["amount_cents"] == 5
    assert accepted["raw"] == json.dumps(record)
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    rows.unpersist()


@pytest.mark.parametrize(
    ("remedy", "recorded"),
    [(SHOP, ["remap shop.yaml"]), ([Fix("drop", "/a")], ["drop /a"]), ((), [])],
)
def test_a_replay_records_what_was_done(remedy, recorded):
    assert remedies(remedy) == recorded
