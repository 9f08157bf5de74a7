"""What counts as a copy of an event."""

from frames import assert_rows, at
from kinfold.silver.cleansing.duplicates import conflicts, copies, first_valid, valid
from kinfold.tables import silver

ANN, BOB = ({"namespace": "user_id", "value": name} for name in ("ann", "bob"))


def event(event_id, source="web", offset=0, **values):
    """A valid row of silver.events, or a record of it."""
    times = dict(occurred_at=at("09:00"), received_at=at("09:00"), ingested_at=at("12:00"))
    known = dict(event_type="login", identifiers=[], is_before_earliest=False)
    lineage = dict(source_partition="p", source_offset=offset, record_index=0)
    return dict(event_id=event_id, source=source) | times | known | lineage | values


def events(spark, *rows):
    return silver.EVENTS.frame(spark, *rows)


def test_the_first_record_by_ingestion_then_by_position_is_the_event(spark):
    records = events(
        spark,
        event("e", "a", 0, ingested_at=at("13:00")),
        event("e", "b", 9),
        event("e", "b", 3),
    )
    assert_rows(first_valid(records), ["source", "source_offset"], [("b", 3)])


def test_a_record_that_breaks_a_rule_is_the_event_only_if_all_do(spark):
    records = events(
        spark,
        event("mended", offset=0, amount_cents=-1),
        event("mended", offset=1, amount_cents=1),
        event("bad", offset=2, amount_cents=-1),
        event("bad", offset=3, amount_cents=-2),
    )
    expected = [("mended", 1), ("bad", 2)]
    assert_rows(first_valid(records), ["event_id", "source_offset"], expected)
    assert_rows(valid(records), ["event_id", "source_offset"], [("mended", 1)])


def test_a_copy_is_a_record_of_a_known_event_at_another_position(spark):
    stored = events(spark, event("e", occurred_at=at("2026-01-01")))
    records = events(spark, event("e", offset=0), event("e", offset=1), event("new", offset=2))
    columns = ["event_id", "source_offset", "original_at"]
    assert_rows(copies(records, stored), columns, [("e", 1, at("2026-01-01"))])


def test_a_copy_with_other_content_is_a_conflict_and_one_with_other_times_is_not(spark):
    stored = events(
        spark,
        event("1", "shop_a", properties='{"n":1}', identifiers=[ANN]),
        event("2", "shop_a", properties=None),
    )
    copied = events(
        spark,
        event("1", "shop_a", properties='{"n":1}', identifiers=[ANN], received_at=at("2026-05-01")),
        event("1", "shop_b", properties='{"n":2}', identifiers=[ANN]),
        event("1", "shop_b", properties='{"n":1}', identifiers=[BOB]),
        event("1", "shop_c", 0, properties='{"n":1}', identifiers=[ANN])
        | dict(event_type="page_view"),
        event("2", "shop_a", properties=None),
        event("2", "shop_c", properties="{}"),
    )
    columns = ["source", "original_source", "conflicting"]
    expected = [("shop_b", "shop_a", 2), ("shop_c", "shop_a", 2)]
    assert_rows(conflicts(copied, stored), columns, expected)
