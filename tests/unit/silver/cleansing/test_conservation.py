"""Where every accepted record has gone."""

from pyspark.sql import functions as F

from kinfold.silver.cleansing.conservation import conservation
from kinfold.tables import bronze, ops, silver


def record(event_id, offset):
    return dict(
        event_id=event_id,
        source="web",
        source_partition="f",
        source_offset=offset,
        record_index=0,
    )


def quarantined(spark, *event_ids):
    return ops.QUARANTINE.frame(spark, *({"key": f'{{"event_id":"{e}"}}'} for e in event_ids))


def conserved(records, events, quarantined):
    """The outcome with `F.lower` in the place of a hash."""
    return conservation(records, events, quarantined, hashed=F.lower)


def counts_of(outcome):
    return (
        outcome.accepted,
        outcome.added,
        outcome.duplicates,
        outcome.quarantined,
        outcome.lost,
    )


def test_a_record_is_added_a_duplicate_or_lost(spark):
    records = bronze.EVENTS.frame(
        spark, record("a", 0), record("a", 1), record("b", 2), record("gone", 3)
    )
    events = silver.EVENTS.frame(spark, record("a", 0), record("b", 99))
    assert counts_of(conserved(records, events, quarantined(spark))) == (4, 1, 2, 0, 1)


def test_of_the_records_of_a_quarantined_event_one_is_quarantined_and_the_rest_duplicates(spark):
    records = bronze.EVENTS.frame(
        spark, record("BAD", 0), record("BAD", 1), record("BAD", 2), record("a", 3)
    )
    events = silver.EVENTS.frame(spark, record("a", 3))
    assert counts_of(conserved(records, events, quarantined(spark, "bad"))) == (4, 1, 2, 1, 0)


def test_a_bad_copy_of_a_known_event_is_quarantined_once(spark):
    records = bronze.EVENTS.frame(spark, record("a", 1), record("a", 2))
    events = silver.EVENTS.frame(spark, record("a", 0))
    assert counts_of(conserved(records, events, quarantined(spark, "a"))) == (2, 0, 1, 1, 0)


def test_what_an_earlier_run_set_aside_hides_no_loss(spark):
    records = bronze.EVENTS.frame(spark, record("gone", 0))
    events = silver.EVENTS.frame(spark)
    assert counts_of(conserved(records, events, quarantined(spark, "other"))) == (1, 0, 0, 0, 1)


def test_only_late_events_that_were_added_count_as_late(spark):
    records = bronze.EVENTS.frame(spark, record("a", 0), record("b", 1), record("c", 2))
    events = silver.EVENTS.frame(
        spark,
        record("a", 0) | dict(is_late=True),
        record("b", 1) | dict(is_late=None),
        record("c", 99) | dict(is_late=True),
    )
    assert conserved(records, events, quarantined(spark)).late == 1


def test_no_records_conserve_nothing(spark):
    nothing = bronze.EVENTS.frame(spark), silver.EVENTS.frame(spark)
    assert counts_of(conserved(*nothing, quarantined(spark))) == (0, 0, 0, 0, 0)
