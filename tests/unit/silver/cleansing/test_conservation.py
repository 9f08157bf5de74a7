"""Where every accepted record has gone."""

from kinfold.silver.cleansing.conservation import conservation
from kinfold.tables import bronze, silver


def record(event_id, offset):
    return dict(
        event_id=event_id,
        source="web",
        source_partition="f",
        source_offset=offset,
        record_index=0,
    )


def test_a_record_is_added_a_duplicate_or_lost(spark):
    records = bronze.EVENTS.frame(
        spark, record("a", 0), record("a", 1), record("b", 2), record("gone", 3)
    )
    events = silver.EVENTS.frame(spark, record("a", 0), record("b", 99))
    outcome = conservation(records, events)
    assert (outcome.accepted, outcome.added, outcome.duplicates, outcome.lost) == (4, 1, 2, 1)


def test_no_records_conserve_nothing(spark):
    outcome = conservation(bronze.EVENTS.frame(spark), silver.EVENTS.frame(spark))
    assert (outcome.accepted, outcome.added, outcome.duplicates, outcome.lost) == (0, 0, 0, 0)
