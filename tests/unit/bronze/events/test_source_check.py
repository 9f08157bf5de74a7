"""What the first records of a source would become."""

import pytest

from frames import at
from kinfold.bronze.events.source_check import checked_events, checked_records
from kinfold.bronze.schemas.registry import SchemaRegistry
from kinfold.bronze.sources.declaration import EventMapping, Source
from kinfold.core.errors import ConfError
from project import SCHEMAS
from record_samples import record_source

REGISTRY = SchemaRegistry.load(SCHEMAS)
NOON = at("2026-03-01T12:00")


def shop(folder, **changes: object) -> Source:
    mapping = EventMapping(
        event_type="'purchase'",
        occurred_at="at",
        identifiers={"email": "mail"},
        properties={"order_id": "id", "amount_cents": "cents", "currency": "'EUR'"},
    )
    source = Source(
        name="shop", display_path="shop.yaml", format="json", input=str(folder), event=mapping
    )
    return source.model_copy(update=changes)


def test_the_first_records_are_counted_by_reason_and_no_value_is_quoted(spark, tmp_path):
    line = '{"id":"7","at":"2026-03-01T10:00:00Z","mail":"ann@shop.example","cents":"%s"}\n'
    (tmp_path / "a.json").write_text(line % 5 + line % -1 + line % -2 + "{\n" + "not reached\n")
    lines = checked_events(spark, shop(tmp_path), REGISTRY, count=4, now=NOON)
    assert lines[:4] == [
        f"shop.yaml: the first 4 records of {tmp_path}",
        "  accepted events: 1, rejected records: 3",
        "        2 x /properties/amount_cents: expected minimum 0, seen -1 (first: row 2)",
        "        1 x /: not a JSON object (first: row 4)",
    ]
    assert "    /identifiers/email: text like aaa@aaaa.aaaaaaa" in lines
    assert "    /properties/amount_cents: 5" in lines
    assert "    /occurred_at: 2026-03-01T10:00:00.000000Z" in lines
    assert "ann@" not in "".join(lines)


def test_a_topic_is_not_checked(spark):
    with pytest.raises(ConfError, match="a topic is not checked"):
        checked_events(spark, shop("t", format="kafka"), REGISTRY, count=1, now=NOON)


def test_rows_of_a_batch_source_are_checked_too(spark, tmp_path):
    (tmp_path / "a.csv").write_text("id,a,b\n1,x,y\n,x,y\n")
    source = record_source(input=str(tmp_path))
    lines = checked_records(spark, source, count=10, now=NOON)
    assert lines[1:4] == [
        "  accepted records: 1, rejected records: 1",
        "        1 x /identifiers: none has a value (first: row 2)",
        "        1 x /record_id: missing (first: row 2)",
    ]
