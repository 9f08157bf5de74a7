"""The outcome of a run of clean_events: counted, compared, and recorded in the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from pyspark.sql import DataFrame, Row, functions as F

from kinfold.governance.ledger import record_silver_batch
from kinfold.runtime.caching import cached
from kinfold.runtime.job import JobRun
from kinfold.silver.cleansing.conservation import conservation
from kinfold.silver.cleansing.duplicates import conflicts, copies
from kinfold.tables import silver

_SHOWN = 3


def record_outcome(
    run: JobRun, records: DataFrame, *, typed: Callable[[DataFrame], DataFrame]
) -> None:
    """Count what became of the accepted records of a run, after its commit.

    Reads the rows of silver.events with an id of the records, not the whole table.

    Args:
        records: see `accepted_records`.
        typed: from records to silver.events columns, see `cleansed_events`.

    Raises:
        LedgerError: records are lost.
    """
    events = run.rows_with_keys(silver.EVENTS, records)
    outcome = conservation(records, events, run.lake.quarantined(silver.EVENTS))
    if outcome.duplicates:
        found = _conflicts(run, records, events, typed)
        outcome = replace(outcome, conflicting=sum(row["conflicting"] for row in found))
        if found:
            run.note(conflict_line(found, duplicates=outcome.duplicates))
    run.count(**asdict(outcome))
    record_silver_batch(run, **asdict(outcome))


def _conflicts(
    run: JobRun,
    records: DataFrame,
    events: DataFrame,
    typed: Callable[[DataFrame], DataFrame],
) -> list[Row]:
    copied = cached(copies(records, events))
    at = F.unix_micros("original_at")
    first, last = copied.agg(F.min(at), F.max(at)).collect()[0]
    if first is None:
        return []
    # Only the files of the period of the originals are read: their contents are wide columns.
    start, end = (F.timestamp_micros(F.lit(time)) for time in (first, last))
    is_near = (F.col("occurred_at") >= start) & (F.col("occurred_at") <= end)
    ids = copied.select("event_id").distinct()
    originals = run.lake.read(silver.EVENTS).where(is_near).join(ids, "event_id", how="semi")
    return conflicts(typed(copied), originals).collect()


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
