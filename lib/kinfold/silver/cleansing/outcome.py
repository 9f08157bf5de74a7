"""The outcome of a run of clean_events: counted, compared, and recorded in the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from pyspark.sql import DataFrame, Row, functions as F

from kinfold.governance.ledger import record_silver_batch
from kinfold.runtime.caching import cached
from kinfold.runtime.job import JobRun
from kinfold.silver.cleansing.conservation import conservation
from kinfold.silver.cleansing.duplicates import LINEAGE, conflicts, copies, first_valid, valid
from kinfold.silver.cleansing.events import accepted_records
from kinfold.tables import bronze, silver
from kinfold.tables.collected import collected

_SHOWN = 3
_COMPARED = ("event_id", "occurred_at", "is_late", "ingested_at", *LINEAGE)


def publish_events(
    run: JobRun, *, typed: Callable[[DataFrame], DataFrame], own_ids: Sequence[str]
) -> None:
    """Add the new events to silver.events, and record what became of each accepted record.

    Args:
        typed: from records to silver.events columns, see `cleansed_events`.
        own_ids: see `accepted_records`.

    Raises:
        LedgerError: records are lost.
    """
    records = accepted_records(run.changes(bronze.EVENTS), own_ids=own_ids)
    run.publish_new(silver.EVENTS, first_valid(typed(records)))
    is_in_order = _record_outcome(run, records, typed=typed)
    if not is_in_order and not run.is_rebuild:
        # Two streams landed the same event at the same time, and the run before this one saw only
        # the batch that started later.
        run.start_again("a copy of an event started to land before the event")
        publish_events(run, typed=typed, own_ids=own_ids)


def _record_outcome(
    run: JobRun, records: DataFrame, *, typed: Callable[[DataFrame], DataFrame]
) -> bool:
    """Count what became of the accepted records of a run, after its commit.

    Reads the rows of silver.events with an id of the records, not the whole table.

    Args:
        records: see `accepted_records`.
        typed: from records to silver.events columns, see `cleansed_events`.

    Returns:
        Whether no valid copy landed before its event.

    Raises:
        LedgerError: records are lost.
    """
    is_in_order = True
    events = run.rows_with_keys(silver.EVENTS, records).select(*_COMPARED)
    if not run.is_rebuild:
        events = cached(events)  # few rows, for which all ids of the table are read
    quarantined, hashed = run.lake.quarantined(silver.EVENTS), run.lake.keyed_hash.column
    outcome = conservation(records, events, quarantined, hashed=hashed)
    if outcome.duplicates:
        copied = cached(copies(records, events))
        earlier = copied.where("is_first")
        is_in_order = earlier.isEmpty() or valid(typed(earlier)).isEmpty()
        found = _conflicts(run, copied, typed)
        outcome = replace(outcome, conflicting=sum(row["conflicting"] for row in found))
        if found:
            run.note(conflict_line(found, duplicates=outcome.duplicates))
    run.count(**asdict(outcome))
    record_silver_batch(run, **asdict(outcome))
    return is_in_order


def _conflicts(
    run: JobRun, copied: DataFrame, typed: Callable[[DataFrame], DataFrame]
) -> list[Row]:
    at = F.unix_micros("original_at")
    first, last = collected(copied.agg(F.min(at), F.max(at)))[0]
    if first is None:
        return []
    # Only the files of the period of the originals are read: their contents are wide columns.
    start, end = (F.timestamp_micros(F.lit(time)) for time in (first, last))
    is_near = (F.col("occurred_at") >= start) & (F.col("occurred_at") <= end)
    ids = copied.select("event_id").distinct()
    originals = run.lake.read(silver.EVENTS).where(is_near).join(ids, "event_id", how="semi")
    return collected(conflicts(typed(copied), originals))


def conflict_line(found: Sequence[Row], *, duplicates: int) -> str:
    """One line about copies that contradict their events.

    Args:
        found: rows of `conflicts`.
    """
    ordered = sorted(found, key=lambda r: (-r["conflicting"], r["source"], r["original_source"]))
    pairs = [
        f"{row['conflicting']:,} of {row['source']} against {row['original_source']}"
        for row in ordered[:_SHOWN]
    ]
    pairs += ["..."] if len(ordered) > _SHOWN else []
    total = sum(row["conflicting"] for row in found)
    return (
        f"{total:,} of {duplicates:,} duplicates differ from the event with the same id in type, "
        f"properties or identifiers ({', '.join(pairs)}), and are left out. If a source numbers "
        "its events itself, add its name to events.sources_with_own_ids; otherwise correct its ids."
    )
